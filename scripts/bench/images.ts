// The images that are compared: ours in each compression, and peers that do the same job with Debian's own tools.
// Each is made for the same kernel and the same root.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { ownPath } from '../../qemu-tests/harness/own-files.ts'
import { plainInitramfs } from '../../qemu-tests/harness/plain-initramfs.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { parseModulesDep } from '../../src/kmod/modules-dep.ts'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import { ensureDebianInitramfs, ensureDebianRoot } from '../setup/debian-root.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'

export interface BenchImage {
  readonly name: string
  readonly path: string
  /** Words for the kernel command line, where one image is measured in several ways. */
  readonly append?: string
  /** What a reader has to know about how it was made. */
  readonly note?: string
}

/** Our image for this root in one variant; `options` go to `fulcrum build`. It goes with this process: it is ours as it is now. */
export function buildOurs(kernel: Kernel, fulcrum: string, name: string, options: readonly string[]): BenchImage {
  const output = ownPath('images', `bench-${kernel.release}-${name.replaceAll(' ', '-')}`, '.img')
  const args = ['build', '--output', output, '--kernel', kernel.release, '--kernel-sysroot', kernel.sysroot, '--generic', '--no-microcode']
  runTool(fulcrum, [...args, ...options])
  return { name, path: output }
}

/** Our default image for a way of keeping: the copy that `slim` keeps is only in the image that is made for it. */
export function imageFor(kernel: Kernel, fulcrum: string, keep: string): BenchImage {
  return keep === 'slim' ? buildOurs(kernel, fulcrum, 'fulcrum slim', ['--keep', 'slim']) : buildOurs(kernel, fulcrum, 'fulcrum', [])
}

/** Names of all modules but those that a root on ext4 on virtio-blk needs: what an image for one machine leaves out. */
function needlessModules(kernel: Kernel): string[] {
  const table = parseModulesDep(fs.readFileSync(path.join(kernel.sysroot, 'lib/modules', kernel.release, 'modules.dep'), 'utf8'))
  const needed = new Set(rootModules(kernel).names.map((file) => file.replace(/\.ko$/, '').replaceAll('-', '_')))
  return [...table.keys()].map((name) => name.replaceAll('-', '_')).filter((name) => !needed.has(name))
}

/** Something to measure, whose image is made when its turn comes. Throws when it cannot be had. */
export interface Candidate {
  readonly name: string
  readonly get: () => BenchImage
}

/** Our default image, an image for this machine alone, the ways to free it, and each compression that is asked for. */
export function ourImages(kernel: Kernel, fulcrum: string, compressions: readonly string[]): Candidate[] {
  const omitted = (): string[] => needlessModules(kernel).flatMap((name) => ['--omit-module', name])
  const freed = (name: string, append: string): Candidate => ({ name, get: () => ({ ...buildOurs(kernel, fulcrum, name, []), append }) })
  return [
    { name: 'fulcrum', get: () => buildOurs(kernel, fulcrum, 'fulcrum', []) },
    { name: 'fulcrum host-only', get: () => ({ ...buildOurs(kernel, fulcrum, 'fulcrum host-only', omitted()), note: 'by --omit-module of all that this machine does not need' }) },
    freed('fulcrum keep=none', 'fulcrum.keep=none'),
    freed('fulcrum move, keep=none', 'fulcrum.switch=move fulcrum.keep=none'),
    ...compressions.map((compress) => ({ name: `fulcrum ${compress}`, get: () => buildOurs(kernel, fulcrum, `fulcrum ${compress}`, ['--compress', compress]) })),
  ]
}

/** Not in modules.dep: virtio_pci is the bus that virtio_blk's devices are found on. */
export const ROOT_MODULES = ['virtio_pci', 'virtio_blk', 'ext4']

/** The modules that a root on ext4 on virtio-blk needs, dependencies first, as files of an image. */
export function rootModules(kernel: Kernel): { readonly tree: Tree; readonly names: readonly string[] } {
  const folder = path.join(kernel.sysroot, 'lib/modules', kernel.release)
  const table = parseModulesDep(fs.readFileSync(path.join(folder, 'modules.dep'), 'utf8'))
  const order = [
    ...new Set(
      ROOT_MODULES.flatMap((name) => {
        const entry = table.get(name)
        return entry === undefined ? [] : [...entry.needs, entry.path]
      }),
    ),
  ]
  const tree: Record<string, TreeEntry> = {}
  const names = order.map((file) => path.basename(file).replace(/\.(xz|zst|gz)$/, ''))
  for (const [index, file] of order.entries()) {
    const source = path.join(cacheDirectory('bench'), `${kernel.release}-${names[index] ?? ''}`)
    const command = file.endsWith('.xz') ? 'xz -dc' : file.endsWith('.zst') ? 'zstd -dc' : 'cat'
    fs.writeFileSync(
      source,
      execFileSync('sh', ['-c', `${command} "$1"`, 'sh', path.join(folder, file)], { maxBuffer: 1 << 28 }),
    )
    tree[`modules/${names[index] ?? ''}`] = { type: 'file', source }
  }
  return { tree, names }
}

/** Busybox, a script, and at its end a switch_root. */
export function busyboxTree(kernel: Kernel, switchRoot: string): Tree {
  const { tree, names } = rootModules(kernel)
  const script = [
    '#!/bin/sh',
    'export PATH=/bin',
    'mount -t proc proc /proc',
    'mount -t devtmpfs dev /dev',
    'mount -t sysfs sys /sys',
    ...names.map((name) => `insmod /modules/${name}`),
    'for word in $(cat /proc/cmdline); do case $word in root=*) root=${word#root=} ;; esac; done',
    'until device=$(findfs "$root" 2>/dev/null); do :; done',
    'mount -o ro "$device" /root',
    `exec ${switchRoot} /root /sbin/init`,
    '',
  ].join('\n')
  const image: Record<string, TreeEntry> = {
    ...tree,
    init: { type: 'text', text: script, mode: 0o755 },
    'bin/busybox': { type: 'file', source: '/bin/busybox', mode: 0o755 },
  }
  for (const applet of ['sh', 'mount', 'insmod', 'cat', 'findfs', 'switch_root'])
    image[`bin/${applet}`] = { type: 'link', target: 'busybox' }
  for (const name of ['proc', 'sys', 'dev', 'root']) image[name] = { type: 'directory' }
  return image
}

/** What a person would write by hand: busybox, a script, switch_root. */
export function busyboxImage(kernel: Kernel): BenchImage {
  return { name: 'busybox switch_root', path: plainInitramfs(busyboxTree(kernel, 'switch_root')) }
}

