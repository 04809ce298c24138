// The words that /shutdown is called with: systemd's protocol, and what is ours. Pure.
//
// systemd-shutdown execs /shutdown VERB --timeout=Nus [--log-level N] [--log-target=T] [--log-color] … with
// WATCHDOG_USEC and WATCHDOG_DEVICE in the environment. Whatever is not understood is told and left out: a machine
// that is going down has nobody to ask.  systemd-shutdown(8), systemd.time(7), src/core/main.c (become_shutdown).

/** What /shutdown is to do: systemd's verbs, and 'return', which is ours: leave the devices and start again. */
export const shutdownVerbs = ['reboot', 'poweroff', 'halt', 'kexec', 'exit'] as const
export type ShutdownVerb = (typeof shutdownVerbs)[number]
export type RequestedVerb = ShutdownVerb | 'return'

/** Is this one of systemd's verbs? */
export function isShutdownVerb(text: string): text is ShutdownVerb {
  return shutdownVerbs.some((verb) => verb === text)
}

export interface ShutdownArguments {
  readonly verb: RequestedVerb
  /** Limit of the whole, milliseconds; null when none was given. */
  readonly timeoutMs: number | null
  /** syslog(3), 0 to 7. */
  readonly logLevel: number
  readonly logTarget: string
  /** Of the verb 'exit', for a container's manager. */
  readonly exitCode: number
  /** 'return' only: a shell before going forward again. */
  readonly shell: boolean
  /** Null when there is none to be fed. */
  readonly watchdog: { readonly timeoutUs: number; readonly device: string | null } | null
  /** What was not understood. */
  readonly notes: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** systemd's log level of a running system. */
export const DEFAULT_LOG_LEVEL = 6
const levelNames = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug']

const unitUs: Readonly<Record<string, number>> = {
  us: 1, usec: 1, 'µs': 1, ms: 1e3, msec: 1e3, '': 1e6, s: 1e6, sec: 1e6, second: 1e6, seconds: 1e6,
  m: 6e7, min: 6e7, minute: 6e7, minutes: 6e7, h: 3.6e9, hr: 3.6e9, hour: 3.6e9, hours: 3.6e9,
}

/** A time span of systemd.time(7) in microseconds: '90000000us', '1min 30s', '90', 'infinity'. Undefined when it is none. */
export function parseTimeSpan(text: string): number | undefined {
  const trimmed = text.trim()
  if (trimmed === 'infinity') return Number.POSITIVE_INFINITY
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-zµ]*)\s*/gy)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== trimmed) return undefined
  let sum = 0
  for (const [, number = '', unit = ''] of parts) {
    const factor = unitUs[unit]
    if (factor === undefined) return undefined
    sum += Number(number) * factor
  }
  return sum
}

function parseLevel(text: string): number | undefined {
  const named = levelNames.indexOf(text)
  if (named >= 0) return named
  return /^[0-7]$/.test(text) ? Number(text) : undefined
}

function readWatchdog(env: Environment, notes: string[]): ShutdownArguments['watchdog'] {
  const text = env['WATCHDOG_USEC']
  if (text === undefined || text === '') return null
  // For somebody else's process: sd_watchdog_enabled(3).
  const pid = env['WATCHDOG_PID']
  if (pid !== undefined && pid !== '' && pid !== '1') return null
  const timeoutUs = Number(text)
  if (text === 'infinity' || timeoutUs === 0) return null
  if (!(timeoutUs > 0)) {
    notes.push(`Cannot understand WATCHDOG_USEC '${text}': expected microseconds`)
    return null
  }
  const device = env['WATCHDOG_DEVICE']
  return { timeoutUs, device: device === undefined || device === '' ? null : device }
}

/** Options that change how systemd's own lines look. */
const ignored = new Set(['--log-color', '--log-location', '--log-time', '--log-tid'])

/** Parses what stands behind argv[0]. Never fails: without a verb it means 'halt', which loses nothing. */
export function parseShutdownArguments(args: readonly string[], env: Environment): ShutdownArguments {
  const notes: string[] = []
  let verb: RequestedVerb | null = null
  let timeoutMs: number | null = null
  let logLevel = DEFAULT_LOG_LEVEL
  let logTarget = 'console'
  let exitCode = 0
  let shell = false
  const words = [...args]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const equals = word.startsWith('--') ? word.indexOf('=') : -1
    const name = equals < 0 ? word : word.slice(0, equals)
    // systemd writes '--log-level' and '--exit-code' with their value as the next word in some versions.
    const value = (): string => (equals >= 0 ? word.slice(equals + 1) : (words.shift() ?? ''))
    const bad = (text: string, expected: string): void => void notes.push(`Cannot understand ${name} '${text}': expected ${expected}`)
    if (!word.startsWith('-')) {
      if (verb !== null || (!isShutdownVerb(word) && word !== 'return')) notes.push(`Cannot understand '${word}'`)
      else verb = word
    } else if (name === '--timeout') {
      const text = value()
      const us = parseTimeSpan(text)
      if (us === undefined || us <= 0) bad(text, 'a time span')
      else if (us !== Number.POSITIVE_INFINITY) timeoutMs = Math.ceil(us / 1000)
    } else if (name === '--log-level') {
      const text = value()
      const level = parseLevel(text)
      if (level === undefined) bad(text, 'a number from 0 to 7')
      else logLevel = level
    } else if (name === '--log-target') logTarget = value()
    else if (name === '--exit-code') {
      const text = value()
      if (/^\d{1,3}$/.test(text)) exitCode = Number(text)
      else bad(text, 'a number from 0 to 255')
    } else if (name === '--shell') shell = true
    else if (!ignored.has(name)) notes.push(`Cannot understand option '${word}'`)
  }
  if (verb === null) notes.push("Cannot find out what to do: no verb was given, so it is 'halt'")
  return { verb: verb ?? 'halt', timeoutMs, logLevel, logTarget, exitCode, shell, watchdog: readWatchdog(env, notes), notes }
}
