// Parser of modules.dep: which file a module is and which others it needs, from depmod.
//
// Each line is `path: dependency…`, paths relative to /lib/modules/KVER (or absolute in old
// trees). The dependencies are complete, not only direct, and stand in the reverse of the
// load order. See modules.dep(5).

import { moduleNameOfPath } from './module-name.ts'

/** One line of modules.dep. */
export interface ModuleDependency {
  /** The kernel's spelling of the name. */
  readonly name: string
  /** The file, as the line spells it: relative to /lib/modules/KVER. */
  readonly path: string
  /** Files needed, first to load first (the reverse of how the line lists them). */
  readonly needs: readonly string[]
}

/** Parses the text of modules.dep into modules by name. Lines without a colon are passed over. */
export function parseModulesDep(text: string): Map<string, ModuleDependency> {
  const modules = new Map<string, ModuleDependency>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0 || line.startsWith('#')) continue
    const path = line.slice(0, colon)
    const rest = line.slice(colon + 1).trim()
    const needs = rest === '' ? [] : rest.split(/\s+/).reverse()
    const name = moduleNameOfPath(path)
    modules.set(name, { name, path, needs })
  }
  return modules
}
