// The values of the kernel command line parameters that PID 1 understands.
//
// readParameters() is the only code that gives the words of parameter-table.ts a meaning. A bad
// value never stops a boot: it becomes a problem that is shown, and the default is used.
// Man pages: bootparam(7), kernel-command-line(7), dracut.cmdline(7), docs/man/fulcrum.7.

import type { CommandLine } from '../facts/cmdline.ts'
import { lastWord, normalKey, wordsOf } from '../facts/cmdline.ts'
import { nearest } from '../facts/nearest.ts'
import { keeps } from '../facts/switch-types.ts'
import type { EngineChoice, Keep } from '../facts/switch-types.ts'
import { parseRuleWord, RULE_WORD } from '../processes/rules.ts'
import type { Rule } from '../processes/rules.ts'
import { findParameter, parameters } from './parameter-table.ts'
import { readBlockWords } from './words/block-words.ts'
import type { BlockWords } from './words/block-words.ts'
import { readLayerWords } from './words/layer-words.ts'
import type { LayerWords } from './words/layer-words.ts'
import { readNetworkWords } from './words/network-words.ts'
import type { NetworkWords } from './words/network-words.ts'
import { isOneOf, unquote, WordReader } from './words/reader.ts'
import type { ParameterProblem } from './words/reader.ts'

/** Where rd.break= can stop a boot, in the order in which they are passed. */
export const breakPoints = ['cmdline', 'pre-mount', 'mount', 'pre-switch'] as const
export type BreakPoint = (typeof breakPoints)[number]

const engines: readonly EngineChoice[] = ['auto', 'move', 'pivot']
const logLevels = ['quiet', 'normal', 'debug'] as const
const fsckModes = ['auto', 'force', 'skip'] as const
const fsckRepairs = ['preen', 'yes', 'no'] as const

/** How much PID 1 prints on the console. */
export type LogLevel = (typeof logLevels)[number]

/** What the command line asks of PID 1. Times in milliseconds, null for "for ever" or "never". */
export interface BootParameters {
  /** The root specifier as written, quotes removed; null: by the type of its partition, if gptAuto. */
  readonly root: string | null
  readonly gptAuto: boolean
  /** Types to try, in order; empty: what the superblock says. */
  readonly rootFstypes: readonly string[]
  /** Mount options of the root, comma separated; empty for none. */
  readonly rootFlags: string
  /** Mount the root read-only first, as the kernel does unless 'rw' is given. */
  readonly readOnly: boolean
  /** How long to wait for the root device. */
  readonly rootTimeoutMs: number | null
  /** rootdelay=, already counted in rootTimeoutMs. */
  readonly rootDelayMs: number
  /** init=, or null for the usual places. */
  readonly init: string | null
  readonly logLevel: LogLevel
  /** Reboot this many seconds after a failure that nobody attends to; null: never. */
  readonly rebootAfterS: number | null
  readonly breaks: readonly BreakPoint[]
  /** Whether a failure may offer a prompt on the console. */
  readonly rescueShell: boolean
  /** Modules that are not loaded by alias, with '_' for '-'. */
  readonly blacklist: readonly string[]
  /** Modules that are loaded before devices are looked for. */
  readonly preload: readonly string[]
  /** mount.usr= and its type and options; null: /usr comes from the root's fstab. */
  readonly usr: { readonly source: string; readonly fstypes: readonly string[]; readonly flags: string } | null
  readonly fsckMode: (typeof fsckModes)[number]
  readonly fsckRepair: (typeof fsckRepairs)[number]
  readonly engine: EngineChoice
  /** null: what the image says, else 'full' with pivot, 'none' with move. */
  readonly keep: Keep | null
  /** fulcrum.secret=: files of the initramfs that are overwritten before the hand-over, besides the image's own. */
  readonly secrets: readonly string[]
  /** What fulcrum.process= says of processes of the initramfs; the first that matches wins. */
  readonly processRules: readonly Rule[]
  /** Whether what the root depends on is marked to survive systemd's final kill. */
  readonly processMarks: boolean
  readonly dryRun: boolean
  /** Whether systemd is told when the initramfs began and ended. */
  readonly timestamps: boolean
  /** LUKS, LVM, md. */
  readonly block: BlockWords
  /** dm-verity, overlay, image files, resume. */
  readonly layers: LayerWords
  readonly network: NetworkWords
  /** fulcrum.shutdown_timeout=, which /shutdown reads again: here so that a bad value is told at the boot. */
  readonly shutdownTimeoutMs: number | null
}

const breakAliases: Readonly<Record<string, BreakPoint>> = {
  'pre-udev': 'cmdline',
  'pre-trigger': 'cmdline',
  initqueue: 'pre-mount',
  'pre-pivot': 'pre-switch',
  cleanup: 'pre-switch',
}

const defaultRootTimeoutMs = 90_000

/** The kernel takes one without a slash from "/", where it starts. */
function readInit(read: WordReader): string | null {
  const init = read.text('init')
  if (init !== null && !init.startsWith('/')) read.problem('init', init, 'an absolute path', `taking '/${init}'`)
  return init === null || init.startsWith('/') ? init : `/${init}`
}

function readRootTimeout(read: WordReader, line: CommandLine, delayMs: number): number | null {
  const timeout = read.timeMs('rd.timeout')
  if (timeout !== null) return timeout === 0 ? null : Math.max(timeout, delayMs)
  const rootwait = lastWord(line, 'rootwait')
  if (rootwait === undefined) return Math.max(defaultRootTimeoutMs, delayMs)
  // A bare rootwait is for ever; rootwait=SECONDS exists since Linux 6.5.
  if (rootwait.value === null) return null
  const seconds = read.timeMs('rootwait')
  return seconds === null ? Math.max(defaultRootTimeoutMs, delayMs) : Math.max(seconds, delayMs)
}

function readRebootAfter(read: WordReader): number | null {
  const ours = read.integer('fulcrum.panic')
  const seconds = ours ?? read.integer('panic') ?? 0
  return seconds === 0 ? null : Math.max(seconds, 0)
}

function readBreaks(read: WordReader, line: CommandLine): BreakPoint[] {
  const found = new Set<BreakPoint>()
  for (const word of wordsOf(line, 'rd.break')) {
    if (word.value === '') found.clear()
    for (const name of (word.value ?? 'pre-switch').split(',').filter((part) => part !== '')) {
      const point = isOneOf(breakPoints, name) ? name : breakAliases[name]
      if (point === undefined) read.problem(word.key, name, breakPoints.map((p) => `'${p}'`).join(' or '))
      else found.add(point)
    }
  }
  return breakPoints.filter((point) => found.has(point))
}

function readLogLevel(read: WordReader, line: CommandLine): LogLevel {
  const asked = read.choice('fulcrum.log', logLevels)
  if (asked !== null) return asked
  if (read.boolean('debug', false)) return 'debug'
  return lastWord(line, 'quiet') === undefined ? 'normal' : 'quiet'
}

function readUsr(read: WordReader): BootParameters['usr'] {
  const source = read.text('mount.usr')
  if (source === null) return null
  return { source: unquote(source), fstypes: read.list('mount.usrfstype'), flags: read.text('mount.usrflags') ?? '' }
}

function readFsckMode(read: WordReader, line: CommandLine): BootParameters['fsckMode'] {
  const word = lastWord(line, 'fsck.mode', 'fastboot', 'forcefsck')
  if (word?.key === 'fastboot') return 'skip'
  if (word?.key === 'forcefsck') return 'force'
  if (word === undefined) return 'auto'
  const mode = fsckModes.find((choice) => choice === word.value)
  if (mode === undefined) read.problem(word.key, word.value, fsckModes.map((c) => `'${c}'`).join(' or '))
  return mode ?? 'auto'
}

function readProcessRules(read: WordReader): Rule[] {
  const rules: Rule[] = []
  for (const word of read.list('fulcrum.process')) {
    const rule = parseRuleWord(word)
    if (rule === null) read.problem('fulcrum.process', word, RULE_WORD)
    else rules.push(rule)
  }
  return rules
}

function readSecrets(read: WordReader): string[] {
  const paths = read.list('fulcrum.secret')
  for (const path of paths) if (!path.startsWith('/')) read.problem('fulcrum.secret', path, 'an absolute path')
  return paths.filter((path) => path.startsWith('/'))
}

const OWN_PREFIX = 'fulcrum.'

function misspelt(line: CommandLine): ParameterProblem[] {
  const known = parameters.flatMap((p) => [p.key, ...p.aliases]).flatMap((key) => (key.startsWith(OWN_PREFIX) ? [key.slice(OWN_PREFIX.length)] : []))
  const problems: ParameterProblem[] = []
  for (const word of line.words) {
    if (!normalKey(word.key).startsWith(OWN_PREFIX) || findParameter(word.key) !== undefined) continue
    // Only by what follows: the letters that all of them share bring no two nearer.
    const guess = nearest(word.key.slice(OWN_PREFIX.length), known)
    const hint = guess === undefined ? '' : ` (did you mean '${OWN_PREFIX}${guess}'?)`
    problems.push({ key: word.key, value: word.value, detail: `Cannot find a parameter '${word.key}'${hint}, ignoring` })
  }
  return problems
}

/** Gives the words of a command line their meaning. Pure; every value is usable whatever the line says. */
export function readParameters(line: CommandLine): {
  readonly values: BootParameters
  readonly problems: readonly ParameterProblem[]
} {
  const read = new WordReader(line, findParameter)
  const root = read.text('root')
  const rootDelayMs = read.timeMs('rootdelay') ?? 0
  const values: BootParameters = {
    root: root === null ? null : unquote(root),
    gptAuto: read.boolean('systemd.gpt_auto', true),
    rootFstypes: read.filledList('rootfstype'),
    rootFlags: read.text('rootflags') ?? '',
    readOnly: lastWord(line, 'ro', 'rw')?.key !== 'rw',
    rootTimeoutMs: readRootTimeout(read, line, rootDelayMs),
    rootDelayMs,
    init: readInit(read),
    logLevel: readLogLevel(read, line),
    rebootAfterS: readRebootAfter(read),
    breaks: readBreaks(read, line),
    rescueShell: read.boolean('rd.shell', true),
    blacklist: read.list('rd.driver.blacklist').map(normalKey),
    preload: read.list('rd.driver.pre'),
    usr: readUsr(read),
    fsckMode: readFsckMode(read, line),
    fsckRepair: read.choice('fsck.repair', fsckRepairs) ?? 'preen',
    engine: read.choice('fulcrum.switch', engines) ?? 'auto',
    keep: read.choice('fulcrum.keep', keeps),
    secrets: readSecrets(read),
    processRules: readProcessRules(read),
    processMarks: read.boolean('fulcrum.process_marks', true),
    dryRun: read.boolean('fulcrum.dry_run', false),
    timestamps: read.boolean('fulcrum.timestamps', true),
    block: readBlockWords(read),
    layers: readLayerWords(read),
    network: readNetworkWords(read),
    shutdownTimeoutMs: read.timeMs('fulcrum.shutdown_timeout'),
  }
  return { values, problems: [...read.problems, ...misspelt(line)] }
}
