// Live media and overlays: a squashfs with an ext4 in it on a medium, with what is written kept on a second disk over
// two boots; an EROFS copied to memory, whose medium is let go of. The way back takes all of it apart.
import { copyFileSync } from 'node:fs'
import t from 'tap'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4 } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { LEAVE_ROOT } from './harness/leave-root.ts'
import { ownPath } from './harness/own-files.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const rootTree: Tree = {
  ...smallRoot(), 'root/gone': { type: 'text', text: 'gone' }, 'bin/chroot': { type: 'link', target: 'busybox' },
  // What systemd would mount again with these options, which are not an overlay's.
  'etc/fstab': { type: 'text', text: 'LABEL=x / ext4 errors=remount-ro 0 1\ntmpfs /mnt tmpfs noauto 0 0\n' },
}
const inner = diskImage({ fileSystem: 'ext4', table: 'none', tree: rootTree, label: 'inner', sizeMiB: 48 })
const squash = diskImage({ fileSystem: 'squashfs', table: 'none', tree: { 'LiveOS/rootfs.img': { type: 'file', source: inner.path } } })
const medium = diskImage({ fileSystem: 'ext4', table: 'gpt', label: 'MEDIUM', tree: { 'LiveOS/squashfs.img': { type: 'file', source: squash.path } }, sizeMiB: 48 })
const erofs = diskImage({ fileSystem: 'erofs', table: 'none', tree: rootTree })
/** What matters of an ISO file is that it is a file system with a label in a file. */
const iso = diskImage({ fileSystem: 'ext4', table: 'none', label: 'ISO', tree: { 'images/root.erofs': { type: 'file', source: erofs.path } }, sizeMiB: 64 })
const shelf = diskImage({ fileSystem: 'ext4', table: 'none', label: 'SHELF', tree: { 'boot/live.iso': { type: 'file', source: iso.path } }, sizeMiB: 96 })
const writable = diskImage({ fileSystem: 'ext4', table: 'none', label: 'CHANGES', tree: {}, sizeMiB: 32 })

const FSTAB = 'like "the fstab of the overlay" "$(cat /etc/fstab)" "^# LABEL=x / ext4 .*"\n'

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  const initrd = await testImage(kernel, { sysroot: ensureStorageTools(), features: ['live'] })

  await t.test(`${series}: a live medium with its changes on another disk`, async (t) => {
    const left = ownPath('scratch', `changes-${series}`, '.img')
    // As fulcrum and dracut have it, and as Debian's overlayroot has it.
    const [overlay, at] = series === '6.12' ? ['overlay=LABEL=CHANGES:/of/this', 'of/this'] : ['overlayroot=device:dev=LABEL=CHANGES,timeout=20,recurse=0', 'overlay']
    const boot = async (name: string, changes: string, checks: string): Promise<void> => {
      await bootScenario(t, {
        name: `live-${series}-${name}`,
        machine: {
          kernel: kernel.vmlinuz, initrd, memoryMiB: 768,
          append: `${BASE_APPEND} root=live:CDLABEL=MEDIUM ${overlay} fulcrum.switch=pivot`,
          disks: [{ path: medium.path, bus: 'virtio', readOnly: true }, { path: changes, bus: 'virtio', writable: true }],
        },
        script: tapScript(rootChecks({ fileSystem: 'overlay', engine: 'pivot' }), FSTAB, checks) + LEAVE_ROOT,
        expectation: {
          report: 'tap', end: 'poweroff',
          consoleHas: [
            /unmounted \/oldroot \(overlay\)[^]*unmounted \/run\/fulcrum\/overlay\/lower \(ext4 on \/dev\/loop1\)[^]*let go of \/dev\/loop1 [^]*let go of \/dev\/loop0 [^]*unmounted \/run\/fulcrum\/live\/medium \(ext4 on \/dev\/vda1\)/,
            /unmounted \/run\/fulcrum\/overlay\/rw \(ext4 on \/dev\/vdb\)/, /old root taken down/,
          ],
          consoleLacks: [/rescue/, /Cannot/],
        },
        afterwards: ([, path = '']) => {
          copyFileSync(path, left)
          return checkExt4(path)
        },
      })
    }
    await boot('first', writable.path, `
is "the image in the image" "$(cat /sys/block/loop0/loop/backing_file) $(cat /sys/block/loop1/loop/backing_file)" "/run/fulcrum/live/medium/LiveOS/squashfs.img /run/fulcrum/live/image/LiveOS/rootfs.img"
is "permissions of /" "$(stat -c %a /)" "$(stat -c %a /run/fulcrum/overlay/lower)"
echo kept > /var/written; rm /root/gone
yes "it is on the disk" test -e /run/fulcrum/overlay/rw/${at}/var/written
`)
    // That what was written is found again does not depend on the kernel.
    if (series !== '6.12') return
    await boot('second', left, `
is "what was written is there" "$(cat /var/written)" kept
no "what was removed is not" test -e /root/gone
`)
  })

  await t.test(`${series}: an EROFS by its path in an ISO file, copied to memory`, async (t) => {
    // The default of live media, and as it is asked for.
    const overlay = series === '6.12' ? 'overlay=tmpfs:size=16m' : ''
    await bootScenario(t, {
      name: `live-${series}-ram`,
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: 768,
        append: `${BASE_APPEND} root=live:LABEL=ISO:/images/root.erofs iso-scan/filename=/boot/live.iso rd.live.ram=1 fulcrum.switch=pivot ${overlay}`,
        disks: [{ path: shelf.path, bus: 'virtio', writable: true }],
      },
      script: tapScript(rootChecks({ fileSystem: 'overlay', engine: 'pivot' }), FSTAB, `
is "the image in memory, and no ISO file" "$(cat /sys/block/loop*/loop/backing_file)" "/run/fulcrum/live/ram/root.img"
is "the root below" "$(type_of /run/fulcrum/overlay/lower)" erofs
is "mounts of the medium" "$(grep -c vda /proc/self/mountinfo)" 0
yes "the overlay takes writes" touch /etc/written
${overlay === '' ? '' : `is "size of the overlay" "$(df -k /run/fulcrum/overlay/rw | tail -n 1 | awk '{ print $2 }')" 16384`}
`) + LEAVE_ROOT,
      expectation: { report: 'tap', end: 'poweroff', consoleHas: [/\/dev\/loop0 is no longer needed/, /let go of \/dev\/loop\d [^]*old root taken down/], consoleLacks: [/rescue/, /Cannot/] },
      afterwards: ([path = '']) => checkExt4(path),
    })
  })
}
