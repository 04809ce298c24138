// Images that initramfs-tools (MODULES=dep) and dracut (--hostonly) make for one machine: they look at the machine that
// they run on, so they run in a guest with the measured root's disk, and write the image to a second disk.
// Debian's own trees are its root; modules come on a third disk. About two minutes each, kept in the cache.
// mkinitramfs(8), dracut(8)

import fs from 'node:fs'
import path from 'node:path'
import { diskImage } from '../../qemu-tests/harness/disk-images.ts'
import { cacheDirectory, makeAtomically, withCacheLock } from '../setup/cache.ts'
import { ensureDebianRoot } from '../setup/debian-root.ts'
import { ensureDracutTree } from '../setup/dracut-tree.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import { busyboxImage } from './images.ts'
import type { BenchImage } from './images.ts'
import { runPlainMachine } from './run-machine.ts'

const OUTPUT_MIB = 64
const TIMEOUT_SECONDS = 900
const MODULES_MIB = 256

interface Variant {
  readonly name: string
  readonly key: string
  /** A folder with the tools. */
  readonly tree: string
  /** Shell words that write /tmp/image. */
  readonly command: string
}

function variants(kernel: Kernel): Variant[] {
  const root = ensureDebianRoot()
  const dracut = ensureDracutTree('trixie')
  const options = `--force --hostonly --no-early-microcode --zstd --kver ${kernel.release}`
  return [
    { name: 'initramfs-tools dep', key: `dep-${root.key}`, tree: root.tree,
      command: `sed -i s/^MODULES=.*/MODULES=dep/ /etc/initramfs-tools/initramfs.conf && mkinitramfs -o /tmp/image ${kernel.release}` },
    { name: 'dracut host-only', key: `host-${path.basename(dracut)}`, tree: dracut, command: `dracut ${options} --omit systemd /tmp/image` },
    { name: 'dracut host-only systemd', key: `host-systemd-${path.basename(dracut)}`, tree: dracut, command: `dracut ${options} /tmp/image` },
  ]
}

/** The tools find the root's device in /proc/mounts and /sys, its UUID by udev's links. The length goes first. */
function script(kernel: Kernel, command: string): string {
  return `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mount -o remount,rw /
for folder in /run /tmp /var/tmp; do mount -t tmpfs tmp $folder; done
mkdir -p /lib/modules/${kernel.release} /run/udev
mount -o ro /dev/vdc /lib/modules/${kernel.release}
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle
${command} && stat -c 'bench: image %s bytes' /tmp/image && cat /tmp/image > /dev/vdb
sync
echo o > /proc/sysrq-trigger
sleep 60
`
}

function make(kernel: Kernel, { name, tree, key, command }: Variant, output: string): void {
  const disk = diskImage({
    fileSystem: 'ext4', sizeMiB: 1024, base: { folder: tree, key },
    tree: {
      'usr/sbin/init': { type: 'text', text: script(kernel, command), mode: 0o755 },
      'etc/fstab': { type: 'text', text: '/dev/vda / ext4 defaults 0 1\n' },
    },
  })
  const folder = path.join(kernel.sysroot, 'lib/modules', kernel.release)
  const modules = diskImage({ fileSystem: 'ext4', sizeMiB: MODULES_MIB, label: 'modules', base: { folder, key: `modules-${kernel.release}` }, tree: {} })
  try {
    // Disks of the tests have one and the same UUID, and here the root's must be the only one.
    runTool('tune2fs', ['-U', 'random', modules.path])
    fs.writeFileSync(output, '')
    fs.truncateSync(output, OUTPUT_MIB << 20)
    const said = runPlainMachine({
      kernel: kernel.vmlinuz, initrd: busyboxImage(kernel).path, memoryMiB: 1024,
      disks: [{ path: disk.path, bus: 'virtio' }, { path: output, bus: 'virtio', writable: true }, { path: modules.path, bus: 'virtio' }],
      append: 'console=ttyS0 quiet panic=-1 root=/dev/vda ro',
    }, TIMEOUT_SECONDS)
    const bytes = /bench: image (\d+) bytes/.exec(said)?.[1]
    if (bytes === undefined) throw new Error(`Cannot make the image of '${name}' in a guest:\n${said.slice(-2000)}`)
    fs.truncateSync(output, Number(bytes))
  } finally {
    // They are large, and nobody will ask for them again.
    for (const { path: file } of [disk, modules]) fs.rmSync(file, { force: true })
  }
}

/** What makes each of these images, if the cache has it not. */
export function hostOnlyImages(kernel: Kernel): { readonly name: string; readonly get: () => BenchImage }[] {
  return variants(kernel).map((variant) => ({
    name: variant.name,
    get: () => {
      const file = path.join(cacheDirectory('bench'), `${variant.key}-${kernel.release}.img`)
      return withCacheLock('bench-host-only', () => {
        if (!fs.existsSync(file)) makeAtomically(file, (temporary) => make(kernel, variant, temporary))
        return { name: variant.name, path: file }
      })
    },
  }))
}
