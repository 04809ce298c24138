// Chooses the modules of an image from the index of a kernel's. Pure: devices are handed in.
//
// Generic images take whole groups; images for one machine take what its devices' modaliases match and
// what its file systems need. Either way dependencies and soft dependencies come along, and each module
// knows why it was taken.

import { fnmatch } from '../../src/kmod/fnmatch.ts'
import type { ModuleIndex } from '../../src/kmod/module-index.ts'
import { isModulePath, moduleNameOfPath, normalizeModuleName } from '../../src/kmod/module-name.ts'
import { genericGroups, lateDirectories, type ModuleGroup } from './generic-list.ts'

/** A module chosen, and each reason for it. */
export interface ChosenModule {
  readonly name: string
  /** As modules.dep spells it. */
  readonly path: string
  readonly reasons: readonly string[]
}

/** A name or alias that is wanted, and why. */
export interface WantedModule {
  readonly name: string
  readonly reason: string
  /** A driver among many for its kind of device: in an image for one machine only if a device asks for it. */
  readonly isDriver?: boolean
}

/** All modules of the generic groups that this kernel has as files. */
export function wantedGenerically(index: ModuleIndex, groups: readonly ModuleGroup[] = genericGroups): WantedModule[] {
  const byPath = [...index.modules.values()].map(module => ({ name: module.name, path: belowKernel(module.path) }))
  return groups.flatMap(group =>
    group.paths.flatMap(pattern => {
      const matches = pathMatcher(withoutDashes(pattern))
      return byPath.filter(({ path }) => matches(path)).map(({ name }) => ({ name, reason: group.reason }))
    }),
  )
}

/** The modules that a machine's devices ask for, but those which can wait for the real root. */
export function wantedByDevices(index: ModuleIndex, modaliases: readonly string[]): WantedModule[] {
  return modaliases.flatMap(modalias =>
    index.matchModalias(modalias)
      .filter(name => !lateDirectories.some(late => belowKernel(index.modules.get(name)?.path ?? '').startsWith(late)))
      .map(name => ({ name, reason: `drives device '${modalias}'` })),
  )
}

const NETWORK = 'drivers/net/'
const WIRELESS = 'drivers/net/wireless/'

/** For one machine: of the drivers that features list, and of all for wired network cards if they list some, those that a device asks for. */
export function onlyForDevices(index: ModuleIndex, wanted: readonly WantedModule[], modaliases: readonly string[]): WantedModule[] {
  if (!wanted.some(({ isDriver }) => isDriver === true)) return [...wanted]
  const matched = new Set(modaliases.flatMap(modalias => index.matchModalias(modalias)))
  const cards = [...matched].filter(name => {
    const path = belowKernel(index.modules.get(name)?.path ?? '')
    return path.startsWith(NETWORK) && !path.startsWith(WIRELESS)
  })
  return [
    ...wanted.filter(({ name, isDriver }) => isDriver !== true || matched.has(normalizeModuleName(name))),
    ...cards.map(name => ({ name, reason: 'drives a network card of this machine' })),
  ]
}

/** What `chooseModules` found. */
export interface ModuleChoice {
  /** Sorted by path. */
  readonly modules: readonly ChosenModule[]
  /** Wanted names that this kernel does not have in any form. */
  readonly missing: readonly string[]
}

/** Adds dependencies, soft and weak dependencies to what is wanted, less what is left out by name. */
export function chooseModules(index: ModuleIndex, wanted: readonly WantedModule[], omitted: readonly string[]): ModuleChoice {
  const leftOut = new Set(omitted.map(normalizeModuleName))
  const reasons = new Map<string, Set<string>>()
  const missing = new Set<string>()
  const addReason = (name: string, reason: string): boolean => {
    if (leftOut.has(name)) return false
    const known = reasons.get(name)
    known?.add(reason)
    if (known === undefined) reasons.set(name, new Set([reason]))
    return known === undefined
  }
  const take = (name: string, reason: string): void => {
    const found = index.lookup(name)
    if (found.modules.length === 0 && !found.builtin) missing.add(normalizeModuleName(name))
    for (const module of found.modules) {
      if (addReason(module, reason)) takeNeeds(module)
    }
  }
  const takeNeeds = (name: string): void => {
    for (const load of index.resolve([name]).modules) {
      if (load.name === name) continue
      const reason = load.required ? `module '${name}' depends on it` : `soft dependency of module '${name}'`
      if (addReason(load.name, reason)) takeNeeds(load.name)
    }
    for (const weak of index.weakdepsOf(name)) {
      for (const module of index.lookup(weak).modules) {
        if (addReason(module, `module '${name}' may ask for it`)) takeNeeds(module)
      }
    }
  }
  for (const { name, reason } of wanted) take(name, reason)
  const modules = [...reasons].map(([name, why]) => ({ name, path: index.modules.get(name)?.path ?? '', reasons: [...why] }))
  return { modules: modules.sort((a, b) => (a.path < b.path ? -1 : 1)), missing: [...missing] }
}

/** The module files of depmod's table without their suffix, `_` for `-`, below `kernel/` if they are. */
function belowKernel(path: string): string {
  const directory = path.slice(0, path.lastIndexOf('/') + 1).replace(/^.*\/kernel\//, '').replace(/^kernel\//, '')
  return directory + (isModulePath(path) ? moduleNameOfPath(path) : '')
}

function depthOf(path: string): number {
  let depth = 0
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++
  return depth
}

/** Thousands of paths are asked for each pattern: most are told by how they begin. */
function pathMatcher(pattern: string): (path: string) => boolean {
  const begin = /^[^*?[\\]*/.exec(pattern)?.[0] ?? ''
  const depth = depthOf(pattern)
  // `*` stays within one directory here.
  return path => path.startsWith(begin) && depthOf(path) === depth && fnmatch(pattern, path)
}

function withoutDashes(pattern: string): string {
  const slash = pattern.lastIndexOf('/') + 1
  return pattern.slice(0, slash) + normalizeModuleName(pattern.slice(slash))
}
