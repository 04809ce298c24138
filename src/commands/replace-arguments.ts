// The command line of `fulcrum replace` as a wish.
//
// Pure: nothing is looked at yet.  fulcrum-replace(1)

import type { ReplaceRequest, ReplaceSource } from '../facts/replace/replace-types.ts'

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
  '--read-only', '--recursive', '--drop-submounts', '--make-mountpoints', '--keep-old', '--keep-for-rollback', '--finish', '--rollback', '--allow-window',
  '--dry-run', '--json',
] as const
const valued = ['--layer', '--base', '--type', '--options'] as const
type Flag = (typeof flags)[number]
type Valued = (typeof valued)[number]

interface Words {
  readonly set: ReadonlySet<Flag>
  readonly values: ReadonlyMap<Valued, readonly string[]>
  readonly names: readonly string[]
}

function splitWords(args: readonly string[]): Words | string {
  const set = new Set<Flag>()
  const values = new Map<Valued, string[]>()
  const names: string[] = []
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') return { set, values, names: [...names, ...rest] }
    const flag = flags.find((one) => one === arg)
    const option = valued.find((one) => one === arg || arg?.startsWith(`${one}=`) === true)
    if (flag !== undefined) set.add(flag)
    else if (option !== undefined) {
      const value = arg === option ? rest.shift() : arg.slice(option.length + 1)
      if (value === undefined || value === '') return `Cannot understand '${option}': expected a value behind it`
      values.set(option, [...(values.get(option) ?? []), value])
    } else if (arg.startsWith('-')) return `Cannot understand '${arg}': no such option; --help lists them`
    else names.push(arg)
  }
  return { set, values, names }
}

/** The wish, or what is wrong with the words. */
export function parseReplaceArguments(args: readonly string[]): ReplaceWish | string {
  const words = splitWords(args)
  if (typeof words === 'string') return words
  const { set, values, names } = words
  const json = set.has('--json')
  const [first, second] = names
  if (set.has('--finish') || set.has('--rollback')) {
    const others = [...set].filter((flag) => flag !== '--json')
    if (others.length > 1 || values.size > 0 || names.length !== 1 || first === undefined) return 'Cannot do both: --finish and --rollback take a target and nothing else'
    return { action: set.has('--finish') ? 'finish' : 'rollback', target: first, json }
  }
  const layers = values.get('--layer') ?? []
  const [base = null, ...moreBases] = values.get('--base') ?? []
  const [fstype = null, ...moreTypes] = values.get('--type') ?? []
  if (moreBases.length > 0 || moreTypes.length > 0) return 'Cannot take --base or --type twice'
  if (layers.length === 0 && base !== null) return 'Cannot take --base without --layer'
  if (layers.length > 0 && (fstype !== null || set.has('--recursive'))) return 'Cannot do both: --layer and --type or --recursive'
  const target = layers.length > 0 ? first : second
  if (first === undefined || target === undefined || names.length !== (layers.length > 0 ? 1 : 2)) {
    return layers.length > 0 ? 'Cannot understand the arguments: expected TARGET behind the layers' : 'Cannot understand the arguments: expected SOURCE and TARGET'
  }
  const source: ReplaceSource = layers.length > 0 ? { kind: 'layers', layers, base } : { kind: 'path', path: first, recursive: set.has('--recursive') }
  const options = [...(values.get('--options') ?? []), ...(set.has('--read-only') ? ['ro'] : [])].join(',')
  return {
    action: 'replace', source, json, dryRun: set.has('--dry-run'),
    request: {
      source, target, fstype, options,
      submounts: set.has('--drop-submounts') ? 'drop' : 'carry',
      makeMountPoints: set.has('--make-mountpoints'),
      keepOld: set.has('--keep-old'),
      keepForRollback: set.has('--keep-for-rollback'),
      allowWindow: set.has('--allow-window'),
    },
  }
}
