// Module options, blacklists and aliases from modprobe.d files and from the kernel command line.
//
// Pure parser. What modprobe(8) takes from both places, PID 1 must take too, or a machine that needs
// `nvme_core.default_ps_max_latency_us=0` boots with one initramfs and not with the other.
// `install` and `remove` lines run shell commands and are not honoured; they are returned as such.
// See modprobe.d(5), Documentation/admin-guide/kernel-parameters.rst (module.parameter).

import type { CommandLineWord } from '../../facts/cmdline.ts'
import { normalizeModuleName } from '../../kmod/module-name.ts'

/** What is used of a word of the kernel command line. */
export type OptionWord = Pick<CommandLineWord, 'key' | 'value'>

export interface ModuleOptions {
  /** Parameter text for finit_module(2) by module name, for instance 'a=1 b="x y"'. */
  readonly parameters: ReadonlyMap<string, string>
  /** Modules that are not loaded for a device (modprobe's blacklist); loading by name still works. */
  readonly blacklist: ReadonlySet<string>
  /** Modules that are not loaded at all: the kernel itself refuses them too. */
  readonly forbidden: ReadonlySet<string>
  /** Other names given to modules, in order. Wild cards are not supported here. */
  readonly aliases: ReadonlyMap<string, readonly string[]>
  /** Lines that mean something to modprobe and are not honoured. */
  readonly unsupported: readonly string[]
}

/** Keys of the command line with a comma-separated list of modules. */
const blacklistKeys = ['modprobe.blacklist', 'rd.driver.blacklist']
const forbiddenKeys = ['module_blacklist']

/** `configTexts` are the modprobe.d files in the order of their names. */
export function parseModuleOptions(configTexts: readonly string[], words: readonly OptionWord[]): ModuleOptions {
  const options: Collected = {
    parameters: new Map(),
    blacklist: new Set(),
    forbidden: new Set(),
    aliases: new Map(),
    unsupported: [],
  }
  for (const text of configTexts) readConfig(text, options)
  readCommandLine(words, options)
  return {
    ...options,
    parameters: new Map([...options.parameters].map(([name, list]) => [name, list.join(' ')])),
  }
}

interface Collected {
  readonly parameters: Map<string, string[]>
  readonly blacklist: Set<string>
  readonly forbidden: Set<string>
  readonly aliases: Map<string, string[]>
  readonly unsupported: string[]
}

function readConfig(text: string, options: Collected): void {
  for (const raw of text.replaceAll('\\\n', ' ').split('\n')) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [keyword, name, ...rest] = line.split(/\s+/)
    if (name === undefined) continue
    const module = normalizeModuleName(name)
    if (keyword === 'options') push(options.parameters, module, rest.join(' '))
    else if (keyword === 'blacklist') options.blacklist.add(module)
    else if (keyword === 'alias' && rest[0] !== undefined) push(options.aliases, module, normalizeModuleName(rest[0]))
    // `install NAME /bin/false` is the usual way to forbid a module, and needs no shell to be understood.
    else if (keyword === 'install' && /^\/(usr\/)?bin\/(false|true)$/.test(rest.join(' '))) options.forbidden.add(module)
    else options.unsupported.push(line)
  }
}

function readCommandLine(words: readonly OptionWord[], options: Collected): void {
  for (const { key, value } of words) {
    const names = (value ?? '').split(',').filter(name => name !== '').map(normalizeModuleName)
    if (blacklistKeys.includes(key)) for (const name of names) options.blacklist.add(name)
    else if (forbiddenKeys.includes(key)) for (const name of names) options.forbidden.add(name)
    else readParameter(key, value, options)
  }
}

/** `module.parameter=value`. Keys of other programs have a dot too; they name no module and do no harm. */
function readParameter(key: string, value: string | null, options: Collected): void {
  const dot = key.indexOf('.')
  if (dot <= 0 || dot === key.length - 1) return
  const parameter = key.slice(dot + 1)
  const text = value === null ? parameter : `${parameter}=${/\s/.test(value) ? `"${value}"` : value}`
  push(options.parameters, normalizeModuleName(key.slice(0, dot)), text)
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
