// Servers of roots behind a network, on ports of 127.0.0.1, which a guest reaches as 10.0.2.2: NFS 4 by nfs-ganesha
// (in user space; version 3 needs rpcbind, which would have to have port 111 of this machine), iSCSI by tgt.
// Man pages: ganesha-core-config(8), ganesha-vfs-config(8), tgtd(8), tgtadm(8).
import { rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { ensureNfsServer, ensureStorageTools } from '../../scripts/setup/debian-tree.ts'
import { serveFromTree } from './chroot-server.ts'
import { ownPath } from './own-files.ts'

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Serves a folder as '/export', for reading and writing by root. */
export function serveNfs(folder: string, port: number): Promise<() => void> {
  const config = [
    `NFS_CORE_PARAM { Protocols = 4; NFS_Port = ${port}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; allow_set_io_flusher_fail = true; }`,
    'NFSV4 { Graceless = true; Minor_Versions = 0,1,2; }',
    'EXPORT { Export_Id = 1; Path = /mnt/export; Pseudo = /export; Access_Type = RW; Squash = none; Sectype = sys; Protocols = 4; FSAL { Name = VFS; } }',
  ].join('\n')
  return serveFromTree({
    name: 'nfs-ganesha', tree: ensureNfsServer(), port,
    prepare: `mkdir "$tree/mnt/export"; mount --bind ${quoted(folder)} "$tree/mnt/export"
mkdir -p "$tree/run/ganesha" "$tree/var/lib/nfs/ganesha" "$tree/var/log"; printf '%s\\n' ${quoted(config)} > "$tree/run/ganesha.conf"`,
    command: '/usr/bin/ganesha.nfsd -F -L STDOUT -f /run/ganesha.conf -N NIV_CRIT -p /run/ganesha/pid',
  })
}

/** A folder under the name by which a client mounts it. */
export interface Nfs3Export {
  readonly folder: string
  readonly name: string
}

/** Serves folders by NFS 3 and 4.0, with rpcbind and mountd, on the usual ports of a network namespace; `started` gets a pid in it. */
export async function serveNfs3(exports: readonly Nfs3Export[], started: (pid: number) => void): Promise<() => void> {
  const ready = ownPath('scratch', 'nfs3', '.ready')
  rmSync(ready, { force: true })
  const config = [
    'NFS_CORE_PARAM { Protocols = 3,4; Mount_Path_Pseudo = true; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; allow_set_io_flusher_fail = true; }',
    'NFSV4 { Graceless = true; Minor_Versions = 0; }',
    ...exports.map(({ name }, index) => `EXPORT { Export_Id = ${index + 1}; Path = /mnt/${name}; Pseudo = /${name}; Access_Type = RW; Squash = none; Sectype = sys; Protocols = 3,4; FSAL { Name = VFS; } }`),
  ].join('\n')
  const end = await serveFromTree({
    name: 'nfs-ganesha', tree: ensureNfsServer(), port: null, ready, started,
    prepare: `busybox ip link set lo up
printf 'sunrpc 111/tcp rpcbind portmap\\nsunrpc 111/udp rpcbind portmap\\n' > "$tree/etc/services"; printf 'tcp 6 TCP\\nudp 17 UDP\\n' > "$tree/etc/protocols"
${exports.map(({ name, folder }) => `mkdir "$tree/mnt/${name}"; mount --bind ${quoted(folder)} "$tree/mnt/${name}"`).join('\n')}
mkdir -p "$tree/run/ganesha" "$tree/run/rpcbind" "$tree/var/lib/nfs/ganesha" "$tree/var/log"; printf '%s\n' ${quoted(config)} > "$tree/run/ganesha.conf"
# In a pid namespace, since it becomes another user, which a parent-death signal does not outlive.
setpriv --pdeathsig KILL unshare -p -f --kill-child sh -c 'chroot "$1" rpcbind -f & wait' sh "$tree" &
n=0; until chroot "$tree" rpcinfo 127.0.0.1 > /dev/null 2>&1; do n=$((n + 1)); [ $n -lt 200 ]; sleep 0.05; done
( until chroot "$tree" rpcinfo -t 127.0.0.1 100003 3 && chroot "$tree" rpcinfo -t 127.0.0.1 100005 3; do kill -0 $$ || exit; sleep 0.1; done; touch ${quoted(ready)} ) > /dev/null 2>&1 &`,
    command: '/usr/bin/ganesha.nfsd -F -L STDOUT -f /run/ganesha.conf -N NIV_CRIT -p /run/ganesha/pid',
  })
  return () => {
    end()
    rmSync(ready, { force: true })
  }
}

export const ISCSI_TARGET = 'iqn.2026-11.test.fulcrum:root'
export const CHAP = { user: 'fulcrum', password: 'notapassword12' }

/** Serves an image as LUN 1 of ISCSI_TARGET, with CHAP. */
export async function serveIscsi(image: string, port: number): Promise<() => void> {
  const ready = ownPath('scratch', `iscsi-${port}`, '.ready')
  rmSync(ready, { force: true })
  // Its control socket is in the namespace's own /run: the number need not be free.
  const admin = (words: string): string => `chroot "$tree" tgtadm -C 0 --lld iscsi ${words}`
  const end = await serveFromTree({
    name: 'tgtd', tree: ensureStorageTools(), port, ready,
    prepare: `mkdir "$tree/mnt/images" "$tree/run/tgtd"; mount --bind ${quoted(dirname(image))} "$tree/mnt/images"
( set +e; until ${admin('--op new --mode target --tid 1 -T ' + ISCSI_TARGET)} 2> /dev/null; do sleep 0.05; done; set -e
${admin(`--op new --mode logicalunit --tid 1 --lun 1 -b /mnt/images/${basename(image)}`)}
${admin(`--op new --mode account --user ${CHAP.user} --password ${CHAP.password}`)}
${admin(`--op bind --mode account --tid 1 --user ${CHAP.user}`)}
${admin('--op bind --mode target --tid 1 -I ALL')}
touch ${quoted(ready)} ) &`,
    command: `tgtd -f -C 0 --iscsi portal=127.0.0.1:${port}`,
  })
  return () => {
    end()
    rmSync(ready, { force: true })
  }
}
