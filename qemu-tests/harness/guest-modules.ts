// Modules of a test kernel as files for a guest that has no modprobe: uncompressed, because the oldest kernel's
// insmod takes nothing else, and numbered in the order in which they have to be loaded.
// Man pages: modules.dep(5), xz(1).
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import type { Tree, TreeEntry } from './tree.ts'

function nameOf(path: string): string {
  return basename(path).replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_')
}

/** `NN-NAME.ko` for each of the modules and what they need. A name that the kernel has built in, or not at all, adds nothing. */
export function guestModules(kernel: Kernel, names: readonly string[]): Tree {
  const folder = join(kernel.sysroot, 'lib/modules', kernel.release)
  const order: string[] = []
  const lines = readFileSync(join(folder, 'modules.dep'), 'utf8').split('\n').map((line) => line.split(':'))
  for (const name of names) {
    const [path = '', needs = ''] = lines.find(([one = '']) => nameOf(one) === name.replaceAll('-', '_')) ?? []
    // modules.dep names everything that a module needs, the last of it first to be loaded.
    for (const one of [...needs.split(' ').reverse(), path]) if (one !== '' && !order.includes(one)) order.push(one)
  }
  return Object.fromEntries(order.map((path, i): [string, TreeEntry] => {
    const file = join(folder, path)
    const name = `${String(i).padStart(2, '0')}-${nameOf(path)}.ko`
    if (!file.endsWith('.xz')) return [name, { type: 'file', source: file }]
    return [name, { type: 'bytes', base64: execFileSync('xz', ['-dc', file], { maxBuffer: 256 << 20 }).toString('base64') }]
  }))
}
