// The scenario of a root that a process of the initramfs serves: Debian with systemd on it, files written just before
// power-off, and what the host finds on the disk afterwards. One text for the tests that must be green and for the
// self-test that must be red. The images: storage-images.ts; the checks of the disk: check-ext4.ts.
import { rmSync, statSync } from 'node:fs'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { checkExt4, writeKnownFiles } from './check-ext4.ts'
import type { KnownFile } from './check-ext4.ts'
import { debianDisk } from './debian-disk.ts'
import { checkImsm, imsmDisks } from './imsm-disks.ts'
import { freePort, serveNbd } from './nbd-server.ts'
import type { Disk } from './qemu-arguments.ts'
import type { GuestSpec } from './run-guest.ts'
import { BASE_APPEND } from './scenario.ts'
import { storageImage } from './storage-images.ts'
import { tapScript } from './tap-shell.ts'
import type { Tree } from './tree.ts'
import { copyOf } from './writable-disk.ts'

export type ServedRoot = 'nbd' | 'nbd-ioctl' | 'fuse' | 'imsm'

/** What of each root the guest and the console must show. `server` null: the kernel needs no process. */
export const SERVED_ROOTS: Readonly<Record<ServedRoot, { readonly type: string; readonly server: string | null; readonly append: string }>> = {
  nbd: { type: 'ext4', server: null, append: 'root=/dev/nbd0' },
  'nbd-ioctl': { type: 'ext4', server: 'nbd-client', append: 'root=/dev/nbd0 nbd.ioctl=1' },
  fuse: { type: 'fuse.ext4', server: 'fuse2fs', append: 'root=fuse2fs' },
  imsm: { type: 'ext4', server: 'mdmon', append: 'root=LABEL=debian-root IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1' },
}

/** Written last: on disk by fsync, only closed, and written over what was synced; one more is removed. */
const FILES: readonly KnownFile[] = [
  { path: '/var/tmp/synced', word: 'synced', lines: 100_000, isSynced: true },
  { path: '/var/tmp/again', word: 'before', lines: 50_000, isSynced: true },
  { path: '/var/tmp/gone', word: 'gone', lines: 50_000, isSynced: true },
  { path: '/var/tmp/again', word: 'after', lines: 40_000 },
  { path: '/var/tmp/closed', word: 'closed', lines: 100_000 },
]

/** systemd's own record is binary and in /run here; only what is asked for is written to the root after this. */
const WRITE = `${writeKnownFiles(FILES)}
rm /var/tmp/gone
`

/** Only what waits for nobody and has no part in this: less than half the time under emulation. */
const MASKED = ['systemd-hwdb-update', 'ldconfig', 'systemd-journal-catalog-update', 'e2scrub_reap', 'systemd-update-done', 'systemd-logind', 'systemd-random-seed',
  'systemd-udev-load-credentials', ...['configfs', 'drm', 'efi_pstore', 'fuse'].map((module) => `modprobe@${module}`)]
const QUICKER = MASKED.map((unit) => `systemd.mask=${unit}.service`).join(' ')

/** The boot has mounted the root read-write; nobody is to mount or check it again, which FUSE could not. */
const FSTAB: Tree = { 'etc/fstab': { type: 'text', text: '# The root is mounted by the initramfs.\n' } }

/** What holds in the guest whatever the shutdown will do. */
function checks(kind: ServedRoot): string {
  const { type, server } = SERVED_ROOTS[kind]
  const common = `
point ok "systemd finished starting: $(cat /run/fulcrum-report.state)"
is "units that failed" "$(systemctl --failed --no-legend --plain | cut -d" " -f1 | tr '\\n' ' ')" ""
is "type of the root" "$(type_of /)" ${type}
is "one mount on /" "$(mounted_on /)" 1
is "the root can be written" "$(options_of / | cut -d, -f1)" rw
`
  if (server === null) return common
  return `${common}
pid=$(pidof ${server} @${server} | cut -d" " -f1)
like "the process that serves it is alive" "$pid" '^[0-9]+$'
is "it is the initramfs's" "$(stat -L -c %d /proc/$pid/exe)" "$(stat -c %d /run/rootfs)"
`
}

/** The scenario, ready to boot: its disks are throw-away copies, and the spec's `afterwards` judges them. */
export async function servedRootScenario(kernel: Kernel, kind: ServedRoot, more: { readonly name: string; readonly append?: string; readonly checks?: string }): Promise<GuestSpec> {
  const disk = debianDisk({ table: 'none', more: FSTAB })
  const isNbd = kind === 'nbd' || kind === 'nbd-ioctl'
  const files = FILES.filter(({ word }) => word !== 'before' && word !== 'gone')
  const checkFileSystem = (path: string): string[] => checkExt4(path, { files, absent: ['/var/tmp/gone'] })
  const base = (disks: readonly Disk[], append: string, initrd: string): GuestSpec['machine'] => ({
    kernel: kernel.vmlinuz, initrd, memoryMiB: 1024, disks, network: isNbd,
    append: [BASE_APPEND, 'rw', SERVED_ROOTS[kind].append, QUICKER, append, more.append ?? ''].join(' '),
  })
  const common = { name: more.name, script: tapScript(checks(kind), more.checks ?? '', WRITE) }
  if (isNbd) {
    const served = copyOf(disk.path)
    const port = await freePort()
    return {
      ...common,
      machine: base([], `nbd.port=${port}`, await storageImage(kernel, 'nbd')),
      beside: () => serveNbd(served, port),
      afterwards: () => {
        const complaints = checkFileSystem(served)
        rmSync(served)
        return complaints
      },
    }
  }
  const paths = kind === 'fuse' ? [disk.path] : await imsmDisks(kernel, disk)
  const disks = paths.map((path): Disk => ({ path, bus: 'virtio', writable: true }))
  return {
    ...common,
    machine: base(disks, '', await storageImage(kernel, kind === 'fuse' ? 'fuse' : 'imsm')),
    afterwards: (written) => [
      ...checkFileSystem(written[0] ?? ''),
      ...(kind === 'imsm' ? checkImsm(written, statSync(disk.path).size) : []),
    ],
  }
}
