// Parser of modules.softdep and modules.weakdep: modules wanted around another, not needed by its symbols.
//
// `softdep NAME pre: A B post: C` loads A and B before NAME and C after it, and a failure of theirs
// is no failure of NAME: btrfs has its checksums so, usb storage its uas. `weakdep NAME A` (kmod 33)
// only says that NAME may ask for A by itself, so the image must hold A. See modprobe.d(5).

import { normalizeModuleName } from './module-name.ts'

/** Names, which may be aliases (`crypto-crc32c`), in the order given. */
export interface SoftDependency {
  readonly pre: readonly string[]
  readonly post: readonly string[]
}

/** Parses `softdep` lines; several lines for one module add up. */
export function parseModulesSoftdep(text: string): Map<string, SoftDependency> {
  const result = new Map<string, { pre: string[]; post: string[] }>()
  for (const line of text.split('\n')) {
    const [keyword, rawName, ...words] = line.trim().split(/\s+/)
    if (keyword !== 'softdep' || rawName === undefined) continue
    const name = normalizeModuleName(rawName)
    const entry = result.get(name) ?? { pre: [], post: [] }
    let target: string[] | undefined
    for (const word of words) {
      if (word === 'pre:') target = entry.pre
      else if (word === 'post:') target = entry.post
      // Words before `pre:` or `post:` belong to neither; libkmod drops them too (`softdep cifs gcm`).
      else target?.push(normalizeModuleName(word))
    }
    result.set(name, entry)
  }
  return result
}

/** Parses `weakdep NAME A B` lines into the names that each module may ask for. */
export function parseModulesWeakdep(text: string): Map<string, string[]> {
  const result = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [keyword, rawName, ...words] = line.trim().split(/\s+/)
    if (keyword !== 'weakdep' || rawName === undefined) continue
    const name = normalizeModuleName(rawName)
    result.set(name, [...(result.get(name) ?? []), ...words.map(normalizeModuleName)])
  }
  return result
}
