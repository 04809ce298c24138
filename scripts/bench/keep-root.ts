// The root for `bench keep`: busybox and a script as init, which says what memory is in use once the switch is over and
// then goes back into the kept initramfs the way systemd-shutdown does, and becomes /shutdown there.
// Memory is looked at with the page cache dropped, so that only what cannot be given back counts.
// pivot_root(2), systemd-shutdown(8), proc_meminfo(5)

import { writeKnownFiles } from '../../qemu-tests/harness/check-ext4.ts'
import { diskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { DiskImage } from '../../qemu-tests/harness/disk-images.ts'
import { busybox } from '../../qemu-tests/harness/small-root.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { WITNESSES } from './common.ts'
import { SAY_MEMORY } from './marks.ts'

const APPLETS = ['sh', 'awk', 'cat', 'chroot', 'ls', 'mkdir', 'mount', 'pivot_root', 'poweroff', 'sleep', 'sync', 'umount']

const INIT = `#!/bin/sh
export PATH=/bin
say() { echo "<1>bench: $*" > /dev/kmsg; }
mount -o remount,rw /
sleep 2
sync
echo 3 > /proc/sys/vm/drop_caches
${SAY_MEMORY}
${writeKnownFiles(WITNESSES)}
if [ -x /run/initramfs/shutdown ]; then
  cd /run/initramfs
  for name in dev proc sys run; do mount -o rbind /$name $name; done
  pivot_root . oldroot
  say "shutdown starts"
  exec chroot . /shutdown poweroff < /dev/console > /dev/console 2>&1
fi
say "shutdown starts"
sync
mount -o remount,ro /
exec poweroff -f
`

/** The disk: ext4 without a partition table. */
export function keepRoot(): DiskImage {
  const tree: Record<string, TreeEntry> = {
    'sbin/init': { type: 'text', text: INIT, mode: 0o755 },
    'bin/busybox': { type: 'file', source: busybox(), mode: 0o755 },
    'etc/fstab': { type: 'text', text: '' },
  }
  for (const applet of APPLETS) tree[`bin/${applet}`] = { type: 'link', target: 'busybox' }
  for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'usr', 'var']) tree[name] = { type: 'directory' }
  const whole: Tree = tree
  return diskImage({ fileSystem: 'ext4', tree: whole })
}
