// ModuleLoader: loads modules by name, by alias and for devices, with what they depend on, in order.
//
// Stands in for modprobe(8) inside PID 1, where starting a program per device would cost more than
// the loading. The order comes from src/kmod; here is only the doing, and the record of it.

import { moduleNameOfPath, normalizeModuleName } from '../../kmod/module-name.ts'
import { makeModuleIndex, type ModuleIndex, type ModuleLoad } from '../../kmod/module-index.ts'
import { builtinAliases, parseBuiltinModinfo } from '../../kmod/modinfo.ts'
import { makeAliasMatcher } from '../../kmod/modules-alias.ts'
import { errorLine } from '../../kernel/errors.ts'
import { readdirIfThere, readTextIfThere, type DeviceKernel } from './device-kernel.ts'
import { insertModule } from './module-file.ts'
import { parseModuleOptions, type ModuleOptions, type OptionWord } from './module-options.ts'

/** One module that was loaded or failed, for the trace of the boot. */
export interface ModuleTrace {
  readonly name: string
  /** CLOCK_MONOTONIC when it began, in microseconds. */
  readonly startUs: number
  /** How long finit_module(2) and reading the file took, in microseconds. */
  readonly us: number
  /** Why it was not loaded; null for a loaded one. */
  readonly error: string | null
  /** The name, alias or modalias that asked for it. */
  readonly reason: string
}

export interface ModuleLoader {
  /** Loads these names or aliases with all that they need. Returns one line per name that is not usable now. */
  load(names: readonly string[]): string[]
  /** Loads those of these names or aliases that the image has; the others are no failure. */
  loadIfThere(names: readonly string[]): void
  /** Loads the drivers of a device. Returns how many modules were newly loaded; 0 when nothing matches. */
  loadForDevice(modalias: string): number
  /** True when a module of the image, or one built in, claims this modalias. */
  claims(modalias: string): boolean
  /** True when this module, or every module of this alias, is not to be loaded for a device. */
  isBlacklisted(name: string): boolean
  /** Every attempt so far, in order. */
  trace(): readonly ModuleTrace[]
}

export interface ModuleLoaderOptions {
  /** Words of the kernel command line, for `module.parameter=value` and the blacklists. */
  readonly words?: readonly OptionWord[]
  /** Where the modules are; '/lib/modules/KVER' by default. */
  readonly directory?: string
}

const forbidden = 'it is forbidden by configuration'

/** Directories of modprobe.d(5) by precedence: a file in an earlier one hides its namesake in a later one. */
const configDirectories = ['/etc/modprobe.d', '/run/modprobe.d', '/lib/modprobe.d']

/** `kver` is the running kernel's release. Files are read when first needed. */
export function createModuleLoader(kernel: DeviceKernel, kver: string, options: ModuleLoaderOptions = {}): ModuleLoader {
  const directory = options.directory ?? `/lib/modules/${kver}`
  const trace: ModuleTrace[] = []
  /** Names that were handled: null loaded, else why not. */
  const done = new Map<string, string | null>()
  const devicesDone = new Set<string>()
  const index = once(() => readIndex(kernel, directory))
  // Asked only to tell a built-in alias from a missing one, so it is no part of the index above.
  const builtin = once(() => makeAliasMatcher(builtinAliases(parseBuiltinModinfo(readText(kernel, directory, 'modules.builtin.modinfo')))))
  const isBuiltinAlias = (alias: string): boolean => builtin().match(alias).length > 0
  const settings = once(() => parseModuleOptions(readConfigs(kernel), options.words ?? []))

  const insert = (module: ModuleLoad, reason: string): string | null => {
    const obstacle = settings().forbidden.has(module.name) ? forbidden : failedDependency(index(), module, done)
    // Old trees have absolute paths in modules.dep.
    const path = module.path.startsWith('/') ? module.path : `${directory}/${module.path}`
    const start = kernel.monotonicUs()
    const failure = obstacle ?? attempt(() => insertModule(kernel, path, settings().parameters.get(module.name) ?? ''))
    trace.push({ name: module.name, startUs: Number(start), us: Number(kernel.monotonicUs() - start), error: failure, reason })
    done.set(module.name, failure)
    return failure
  }

  const insertAll = (names: readonly string[], reason: string): number => {
    let count = 0
    for (const module of index().resolve(names).modules) {
      if (!done.has(module.name) && insert(module, reason) === null) count++
    }
    return count
  }

  const loadOne = (name: string): string | null => {
    const found = lookup(index(), settings(), name)
    if (found.modules.length === 0) {
      // The compressed copy that a machine returns to (keep=slim) has no modules; those of the first boot are loaded.
      const isThere = found.builtin || isBuiltinAlias(name) || kernel.exists(`/sys/module/${normalizeModuleName(name)}`)
      return isThere ? null : `Cannot load module '${name}': ${options.directory === undefined ? 'it is not in this image' : `it is not in '${directory}'`}`
    }
    // What failed before is tried again: somebody asks for it by name, perhaps after mending the cause.
    for (const module of index().resolve(found.modules).modules) if (done.get(module.name) !== null) done.delete(module.name)
    insertAll(found.modules, name)
    const failure = found.modules.map(module => ({ module, error: done.get(module) ?? null })).find(f => f.error !== null)
    return failure === undefined ? null : `Cannot load module '${failure.module}': ${failure.error ?? ''}`
  }

  return {
    load: names => names.map(loadOne).filter(line => line !== null),
    loadIfThere(names) {
      for (const name of names) insertAll(lookup(index(), settings(), name).modules, name)
    },
    loadForDevice(modalias) {
      if (devicesDone.has(modalias)) return 0
      devicesDone.add(modalias)
      const names = index().matchModalias(modalias).filter(name => !settings().blacklist.has(name))
      return names.length === 0 ? 0 : insertAll(names, modalias)
    },
    claims: modalias => {
      const found = index().lookup(modalias)
      return found.builtin || found.modules.length > 0 || isBuiltinAlias(modalias)
    },
    isBlacklisted: name => {
      const { modules } = lookup(index(), settings(), name)
      return modules.length > 0 && modules.every(module => settings().blacklist.has(module))
    },
    trace: () => trace,
  }
}

/** A name, an alias of modprobe.d, or an alias of modules.alias. */
function lookup(index: ModuleIndex, settings: ModuleOptions, name: string): { modules: string[]; builtin: boolean } {
  const direct = index.lookup(name)
  if (direct.modules.length > 0 || direct.builtin) return direct
  const targets = (settings.aliases.get(normalizeModuleName(name)) ?? []).map(target => index.lookup(target))
  return { modules: targets.flatMap(t => t.modules), builtin: targets.some(t => t.builtin) }
}

/** A module whose dependency failed is not tried: the kernel would only say "Unknown symbol". */
function failedDependency(index: ModuleIndex, module: ModuleLoad, done: ReadonlyMap<string, string | null>): string | null {
  for (const path of index.modules.get(module.name)?.needs ?? []) {
    const name = moduleNameOfPath(path)
    const error = done.get(name)
    if (error !== undefined && error !== null) return `it needs '${name}': ${error}`
  }
  return null
}

function attempt(action: () => void): string | null {
  try {
    action()
    return null
  } catch (error) {
    return errorLine(error)
  }
}

function readText(kernel: DeviceKernel, directory: string, name: string): string {
  return readTextIfThere(kernel, `${directory}/${name}`) ?? ''
}

function readIndex(kernel: DeviceKernel, directory: string): ModuleIndex {
  const text = (name: string): string => readText(kernel, directory, name)
  return makeModuleIndex({
    dep: text('modules.dep'),
    alias: text('modules.alias'),
    softdep: text('modules.softdep'),
    builtin: text('modules.builtin'),
  })
}

function readConfigs(kernel: DeviceKernel): string[] {
  const paths = new Map<string, string>()
  for (const directory of configDirectories) {
    for (const name of readdirIfThere(kernel, directory)) {
      if (name.endsWith('.conf') && !paths.has(name)) paths.set(name, `${directory}/${name}`)
    }
  }
  const sorted = [...paths].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([, path]) => readTextIfThere(kernel, path) ?? '')
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}
