// `fulcrum cmdline`: shows how a kernel command line is understood, before it is booted.
//
// A typing error in the boot loader costs a reboot; here it costs nothing. --help prints the table of
// parameters.  Man pages: fulcrum-cmdline(1), bootparam(7).

import { findParameter, parameters } from '../boot/parameter-table.ts'
import type { Parameter } from '../boot/words/parameter.ts'
import { readParameters } from '../boot/parameters.ts'
import type { BootParameters } from '../boot/parameters.ts'
import { parseCommandLine, wordText } from '../facts/cmdline.ts'
import type { CommandLine, CommandLineWord } from '../facts/cmdline.ts'
import { predictInitArguments } from '../facts/init-arguments.ts'
import { EXIT_OK } from './command.ts'
import type { Command } from './command.ts'
import { parseOptionList, UsageError } from './option-list.ts'

/** The parameter as it is written: 'rd.timeout=SECONDS', 'rw'. */
export function parameterSpelling(parameter: Parameter): string {
  if (parameter.value === '') return parameter.key
  return parameter.value.startsWith('[') ? `${parameter.key}[=${parameter.value.slice(1)}` : `${parameter.key}=${parameter.value}`
}

function wrap(text: string, indent: string, columns: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > columns) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line].join('\n')
}

function parameterTable(): string {
  return parameters
    .map((parameter) => {
      const aliases = parameter.aliases.length === 0 ? '' : ` Also: ${parameter.aliases.join(', ')}.`
      return `  ${parameterSpelling(parameter)}\n${wrap(`${parameter.summary}. Default: ${parameter.default}.${aliases}`, '      ', 96)}\n`
    })
    .join('')
}

/** Words that the kernel takes for itself whatever its configuration; with others it depends. */
function isKernelWord(key: string): boolean {
  return findParameter(key)?.owner === 'kernel' || ['rdinit', 'console', 'loglevel', 'initrd', 'BOOT_IMAGE'].includes(key)
}

function meaning(word: CommandLineWord): string {
  const parameter = findParameter(word.key)
  return parameter === undefined ? '' : parameter.summary.split(/[;:]|\. /, 1)[0] ?? ''
}

function describe(line: CommandLine): string {
  const { values, problems } = readParameters(line)
  const words = line.words.map((word) => [wordText(word), meaning(word)] as const)
  const width = Math.min(40, Math.max(0, ...words.map(([text]) => text.length)))
  const init = predictInitArguments(line, isKernelWord)
  const section = (title: string, lines: readonly string[]): string => (lines.length === 0 ? '' : `${title}\n${lines.map((l) => `  ${l}\n`).join('')}`)
  return (
    section('Words', words.map(([text, what]) => `${text.padEnd(width)}  ${what === '' ? '(passes through)' : what}`.trimEnd())) +
    section('Meaning', Object.entries(values).map(([key, value]) => `${key.padEnd(14)} ${showValue(value)}`)) +
    section('Problems', problems.map((p) => p.detail)) +
    section('Given to init, unless the kernel takes a word for itself', [
      `arguments      ${init.args.length === 0 ? '(none)' : init.args.map((arg) => `'${arg}'`).join(' ')}`,
      `environment    ${Object.entries(init.env).map(([k, v]) => `${k}=${v}`).join(' ')}`,
    ])
  )
}

function showValue(value: BootParameters[keyof BootParameters]): string {
  if (value === null) return '-'
  if (typeof value === 'object') return value instanceof Array ? (value.length === 0 ? '-' : value.join(', ')) : JSON.stringify(value)
  return value === '' ? '-' : String(value)
}

export const cmdlineCommand: Command = {
  name: 'cmdline',
  summary: 'show how a kernel command line is understood',
  usage: ['fulcrum cmdline [--json] [TEXT | -]'],
  help: `Parses a kernel command line as the kernel does and says what fulcrum as /init makes of it: TEXT, or
standard input for '-', or that of the running kernel. Nothing is evaluated.

  --json  as JSON: words, init words, parameters, problems, and what init would be given

Kernel parameters that fulcrum understands; others pass through untouched. The last of several
wins. A dash is the same as an underscore. BOOL is yes or no (also 1, 0, on, off, true, false); the
bare word means yes.

${parameterTable()}`,
  run(args, io) {
    const { options, words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }])
    const json = options.length > 0
    const [text, ...more] = [...words, ...(command ?? [])]
    if (more.length > 0) throw new UsageError('Cannot take more than one command line: quote the text')
    const source = text === undefined ? '/proc/cmdline' : text === '-' ? '/dev/stdin' : null
    const line = parseCommandLine(source === null ? (text ?? '') : io.kernel().readText(source))
    if (json) {
      const parsed = { words: line.words, initWords: line.initWords.map(wordText), ...readParameters(line), init: predictInitArguments(line, isKernelWord) }
      io.stdout(`${JSON.stringify(parsed, null, 2)}\n`)
    } else io.stdout(describe(line))
    return EXIT_OK
  },
}
