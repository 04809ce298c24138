// /etc/fulcrum/processes.toml: rules about processes, and the default.
//
// PID 1 reads it, which is why the general TOML parser and schema library of the builder are not used: this reads
// the part of TOML that the file needs (keys with strings and integers, [[rule]] tables, comments) and says where
// anything else is. What it takes, every TOML parser reads the same way (rules-file.test.ts compares). Pure.

import type { Rule, RuleAction } from './rules.ts'

export interface RulesFile {
  /** For processes that no rule matches; null: by whether the initramfs is kept. */
  readonly default: RuleAction | null
  /** How long SIGTERM may take; null: the program's default. */
  readonly timeoutMs: number | null
  readonly rules: readonly Rule[]
}

/** Text that is no such file: 'Cannot read 'FILE', line N: …'. */
export class RulesFileError extends Error {
  constructor(path: string, line: number, detail: string) {
    super(`Cannot read '${path}', line ${line}: ${detail}`)
    this.name = 'RulesFileError'
  }
}

type Value = string | number
type Fail = (detail: string) => never
interface Entry {
  readonly value: Value
  readonly fail: Fail
}
interface Table {
  readonly entries: Map<string, Entry>
  readonly line: number
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' }
/** TOML forbids them in strings and comments, tab excepted. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/

/** A basic or literal string, or a decimal integer, followed by nothing but a comment. */
function parseValue(text: string, fail: Fail): Value {
  const literal = /^'([^']*)'\s*(#.*)?$/.exec(text)
  if (literal !== null) return literal[1] ?? ''
  const basic = /^"((?:[^"\\]|\\.)*)"\s*(#.*)?$/.exec(text)
  if (basic !== null) {
    return (basic[1] ?? '').replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string) => {
      const known = ESCAPES[code]
      if (known !== undefined) return known
      const point = code.length === 5 ? Number.parseInt(code.slice(1), 16) : 0xd800
      if (point >= 0xd800 && point < 0xe000) fail(`Cannot understand the escape '\\${code}'`)
      return String.fromCharCode(point)
    })
  }
  const integer = /^(0|[1-9]\d{0,14})\s*(#.*)?$/.exec(text)
  if (integer !== null) return Number(integer[1])
  return fail(`Cannot understand the value '${text}': expected a string in quotes or a whole number`)
}

const KEYS: Readonly<Record<'file' | 'rule', readonly string[]>> = {
  file: ['default', 'timeout-ms'],
  rule: ['action', 'exe', 'name', 'argument', 'uid'],
}

function action(entry: Entry | undefined, missing: Fail): RuleAction {
  if (entry === undefined) return missing("a rule needs an 'action', 'keep' or 'kill'")
  const { value, fail } = entry
  return value === 'keep' || value === 'kill' ? value : fail(`expected 'keep' or 'kill', not '${value}'`)
}

function whole(entry: Entry): number {
  return typeof entry.value === 'number' ? entry.value : entry.fail('expected a whole number')
}

function pattern(entry: Entry): string {
  return typeof entry.value === 'string' && entry.value !== '' ? entry.value : entry.fail('expected a pattern in quotes')
}

function toRule({ entries, line }: Table, path: string): Rule {
  const fail: Fail = (detail) => { throw new RulesFileError(path, line, detail) }
  const exe = entries.get('exe')
  const name = entries.get('name')
  const argument = entries.get('argument')
  const uid = entries.get('uid')
  if (exe === undefined && name === undefined && argument === undefined && uid === undefined) {
    fail("a rule needs one of 'exe', 'name', 'argument' or 'uid'; for all processes there is 'default'")
  }
  return {
    action: action(entries.get('action'), fail),
    ...(exe === undefined ? {} : { exe: pattern(exe) }),
    ...(name === undefined ? {} : { name: pattern(name) }),
    ...(argument === undefined ? {} : { argument: pattern(argument) }),
    ...(uid === undefined ? {} : { uid: whole(uid) }),
    where: `'${path}', line ${line}`,
  }
}

/** Parses the file; `path` is for messages. Throws RulesFileError. */
export function parseRulesFile(text: string, path: string): RulesFile {
  const top: Table = { entries: new Map(), line: 1 }
  const tables: Table[] = []
  text.split('\n').forEach((full, i) => {
    const fail: Fail = (detail) => { throw new RulesFileError(path, i + 1, detail) }
    const raw = full.endsWith('\r') ? full.slice(0, -1) : full
    if (CONTROL.test(raw)) fail('there is a control character')
    const line = raw.replace(/^[ \t]+|[ \t]+$/g, '')
    if (line === '' || line.startsWith('#')) return
    if (/^\[\[[ \t]*rule[ \t]*\]\][ \t]*(#.*)?$/.test(line)) {
      tables.push({ entries: new Map(), line: i + 1 })
      return
    }
    if (line.startsWith('[')) fail(`there is no table '${line}', only [[rule]]`)
    const [, key = '', value = ''] = /^([\w-]+)[ \t]*=[ \t]*(.*)$/.exec(line) ?? fail("expected KEY = VALUE or [[rule]]")
    const { entries } = tables.at(-1) ?? top
    const known = KEYS[tables.length === 0 ? 'file' : 'rule']
    if (!known.includes(key)) fail(`there is no key '${key}' here, there are '${known.join("', '")}'`)
    if (entries.has(key)) fail(`key '${key}' is given twice`)
    entries.set(key, { value: parseValue(value, fail), fail })
  })
  const fallback = top.entries.get('default')
  const timeout = top.entries.get('timeout-ms')
  return {
    default: fallback === undefined ? null : action(fallback, fallback.fail),
    timeoutMs: timeout === undefined ? null : whole(timeout),
    rules: tables.map((table) => toRule(table, path)),
  }
}
