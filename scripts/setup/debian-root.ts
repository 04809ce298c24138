// A real Debian root with systemd, made from Debian's own packages: the "real input" of the boot tests.
// The tree is made once and kept; what tests add to it (reports, modules of the kernels) goes on top of a copy
// when its disk image is made, so that changing a test does not fetch Debian again.
// Man pages: mmdebstrap(1), mkinitramfs(8).
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from './cache.ts'
import { makeDebianTree } from './debian-tree.ts'
import { KERNEL_SERIES, ensureKernel } from './kernel.ts'
import type { Kernel } from './kernel.ts'
import { runTool } from './run-tool.ts'

const RELEASE = 'trixie'

/** What a small server has, and initramfs-tools so that the same root can be booted the way Debian does it. */
const PACKAGES = [
  'systemd', 'systemd-sysv', 'udev', 'dbus', 'libpam-systemd', 'login', 'kmod', 'util-linux', 'e2fsprogs',
  'procps', 'initramfs-tools', 'zstd', 'busybox',
]

/** Kernels that are booted with this root; its /lib/modules has theirs. */
const WITH_MODULES = KERNEL_SERIES

export interface DebianRoot {
  /** Folder with the whole tree, owned by root, modules of the tested kernels included. */
  readonly tree: string
  /** Changes when the tree does: part of the key of what is made from it. */
  readonly key: string
}

function describe(kernels: readonly Kernel[]): string {
  const text = JSON.stringify([2, RELEASE, PACKAGES, kernels.map((kernel) => kernel.release)])
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

function makeTree(tree: string, kernels: readonly Kernel[]): void {
  makeDebianTree(tree, RELEASE, PACKAGES)
  const modules = join(tree, 'usr/lib/modules')
  mkdirSync(modules, { recursive: true })
  for (const kernel of kernels) {
    const source = join(kernel.sysroot, 'lib/modules', kernel.release)
    runTool('cp', ['-a', '--no-preserve=ownership', source, modules])
    // mkinitramfs reads the configuration for the compressions that the kernel can unpack.
    runTool('cp', ['-L', kernel.config, join(tree, 'boot')])
  }
}

/** The Debian root, made if the cache has none (about a minute). Needs root: it holds device nodes and owners. */
export function ensureDebianRoot(): DebianRoot {
  const kernels = WITH_MODULES.map((series) => ensureKernel(series))
  const key = describe(kernels)
  const tree = join(cacheDirectory('roots'), `${RELEASE}-${key}`)
  if (existsSync(tree)) return { tree, key }
  return withCacheLock('debian-root', () => {
    if (!existsSync(tree)) {
      process.stderr.write(`Making a Debian root of '${RELEASE}' with systemd\n`)
      makeAtomically(tree, (temporary) => makeTree(temporary, kernels))
    }
    return { tree, key }
  })
}

/**
 * The initramfs that Debian itself would make for this root and kernel (initramfs-tools, MODULES=most), made
 * inside the root in a private mount namespace. Cached. Returns its path.
 */
export function ensureDebianInitramfs(root: DebianRoot, kernel: Kernel): string {
  const image = join(cacheDirectory('roots'), `${RELEASE}-${root.key}-initrd-${kernel.release}.img`)
  if (existsSync(image)) return image
  return withCacheLock('debian-root', () => {
    if (existsSync(image)) return image
    process.stderr.write(`Making Debian's own initramfs for ${kernel.release}\n`)
    return makeAtomically(image, (temporary) => {
      const script = [
        'set -e', 'mount --bind "$1" "$1"', 'mount -t proc proc "$1/proc"', 'mount -t tmpfs tmp "$1/tmp"',
        'mount -t tmpfs tmp "$1/var/tmp"', 'chroot "$1" mkinitramfs -o /tmp/initrd.img "$2"', 'cp "$1/tmp/initrd.img" "$3"',
      ].join('\n')
      const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', root.tree, kernel.release, temporary]
      runTool('unshare', args)
    })
  })
}

/** Removes trees and images of other keys, which nothing will ask for again. */
export function pruneDebianRoots(root: DebianRoot): void {
  const folder = cacheDirectory('roots')
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`${RELEASE}-`) && !name.startsWith(`${RELEASE}-${root.key}`)) {
      rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
}
