// Debian trees with dracut in them, of the releases whose dracut is tested: 059, 106 and what sid has.
//
// dracut and initramfs-tools cannot be installed together, so it gets roots of its own, in the cache; it runs there by
// chroot in a private mount namespace, and nothing is installed on this machine. mmdebstrap(1), dracut(8)

import { join } from 'node:path'
import { ensureDebianTree } from './debian-tree.ts'
import type { Kernel } from './kernel.ts'
import { runTool } from './run-tool.ts'

// systemd-sysv: without its poweroff in the image, dracut's own /shutdown ends in a shell.
const PACKAGES = ['dracut', 'systemd', 'systemd-sysv', 'udev', 'kmod', 'util-linux', 'e2fsprogs', 'zstd', 'squashfs-tools']

export type DracutRelease = 'bookworm' | 'trixie' | 'sid'

/** A Debian root with dracut, about a minute when the cache has none. Needs root. */
export function ensureDracutTree(release: DracutRelease): string {
  return ensureDebianTree('dracut', release, PACKAGES)
}

/** What is lent to the tree while dracut runs in it. */
export interface DracutRun {
  readonly kernel: Kernel
  /** The image, on this machine. */
  readonly output: string
  /** Of dracut, besides --force and --kver. */
  readonly options: readonly string[]
  /** Shell lines before dracut, with the tree as $root; what they write to its /usr, /etc and /var is dropped afterwards. */
  readonly before?: string
}

/** Runs dracut in its root, on top of which everything that is written is in memory and gone afterwards. */
export function runDracut(tree: string, { kernel, output, options, before = '' }: DracutRun): void {
  const script = [
    'set -e', 'lower=$1; modules=$2; release=$3; output=$4; shift 4',
    'work=$(mktemp -d)', 'mount -t tmpfs -o size=4g work "$work"', 'mkdir "$work/upper" "$work/work" "$work/root"', 'root=$work/root',
    'mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" overlay "$root"',
    'mkdir -p "$root/usr/lib/modules/$release"', 'mount --bind "$modules" "$root/usr/lib/modules/$release"',
    'mount -t proc proc "$root/proc"', 'mount -t tmpfs tmp "$root/tmp"', 'mount -t tmpfs tmp "$root/var/tmp"', 'mount -t tmpfs run "$root/run"',
    before,
    'status=0', 'chroot "$root" dracut --force --kver "$release" "$@" /tmp/initrd.img || status=$?',
    '[ "$status" -ne 0 ] || cp "$root/tmp/initrd.img" "$output"',
    'umount -R "$work"; rmdir "$work"; exit "$status"',
  ].join('\n')
  const modules = join(kernel.sysroot, 'lib/modules', kernel.release)
  runTool('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', tree, modules, kernel.release, output, ...options])
}
