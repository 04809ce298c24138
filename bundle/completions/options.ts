// What the shells can complete, read from the help texts: each option with its spellings, its value and a description.
//
// The help texts are what people see and what the man pages are checked against, so that a second list of options
// would only go stale. A line of options is indented and begins with a dash; its text may go on below. Pure.

/** What a command says about itself: Command of src/commands/command.ts has it. */
export interface CommandText {
  readonly name: string
  readonly summary: string
  readonly usage: readonly string[]
  readonly help: string
}

/** What can stand behind an option, or be a value of it. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'directory' | 'file' | 'other'; readonly name: string }

export interface Option {
  /** With dashes; at least one of the two is there. */
  readonly short: string | null
  readonly long: string | null
  readonly value: Value | null
  /** The value can be left out, and is given by '=' only. */
  readonly isOptional: boolean
  readonly description: string
}

export interface CommandOptions {
  readonly name: string
  readonly summary: string
  readonly options: readonly Option[]
  /** The words of which one stands behind the options; empty where it is a file or a name. */
  readonly words: readonly string[]
  /** Whether one of the operands is the name of a container or a service that runs. */
  readonly takesNames: boolean
}

function toValue(name: string): Value {
  if (/^[a-z\d]+(\|[a-z\d]+)+$/.test(name)) return { kind: 'words', words: name.split('|') }
  if (/^(DIR|DIRECTORY|ROOT)$/.test(name)) return { kind: 'directory', name }
  return { kind: /^(FILE|PATH|IMAGE|SOURCE|DIR)\b/.test(name) ? 'file' : 'other', name }
}

interface Spelling {
  readonly dashed: string
  readonly value: Value | null
  readonly isOptional: boolean
}

/** '-o', '--output FILE', '--color=WHEN', '--tty[=auto|yes|no]'; null for anything else. */
function parseSpelling(text: string): Spelling | null {
  const [, dashed, optional, required] = /^(-[A-Za-z]|--[a-z][a-z-]+)(?:\[=(.+)\]|[ =](\S+)|)$/.exec(text.trim()) ?? []
  if (dashed === undefined) return null
  const name = optional ?? required
  return { dashed, value: name === undefined ? null : toValue(name), isOptional: optional !== undefined }
}

/** The first clause of a description. */
function firstClause(text: string): string {
  return (/^.*?(?=[;:.] |[;:.]$|$)/.exec(text.replace(/\s+/g, ' ').trim())?.[0] ?? '').replace(/ \([^)]*$/, '')
}

function toOptions(spellings: readonly Spelling[], description: string): Option[] {
  const long = spellings.filter((it) => it.dashed.startsWith('--'))
  const [short = null] = spellings.filter((it) => !it.dashed.startsWith('--'))
  const value = spellings.find((it) => it.value !== null) ?? null
  if (long.length === 0) return short === null ? [] : [{ short: short.dashed, long: null, value: short.value, isOptional: short.isOptional, description }]
  return long.map((it, index) => ({
    short: index === 0 && short !== null ? short.dashed : null, long: it.dashed, description,
    value: (it.value ?? value?.value) ?? null, isOptional: it.value === null ? value?.isOptional === true : it.isOptional,
  }))
}

/** The options of the help text, in its order. */
function optionsOfHelp(help: string): Option[] {
  const lines = help.split('\n')
  return lines.flatMap((line, at) => {
    const [, indent = '', head, tail = ''] = /^( {2,8})(--?[A-Za-z].*?)(?: {2,}(.*)| (the same.*)|)$/.exec(line) ?? []
    if (head === undefined) return []
    const spelled = /^(.*?\S) ([a-z][a-z ]{4,}.*)$/.exec(head)
    const parts = (spelled?.[1] ?? head).split(', ')
    const spellings = parts.flatMap((part) => parseSpelling(part) ?? [])
    if (spellings.length !== parts.length) return []
    const isMore = (text: string): boolean => /^ +[^ -]/.test(text) && (/^ */.exec(text)?.[0].length ?? 0) > indent.length + 4
    const end = lines.findIndex((text, index) => index > at && !isMore(text))
    const more = lines.slice(at + 1, end < 0 ? undefined : end)
    return toOptions(spellings, firstClause([spelled?.[2] ?? '', tail, ...more].join(' ')))
  })
}

/** The options that only the synopsis names. */
function optionsOfUsage(usage: readonly string[]): Option[] {
  const found = usage.join('\n').matchAll(/(?<=[\s[|])(--[a-z][a-z-]+)(?:([= ])([A-Z]+|[a-z]+(?:\|[a-z]+)+))?(?=[\]|\s]|$)/g)
  return [...found].map(([, long = '', , name]) => ({
    short: null, long, value: name === undefined ? null : toValue(name), isOptional: false, description: '',
  }))
}

/** A choice in the synopsis that belongs to no option ('poweroff|reboot'), or the components that a help text lists. */
function wordsOf({ usage, help }: CommandText): string[] {
  const [choice] = usage.flatMap((line) => line.match(/(?<=\] )[a-z]+(?:\|[a-z]+)+$/) ?? [])
  if (choice !== undefined) return choice.split('|')
  const list = /^Components.*:\n((?: {2}\S.*\n)+)/m.exec(help)?.[1] ?? ''
  return list.split('\n').flatMap((line) => line.trim().split(' ')[0] || [])
}

const HELP: Option = { short: '-h', long: '--help', value: null, isOptional: false, description: 'show the help text' }

/** Everything that can be completed for one command. A choice that only the synopsis spells out is taken from there. */
export function describeOptions(command: CommandText): CommandOptions {
  const fromUsage = optionsOfUsage(command.usage.filter((line) => line.includes(command.name)))
  const options = optionsOfHelp(command.help).map((option) => {
    const spelled = fromUsage.find((it) => it.long === option.long && it.value?.kind === 'words')
    if (option.value?.kind !== 'other') return option
    if (/^[a-z\d]+(, [a-z\d]+){2,}$/.test(option.description)) return { ...option, value: toValue(option.description.replaceAll(', ', '|')) }
    return spelled === undefined ? option : { ...option, value: spelled.value }
  })
  const isNew = (option: Option, index: number, all: readonly Option[]): boolean =>
    all.findIndex((it) => (it.long ?? it.short) === (option.long ?? option.short)) === index
  const all = [...options, ...fromUsage].filter(isNew)
  const hasHelp = all.some((it) => it.long === '--help')
  return { name: command.name, summary: command.summary, options: hasHelp ? all : [...all, HELP], words: wordsOf(command), takesNames: command.usage.some((line) => /\] NAME(?![A-Z])/.test(line)) }
}
