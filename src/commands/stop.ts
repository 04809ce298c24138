// `fulcrum stop`: ends what runs by `fulcrum run`.
//
// What it does is src/run/stop.ts; this is its command line.

import { signalName, signalNumber } from '../abi/signals.ts'
import { SIGTERM } from '../abi/process.ts'
import { printable, safeJson } from '../facts/mounts/printable.ts'
import { Registry } from '../run/registry.ts'
import { stopRun } from '../run/stop.ts'
import type { StopOptions, StopReport } from '../run/stop.ts'
import { EXIT_OK, EXIT_SYSTEM, type Command } from './command.ts'
import { asksJson } from './failure.ts'
import { UsageError, parseOptionList } from './option-list.ts'
import { findRunning, tellFailure } from './run-target.ts'

const DEFAULT_TIMEOUT_MS = 10_000

function parse(args: readonly string[]): StopOptions & { readonly names: readonly string[]; readonly json: boolean } {
  const { options, words, command } = parseOptionList(args, [
    { name: 'signal', kind: 'value', short: 's' }, { name: 'timeout', kind: 'value', short: 't' }, { name: 'json', kind: 'flag' },
  ])
  const last = (name: string): string | null | undefined => options.findLast((it) => it.name === name)?.value
  const signal = last('signal')
  const number = signal === undefined ? SIGTERM : signalNumber(signal ?? '')
  if (number === null) throw new UsageError(`Cannot understand --signal '${signal ?? ''}': expected a name of signal(7) or a number`)
  const timeout = last('timeout')
  if (timeout !== undefined && !/^\d{1,6}(\.\d{1,3})?$/.test(timeout ?? '')) throw new UsageError(`Cannot understand --timeout '${timeout ?? ''}': expected seconds`)
  const names = [...words, ...(command ?? [])]
  if (names.length === 0) throw new UsageError('Cannot stop anything: expected NAME')
  return { signal: number, timeoutMs: timeout === undefined ? DEFAULT_TIMEOUT_MS : Math.round(Number(timeout) * 1000), names, json: options.some((it) => it.name === 'json') }
}

function reportLine({ name, outcome, tookMs }: StopReport, signal: number): string {
  if (outcome === 'survived') return `${name}: survived SIGKILL`
  return `${name}: ended by ${outcome === 'stopped' ? signalName(signal) : 'SIGKILL'} after ${tookMs} ms`
}

export const stopCommand: Command = {
  name: 'stop',
  summary: 'end a container or a service',
  usage: ['fulcrum stop [--signal NAME] [--timeout SECONDS] [--json] NAME…'],
  help: `Sends SIGTERM, to the command of a container or to every process of a service, waits, and kills what is left.
Returns when everything is gone.

  -s, --signal NAME
                send this one instead: a name or a number of signal(7)
  -t, --timeout SECONDS
                how long it may take, default 10; 0 is SIGKILL at once
  --json        as JSON: an array of {name, outcome, tookMs}
`,
  run(args, io) {
    let json = asksJson(args)
    try {
      const options = parse(args)
      json = options.json
      const kernel = io.kernel()
      const registry = new Registry(kernel)
      const entries = options.names.map((name) => findRunning(kernel, registry, name))
      const reports = entries.map((entry) => stopRun(kernel, registry, entry, options))
      if (json) io.stdout(`${safeJson(reports)}\n`)
      else for (const report of reports) io.stdout(`${printable(reportLine(report, options.signal))}\n`)
      return reports.some(({ outcome }) => outcome === 'survived') ? EXIT_SYSTEM : EXIT_OK
    } catch (error) {
      return tellFailure('stop', io, json, error)
    }
  },
}
