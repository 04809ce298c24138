// The names of a kernel's modules, for images that are to have few of them. Reads what depmod wrote.
// Man page: modules.dep(5).
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Kernel } from '../../scripts/setup/kernel.ts'

function moduleName(path: string): string {
  return basename(path).replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_')
}

/** Every module of a kernel but those wanted and what they depend on. Names that are built in are no mistake. */
export function modulesBut(kernel: Kernel, wanted: readonly string[]): string[] {
  const dependencies = new Map<string, string[]>()
  for (const line of readFileSync(join(kernel.sysroot, 'lib/modules', kernel.release, 'modules.dep'), 'utf8').split('\n')) {
    const [path = '', needs = ''] = line.split(':')
    if (path !== '') dependencies.set(moduleName(path), needs.split(' ').filter((word) => word !== '').map(moduleName))
  }
  // modules.dep names everything that a module needs, not only the next.
  const kept = new Set(wanted.flatMap((name) => [name, ...(dependencies.get(name) ?? [])]))
  return [...dependencies.keys()].filter((name) => !kept.has(name))
}
