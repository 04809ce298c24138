// depmod's files cut down to the modules of an image. Pure.
//
// PID 1 reads them on every boot, so they hold nothing else; they stay in depmod's own format, so that
// modprobe of a rescue shell could use them as well.

import { parseModinfo } from '../../src/kmod/modinfo.ts'
import { moduleNameOfPath, normalizeModuleName } from '../../src/kmod/module-name.ts'
import type { ModuleDependency } from '../../src/kmod/modules-dep.ts'

/** A module's path in the image, whatever it is compressed by in the sysroot. */
export function modulePathInImage(path: string, suffix: '.ko' | '.ko.zst'): string {
  return path.replace(/\.ko(\.(gz|xz|zst))?$/, suffix)
}

/** modules.dep of these modules, each path as `place` spells it; needs outside them are dropped with their module's line kept. */
export function filterModulesDep(modules: Iterable<ModuleDependency>, kept: ReadonlySet<string>, place: (path: string) => string): string {
  const lines: string[] = []
  for (const { name, path, needs } of modules) {
    if (!kept.has(name)) continue
    const line = [...needs].reverse().filter(need => kept.has(moduleNameOfPath(need))).map(place)
    lines.push(`${place(path)}:${line.map(need => ` ${need}`).join('')}`)
  }
  return lines.length === 0 ? '' : `${lines.sort().join('\n')}\n`
}

/** The lines of modules.alias whose module is in the image. */
export function filterModulesAlias(text: string, kept: ReadonlySet<string>): string {
  const isKept = (line: string): boolean => kept.has(normalizeModuleName(line.slice(line.lastIndexOf(' ') + 1)))
  return filterLines(text, line => line.startsWith('alias ') && isKept(line))
}

/** The lines of modules.softdep or modules.weakdep about modules of the image. */
export function filterModulesSoftdep(text: string, kept: ReadonlySet<string>): string {
  const isKept = (line: string): boolean => kept.has(normalizeModuleName(line.split(' ')[1] ?? ''))
  return filterLines(text, line => /^(softdep|weakdep) /.test(line) && isKept(line))
}

/** modules.builtin.modinfo with nothing but the aliases: names by which built-in drivers are asked for. */
export function filterBuiltinModinfo(text: string): string {
  const entries = text.split('\0').filter(entry => /^[^.=]+\.alias=/.test(entry))
  return entries.map(entry => `${entry}\0`).join('')
}

/** The firmware files that a module's `.modinfo` names. */
export function firmwareNames(modinfo: Uint8Array): string[] {
  return parseModinfo(Buffer.from(modinfo).toString('latin1')).get('firmware') ?? []
}

function filterLines(text: string, keep: (line: string) => boolean): string {
  const lines = text.split('\n').filter(keep)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}
