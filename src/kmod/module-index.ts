// What is known of one kernel's modules: names, files, load order and the devices they drive.
//
// Made from the text of depmod's files, by the builder over a whole distribution tree and by PID 1
// over the part in its image; who reads the files is the caller's business. The load order is
// modprobe's own (libkmod, kmod_module_get_probe_list). See modules.dep(5), modprobe(8).

import { builtinAliases, parseBuiltinModinfo } from './modinfo.ts'
import { moduleNameOfPath, normalizeModuleName } from './module-name.ts'
import { makeAliasMatcher, parseModulesAlias } from './modules-alias.ts'
import { parseModulesDep, type ModuleDependency } from './modules-dep.ts'
import { parseModulesSoftdep, parseModulesWeakdep, type SoftDependency } from './modules-softdep.ts'

/** The files of /lib/modules/KVER as text. Only modules.dep is always there. */
export interface ModuleIndexText {
  readonly dep: string
  readonly alias?: string
  readonly softdep?: string
  readonly weakdep?: string
  /** modules.builtin: one path per line. */
  readonly builtin?: string
  /** modules.builtin.modinfo: strings ended by NUL. */
  readonly builtinModinfo?: string
}

/** One module to hand to finit_module(2). */
export interface ModuleLoad {
  readonly name: string
  /** As modules.dep spells it: relative to /lib/modules/KVER. */
  readonly path: string
  /** False when it is only a soft dependency: its failure does not hinder what was asked for. */
  readonly required: boolean
}

/** What `resolve` found. Each list has every entry once. */
export interface ModuleResolution {
  /** In the order in which they have to be loaded. */
  readonly modules: readonly ModuleLoad[]
  /** Names asked for that are built into the kernel: nothing to do. */
  readonly builtin: readonly string[]
  /** Names asked for that are neither module, alias nor built in. */
  readonly missing: readonly string[]
  /** Soft dependencies that are nowhere; as modprobe does, they are passed over. */
  readonly missingSoft: readonly string[]
}

export interface ModuleIndex {
  /** Every module that is a file, by name. */
  readonly modules: ReadonlyMap<string, ModuleDependency>
  /** Names of modules built into the kernel. */
  readonly builtin: ReadonlySet<string>
  /** Soft dependencies by module. */
  readonly softdeps: ReadonlyMap<string, SoftDependency>
  /** The modules for a device's `modalias`; files only, built-in drivers need no loading. */
  matchModalias(modalias: string): string[]
  /** A name or alias to module names: the module of that name if there is one, else by alias. */
  lookup(nameOrAlias: string): { readonly modules: string[]; readonly builtin: boolean }
  /** The files to load for these names or aliases, dependencies and soft dependencies included, in order. */
  resolve(names: readonly string[]): ModuleResolution
  /** Modules that these may ask for at run time by themselves (weakdep). */
  weakdepsOf(name: string): readonly string[]
}

/** Parses everything once. The result is immutable. */
export function makeModuleIndex(text: ModuleIndexText): ModuleIndex {
  const modules = parseModulesDep(text.dep)
  const softdeps = parseModulesSoftdep(text.softdep ?? '')
  const weakdeps = parseModulesWeakdep(text.weakdep ?? '')
  const builtin = new Set((text.builtin ?? '').split('\n').filter(line => line !== '').map(moduleNameOfPath))
  const matcher = makeAliasMatcher(parseModulesAlias(text.alias ?? ''))
  const builtinMatcher = makeAliasMatcher(builtinAliases(parseBuiltinModinfo(text.builtinModinfo ?? '')))

  const matchModalias = (modalias: string): string[] => matcher.match(modalias).filter(name => modules.has(name))
  const lookup = (nameOrAlias: string): { modules: string[]; builtin: boolean } => {
    const name = normalizeModuleName(nameOrAlias)
    if (modules.has(name)) return { modules: [name], builtin: false }
    if (builtin.has(name)) return { modules: [], builtin: true }
    const found = matchModalias(name)
    return { modules: found, builtin: builtinMatcher.match(name).length > 0 }
  }
  return {
    modules,
    builtin,
    softdeps,
    matchModalias,
    lookup,
    resolve: names => resolveOrder(names, { modules, softdeps, lookup }),
    weakdepsOf: name => weakdeps.get(normalizeModuleName(name)) ?? [],
  }
}

type ResolveTables = Pick<ModuleIndex, 'modules' | 'softdeps' | 'lookup'>

/**
 * modprobe's order: for each module first its dependencies (each wrapped in its own soft ones), then
 * its `pre:` ones, itself, its `post:` ones. Cycles among soft dependencies end at what was visited.
 */
function resolveOrder(names: readonly string[], { modules, softdeps, lookup }: ResolveTables): ModuleResolution {
  const order = new Map<string, { path: string; required: boolean }>()
  const visited = new Set<string>()
  const builtin = new Set<string>()
  const missing = new Set<string>()
  const missingSoft = new Set<string>()

  const append = (module: ModuleDependency, required: boolean): void => {
    const known = order.get(module.name)
    if (known === undefined) order.set(module.name, { path: module.path, required })
    else if (required) known.required = true
  }
  const probeSoft = (wanted: readonly string[]): void => {
    for (const name of wanted) {
      const found = lookup(name)
      if (found.modules.length === 0 && !found.builtin) missingSoft.add(normalizeModuleName(name))
      for (const module of found.modules) probe(module, false)
    }
  }
  const wrapSoft = (module: ModuleDependency, required: boolean): void => {
    const soft = softdeps.get(module.name)
    // Once wrapped a module stays so: what it wants around it has been placed already.
    if (order.has(module.name)) return append(module, required)
    if (soft !== undefined && !wrapping.has(module.name)) {
      wrapping.add(module.name)
      probeSoft(soft.pre)
      append(module, required)
      probeSoft(soft.post)
    } else {
      append(module, required)
    }
  }
  const wrapping = new Set<string>()
  const probe = (name: string, required: boolean): void => {
    const module = modules.get(name)
    if (module === undefined) return
    if (visited.has(name)) {
      if (required) requireAll(module)
      return
    }
    visited.add(name)
    for (const path of module.needs) {
      const needed = modules.get(moduleNameOfPath(path))
      if (needed !== undefined) wrapSoft(needed, required)
    }
    wrapSoft(module, required)
  }
  /** A module first met as soft and then asked for: it and its dependencies are required after all. */
  const requireAll = (module: ModuleDependency): void => {
    for (const path of [...module.needs, module.path]) {
      const known = order.get(moduleNameOfPath(path))
      if (known !== undefined) known.required = true
    }
  }

  for (const name of names) {
    const found = lookup(name)
    if (found.modules.length === 0) (found.builtin ? builtin : missing).add(normalizeModuleName(name))
    for (const module of found.modules) probe(module, true)
  }
  return {
    modules: [...order].map(([name, load]) => ({ name, ...load })),
    builtin: [...builtin],
    missing: [...missing],
    missingSoft: [...missingSoft],
  }
}
