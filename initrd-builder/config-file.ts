// fulcrum.toml: the same choices as the flags of `fulcrum build`, in a file that can be kept.
//
// The schema is strict, as a key that is misspelled and silently ignored shows only at boot. Errors name
// the key and its line. Relative paths are relative to the file. Pure: the text is handed in.

import { parse as parseToml, TomlError } from 'smol-toml'
import {
  array, boolean, optional, picklist, pipe, safeParse, strictObject, string, nonEmpty, type BaseIssue,
} from 'valibot'
import { keeps } from '../src/facts/switch-types.ts'
import { BuilderError } from './builder-error.ts'
import { compressorNames, moduleCompressorNames } from './compressor-names.ts'
import { parseHook } from './dracut-hooks/parse-hook.ts'
import { parseInclude } from './image/parse-include.ts'
import type { BuildOptions } from './options.ts'

const text = pipe(string(), nonEmpty('must not be empty'))

/** Every key of fulcrum.toml; docs/man/fulcrum.toml.5 describes them. */
const schema = strictObject({
  output: optional(text),
  kernel: optional(text),
  sysroot: optional(text),
  'kernel-sysroot': optional(text),
  mode: optional(picklist(['generic', 'host-only'])),
  features: optional(array(text)),
  auto: optional(boolean()),
  compress: optional(picklist(compressorNames)),
  'compress-modules': optional(picklist(moduleCompressorNames)),
  include: optional(array(text)),
  secrets: optional(array(text)),
  hooks: optional(array(text)),
  'dracut-modules': optional(array(text)),
  keep: optional(picklist(keeps)),
  'add-modules': optional(array(text)),
  'omit-modules': optional(array(text)),
  load: optional(array(text)),
  microcode: optional(boolean()),
  binary: optional(text),
  addon: optional(text),
})

/**
 * Parses the text of a fulcrum.toml. `path` is for messages; `resolvePath` makes relative paths absolute.
 * Throws BuilderError, of the usage kind.
 */
export function parseConfig(source: string, path: string, resolvePath: (path: string) => string): Partial<BuildOptions> {
  const result = safeParse(schema, parseSource(source, path))
  if (!result.success) {
    const [issue] = result.issues
    throw new BuilderError('usage', describeIssue(issue, source, path))
  }
  const values = result.output
  const resolved = (value: string | undefined): string | undefined => (value === undefined ? undefined : resolvePath(value))
  return withoutUndefined({
    output: resolved(values.output),
    kernel: values.kernel,
    sysroot: resolved(values.sysroot),
    kernelSysroot: resolved(values['kernel-sysroot']),
    mode: values.mode === 'host-only' ? 'host' : values.mode,
    features: values.features,
    auto: values.auto,
    compress: values.compress,
    compressModules: values['compress-modules'],
    include: values.include?.map(parseInclude).map(include =>
      include.source.startsWith('sysroot:') ? include : { ...include, source: resolvePath(include.source) }),
    secrets: values.secrets?.map(parseInclude).map(secret => ({ ...secret, source: resolvePath(secret.source) })),
    hooks: values.hooks?.map(parseHook).map(hook => ({ ...hook, source: resolvePath(hook.source) })),
    dracutModules: values['dracut-modules']?.map(resolvePath),
    keep: values.keep,
    addModules: values['add-modules'],
    omitModules: values['omit-modules'],
    load: values.load,
    microcode: values.microcode,
    binary: resolved(values.binary),
    addon: resolved(values.addon),
  })
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Drops the keys that have no value, so that they do not hide another source's value when spread. */
export function withoutUndefined<T extends object>(values: T): Defined<T> {
  const result: Defined<T> = {}
  for (const key in values) {
    const value = values[key]
    if (isDefined(value)) result[key] = value
  }
  return result
}

function isDefined<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined
}

function parseSource(source: string, path: string): unknown {
  try {
    return parseToml(source)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const [first = cause.message] = cause.message.split('\n')
    throw new BuilderError('usage', `Cannot read '${path}', line ${cause.line}: ${first}`, { cause })
  }
}

function describeIssue(issue: BaseIssue<unknown>, source: string, path: string): string {
  const keys = (issue.path ?? []).map(item => String(item.key))
  const [key = ''] = keys
  const line = lineOfKey(source, key)
  const where = `'${path}'${line === undefined ? '' : `, line ${line}`}`
  if (issue.type === 'strict_object') {
    const known = Object.keys(schema.entries).join("', '")
    return `Cannot read ${where}: there is no key '${key}', there are '${known}'`
  }
  const expected = issue.expected === null ? issue.message : `must be ${issue.expected}, not ${issue.received}`
  const inside = keys.length > 1 ? `, item ${Number(keys[1]) + 1}` : ''
  return `Cannot read ${where}: key '${key}'${inside} ${expected}`
}

/** One-based line on which a key of the top level, or a table of that name, begins. */
function lineOfKey(source: string, key: string): number | undefined {
  const found = source.split('\n').findIndex(line => {
    const [, name] = /^\s*\[?\[?\s*["']?([\w-]+)["']?\s*[\].=]/.exec(line) ?? []
    return name === key
  })
  return found < 0 ? undefined : found + 1
}
