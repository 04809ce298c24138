// Parsers of the `key=value` strings that the kernel build leaves about modules.
//
// A module's ELF section `.modinfo` holds them for that module (`firmware=`, `alias=`, `depends=`),
// and modules.builtin.modinfo for all that is built into the kernel, as `module.key=value` (since
// Linux 5.2). Both are strings ended by NUL. See modinfo(8), scripts/mod/modpost.c.

import { normalizeModuleName } from './module-name.ts'
import type { ModuleAlias } from './modules-alias.ts'

/** Parses the bytes of a `.modinfo` section, given as latin1 or utf8 text: every value of each key. */
export function parseModinfo(text: string): Map<string, string[]> {
  const result = new Map<string, string[]>()
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=')
    if (equals <= 0) continue
    const key = entry.slice(0, equals)
    const values = result.get(key)
    if (values === undefined) result.set(key, [entry.slice(equals + 1)])
    else values.push(entry.slice(equals + 1))
  }
  return result
}

/** Parses modules.builtin.modinfo: for each built-in module its keys and values. */
export function parseBuiltinModinfo(text: string): Map<string, Map<string, string[]>> {
  const byModule = new Map<string, string[]>()
  for (const entry of text.split('\0')) {
    const dot = entry.indexOf('.')
    if (dot <= 0) continue
    const name = normalizeModuleName(entry.slice(0, dot))
    const list = byModule.get(name)
    if (list === undefined) byModule.set(name, [entry.slice(dot + 1)])
    else list.push(entry.slice(dot + 1))
  }
  const result = new Map<string, Map<string, string[]>>()
  for (const [name, entries] of byModule) result.set(name, parseModinfo(entries.join('\0')))
  return result
}

/** The aliases that built-in modules answer to, in the form of modules.alias. */
export function builtinAliases(modinfo: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>): ModuleAlias[] {
  const aliases: ModuleAlias[] = []
  for (const [module, values] of modinfo) {
    for (const pattern of values.get('alias') ?? []) {
      aliases.push({ pattern: normalizeModuleName(pattern), module })
    }
  }
  return aliases
}
