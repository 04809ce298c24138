// A root on real layers: dm on loop on a file that a FUSE server has, and /usr on md whose metadata mdmon writes; on
// the kernel's own sysfs and fdinfo instead of a model of them. The servers are found through all of it, marked and
// spared where everything else is ended.
import { join } from 'node:path'
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { fulcrumInRoot } from './harness/fulcrum-in-root.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { busybox, smallRoot } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages([...TEST_PACKAGES, 'fuse2fs', 'dmsetup', 'mdadm'])

const tree: Tree = { ...smallRoot(), ...fulcrumInRoot(), 'etc/fstab': { type: 'text', text: '/dev/md126 /usr ext4 ro 0 0\n' } }
const root = diskImage({ fileSystem: 'ext4', table: 'none', tree, label: 'layers', sizeMiB: 192 })
const usr = diskImage({ fileSystem: 'ext4', table: 'none', tree: { 'share/marker': { type: 'text', text: 'on md\n' } }, label: 'usr', sizeMiB: 8 })
const base = diskImage({
  fileSystem: 'ext4', table: 'none', label: 'base', sizeMiB: 240,
  tree: { 'root.img': { type: 'file', source: root.path }, 'usr.img': { type: 'file', source: usr.path } },
})
const member = diskImage({ fileSystem: 'none', tree: {}, sizeMiB: 32 })
const decoy = diskImage({ fileSystem: 'ext4', table: 'none', tree: { file: { type: 'text', text: 'decoy\n' } }, label: 'decoy' })

/** What `fulcrum ps` says of the process that serves a mount point. */
const FUNCTIONS = `
pid_of() { for at in /proc/[0-9]*; do tr '\\0' ' ' < $at/cmdline 2> /dev/null | grep -q " $1 " && echo \${at#/proc/}; done; }
row() { awk -v p="$(pid_of $1)" '$1 == p' /run/ps.txt; }
`

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  // KERNEL(6.18): fdinfo of /dev/fuse says which connection it is; before, every FUSE server may be the root's.
  const tells = series === '7.x'
  await t.test(`${series}: dm on loop on FUSE, and md`, async (t) => {
    const initrd = await testImage(kernel, {
      load: ['virtio_pci', 'virtio_blk', 'fuse', 'loop', 'dm_mod', 'raid1', 'ext4'],
      include: [
        ...sleeperIncludes(),
        { source: busybox(), destination: '/bin/busybox' },
        { source: '/usr/bin/fuse2fs', destination: '/sbin/fuse2fs' },
        ...['dmsetup', 'mdadm', 'mdmon'].map((name) => ({ source: `/sbin/${name}`, destination: `/sbin/${name}` })),
        { source: join(import.meta.dirname, 'hooks/root-on-layers'), destination: '/etc/fulcrum/hooks/pre-mount/50-root-on-layers' },
      ],
    })
    await bootScenario(t, {
      name: `root-on-layers-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: 768,
        append: `${BASE_APPEND} root=/dev/dm-0 rootfstype=ext4 ro fulcrum.switch=pivot fulcrum.keep=none`,
        disks: [base, decoy, member, member].map(({ path }) => ({ path, bus: 'virtio' as const })),
      },
      script: tapScript(`${FUNCTIONS}
is "the root is on dm" "$(awk '$2 == "/" { print $1 }' /proc/mounts | tail -n 1)" /dev/dm-0
fulcrum ps > /run/ps.txt 2>&1; is "fulcrum ps" $? 0
like "the server of the root, through all layers" "$(row /run/base)" ' initramfs .* keep +@ .*fuse2fs.* ${tells ? 'it serves the root by FUSE connection [0-9]+' : 'it serves a FUSE file system, and the root is on one'}'
is "it is spared when memory is short" "$(cat /proc/$(pid_of /run/base)/oom_score_adj)" -1000
${tells ? 'is "another server was ended with the initramfs" "$(pid_of /run/decoy)" ""' : 'like "another server may be it" "$(row /run/decoy)" "keep +@ .*the root is on one"'}
is "what serves nothing was ended" "$(pidof initramfs-sleeper)" ""
fulcrum kill --default kill > /run/killed; is "fulcrum kill" $? 0
like "the writer of the metadata of /usr" "$(row md127)" ' initramfs .* keep +@ .*mdmon.* it keeps the metadata of md126, which the root is on'
# As systemd does at shutdown: whoever needs the root next waits for a server that is stopped.
kill -STOP $(pid_of /run/base)
echo 3 > /proc/sys/vm/drop_caches
is "the root can be read, though its server was stopped" "$(cat /etc/os-release | head -n 1) $(cat /usr/share/marker)" "ID=fulcrum-test on md"
`),
      expectation: { report: 'tap', end: 'poweroff', consoleHas: [/fuse2fs: marked to survive: '@', spared when memory is short, woken by requests/, /mdmon: marked to survive: '@', spared when memory is short/], consoleLacks: [/rescue/, /Cannot (end|mark) process/] },
    })
  })
}
