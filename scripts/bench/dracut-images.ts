// Images that dracut makes, with and without systemd in them, as peers to measure.
// dracut and initramfs-tools cannot be installed together, so it gets a Debian root of its own, in the cache; it runs
// there by chroot in a private mount namespace, and nothing is installed on this machine. mmdebstrap(1), dracut(8)

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import { ensureDebianTree } from '../setup/debian-tree.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import type { BenchImage } from './images.ts'

const RELEASE = 'trixie'
// systemd-sysv: without its poweroff in the image, dracut's own /shutdown ends in a shell.
const PACKAGES = ['dracut', 'systemd', 'systemd-sysv', 'udev', 'kmod', 'util-linux', 'e2fsprogs', 'zstd']

/** A Debian root with dracut, about a minute when the cache has none. Needs root. */
export function ensureDracutRoot(): string {
  return ensureDebianTree('dracut', RELEASE, PACKAGES)
}

/** Runs dracut in its root; the kernel's modules are lent to it for the time. */
function makeImage(tree: string, kernel: Kernel, output: string, options: readonly string[]): void {
  const script = [
    'set -e', 'root=$1; modules=$2; release=$3; output=$4; shift 4',
    'mount --bind "$root" "$root"', 'mkdir -p "$root/usr/lib/modules/$release"',
    'mount --bind "$modules" "$root/usr/lib/modules/$release"',
    'mount -t proc proc "$root/proc"', 'mount -t tmpfs tmp "$root/tmp"', 'mount -t tmpfs tmp "$root/var/tmp"', 'mount -t tmpfs run "$root/run"',
    'chroot "$root" dracut --force --no-hostonly --no-early-microcode --zstd --kver "$release" "$@" /tmp/initrd.img',
    'cp "$root/tmp/initrd.img" "$output"',
  ].join('\n')
  const modules = join(kernel.sysroot, 'lib/modules', kernel.release)
  runTool('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', tree, modules, kernel.release, output, ...options])
}

/** dracut's generic image, once with its own shell scripts as init and once with systemd. */
export function dracutImages(kernel: Kernel): BenchImage[] {
  const variants = [
    { name: 'dracut generic', file: 'plain', options: ['--omit', 'systemd'] },
    { name: 'dracut generic systemd', file: 'systemd', options: [] },
  ]
  const tree = ensureDracutRoot()
  return variants.map(({ name, file, options }) => {
    const path = join(cacheDirectory('bench'), `${basename(tree)}-${file}-${kernel.release}.img`)
    if (!existsSync(path)) makeAtomically(path, (temporary) => makeImage(tree, kernel, temporary, options))
    return { name, path }
  })
}
