// The options of `fulcrum install` and `fulcrum uninstall`, and how both report.
//
// Pure but for the working directory, against which --root is taken, as every other path of a command line.

import { posix } from 'node:path'
import { nearest } from '../facts/nearest.ts'
import type { Refusal } from '../facts/refusal.ts'
import { components, isComponent } from '../install/layout.ts'
import type { Component } from '../install/layout.ts'
import type { Place } from '../install/read-facts.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import { EXIT_REFUSED, EXIT_SYSTEM } from './command.ts'
import type { CommandIo } from './command.ts'
import { sayFailure, sayRefusal } from './failure.ts'
import { UsageError, parseOptionList } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

const DEFAULT_PREFIX = '/usr/local'

const specs: readonly OptionSpec[] = [
  { name: 'root', kind: 'value' },
  { name: 'prefix', kind: 'value' },
  { name: 'force', kind: 'flag', short: 'f' },
  { name: 'dry-run', kind: 'flag', short: 'n' },
  { name: 'json', kind: 'flag' },
]

export interface InstallOptions {
  readonly place: Place
  readonly force: boolean
  readonly dryRun: boolean
  readonly json: boolean
  /** What was named, in the order of `components`; empty for none. */
  readonly components: readonly Component[]
}

function toComponent(name: string): Component {
  if (isComponent(name)) return name
  const guess = nearest(name, components)
  throw new UsageError(`Cannot install '${name}': ${guess === undefined ? `there are '${components.join("', '")}'` : `did you mean '${guess}'?`}`)
}

/** Throws UsageError. */
export function parseInstallOptions(args: readonly string[]): InstallOptions {
  const { options, words, command } = parseOptionList(args, specs)
  const value = (name: string): string | null => options.findLast((it) => it.name === name)?.value ?? null
  const has = (name: string): boolean => options.some((it) => it.name === name)
  const prefix = value('prefix') ?? DEFAULT_PREFIX
  if (!prefix.startsWith('/') || prefix.split('/').includes('..')) throw new UsageError(`Cannot understand --prefix '${prefix}': expected an absolute path without '..'`)
  const root = value('root') ?? '/'
  if (root === '') throw new UsageError("Cannot understand --root '': expected a directory")
  const named = [...words, ...(command ?? [])].map(toComponent)
  return {
    place: { root: posix.resolve(root), prefix: posix.resolve(prefix) },
    force: has('force'), dryRun: has('dry-run'), json: has('json'), components: components.filter((it) => named.includes(it)),
  }
}

/** Prints a refusal and returns the exit status. */
export function reportRefusal(name: string, refusal: Refusal, json: boolean, io: CommandIo): number {
  sayRefusal(io, name, json, refusal)
  return EXIT_REFUSED
}

/** What usually helps, or nothing. */
function remedyFor(error: unknown): string {
  if (isErrno(error, 'EACCES', 'EPERM')) return '; run it as root, or choose another --prefix'
  if (isErrno(error, 'EROFS')) return '; mount that file system read-write, or choose another --prefix'
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return '; free some space and try again'
  return ''
}

/** Prints a failure of the system and returns the exit status. */
export function reportFailure(name: string, what: string, error: unknown, json: boolean, io: CommandIo): number {
  const line = errorLine(error)
  sayFailure(io, name, json, line.startsWith('Cannot ') ? line : `Cannot ${what}: ${line}${remedyFor(error)}`, error)
  return EXIT_SYSTEM
}
