// The command line of `fulcrum replace` as a wish.
//
// Pure: nothing is looked at yet.  fulcrum-replace(1)

import type { ReplaceRequest, ReplaceSource } from '../facts/replace/replace-types.ts'
import { parseOptionList, UsageError } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

export type ReplaceWish =
  | {
      readonly action: 'replace'
      readonly source: ReplaceSource
      readonly request: ReplaceRequest
      readonly dryRun: boolean
      readonly json: boolean
    }
  | { readonly action: 'finish' | 'rollback'; readonly target: string; readonly json: boolean }

const flags = [
  'read-only', 'recursive', 'drop-submounts', 'make-mountpoints', 'keep-old', 'keep-for-rollback', 'finish', 'rollback', 'allow-window', 'dry-run', 'json',
] as const
const valued = ['layer', 'base', 'type', 'options'] as const
type Flag = (typeof flags)[number]
type Valued = (typeof valued)[number]

const specs: readonly OptionSpec[] = [
  ...flags.map((name): OptionSpec => ({ name, kind: 'flag', ...(name === 'dry-run' ? { short: 'n' } : {}) })),
  ...valued.map((name): OptionSpec => ({ name, kind: 'value' })),
]

interface Words {
  readonly set: ReadonlySet<Flag>
  readonly values: ReadonlyMap<Valued, readonly string[]>
  readonly names: readonly string[]
}

/** Throws UsageError or HelpRequest. */
function splitWords(args: readonly string[]): Words {
  const { options, words, command } = parseOptionList(args, specs)
  const has = (name: string): boolean => options.some((it) => it.name === name)
  const valuesOf = (name: string): string[] => options.flatMap((it) => (it.name === name ? [it.value ?? ''] : []))
  for (const name of valued) if (valuesOf(name).includes('')) throw new UsageError(`Cannot understand '--${name}': expected a value behind it`)
  return { set: new Set(flags.filter(has)), values: new Map(valued.filter(has).map((name) => [name, valuesOf(name)])), names: [...words, ...(command ?? [])] }
}

/** The wish, or what is wrong with the words. Throws UsageError or HelpRequest for an option that there is not. */
export function parseReplaceArguments(args: readonly string[]): ReplaceWish | string {
  const { set, values, names } = splitWords(args)
  const json = set.has('json')
  const [first, second] = names
  if (set.has('finish') || set.has('rollback')) {
    const others = [...set].filter((flag) => flag !== 'json')
    if (others.length > 1 || values.size > 0 || names.length !== 1 || first === undefined) return 'Cannot do both: --finish and --rollback take a target and nothing else'
    return { action: set.has('finish') ? 'finish' : 'rollback', target: first, json }
  }
  const layers = values.get('layer') ?? []
  const [base = null, ...moreBases] = values.get('base') ?? []
  const [fstype = null, ...moreTypes] = values.get('type') ?? []
  if (moreBases.length > 0 || moreTypes.length > 0) return 'Cannot take --base or --type twice'
  if (layers.length === 0 && base !== null) return 'Cannot take --base without --layer'
  if (layers.length > 0 && (fstype !== null || set.has('recursive'))) return 'Cannot do both: --layer and --type or --recursive'
  const target = layers.length > 0 ? first : second
  if (first === undefined || target === undefined || names.length !== (layers.length > 0 ? 1 : 2)) {
    return layers.length > 0 ? 'Cannot understand the arguments: expected TARGET behind the layers' : 'Cannot understand the arguments: expected SOURCE and TARGET'
  }
  const source: ReplaceSource = layers.length > 0 ? { kind: 'layers', layers, base } : { kind: 'path', path: first, recursive: set.has('recursive') }
  const options = [...(values.get('options') ?? []), ...(set.has('read-only') ? ['ro'] : [])].join(',')
  return {
    action: 'replace', source, json, dryRun: set.has('dry-run'),
    request: {
      source, target, fstype, options,
      submounts: set.has('drop-submounts') ? 'drop' : 'carry',
      makeMountPoints: set.has('make-mountpoints'),
      keepOld: set.has('keep-old'),
      keepForRollback: set.has('keep-for-rollback'),
      allowWindow: set.has('allow-window'),
    },
  }
}
