// `fulcrum list`: what runs by `fulcrum run`.
//
// Entries whose process is gone are removed on the way, with what they left: nobody was there to do it.  docs/run.md

import { printable, safeJson } from '../facts/mounts/printable.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { memoryOf, processesIn, residentOf } from '../run/cgroup-processes.ts'
import { Registry, stateOf } from '../run/registry.ts'
import type { RunEntry } from '../run/registry.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, type Command } from './command.ts'
import { sayFailure, sayRefusal } from './failure.ts'
import { UsageError, parseOptionList } from './option-list.ts'
import { formatAge, formatBytes } from './process-table.ts'

/** An entry with what is known of it now. */
interface Listed {
  readonly entry: RunEntry
  readonly state: ReturnType<typeof stateOf>
  readonly ageSeconds: number
  /** Null where it has no cgroup and is not of this pid namespace. */
  readonly memoryBytes: number | null
  readonly processes: number | null
}

function look(kernel: Kernel, entry: RunEntry): Listed {
  const state = stateOf(kernel, entry)
  const known = state === 'running' && entry.process !== null
  const own = entry.process?.pid ?? 0
  return {
    entry, state,
    ageSeconds: Math.max(0, Number(kernel.realtimeUs() / 1_000_000n) - entry.since),
    memoryBytes: !known ? null : entry.cgroup === null ? residentOf(kernel, own) : memoryOf(kernel, entry.cgroup),
    processes: known && entry.cgroup !== null ? processesIn(kernel, entry.cgroup).length : null,
  }
}

const HEAD = ['NAME', 'KIND', 'PID', 'AGE', 'MEMORY', 'PROCESSES', 'ROOT', 'COMMAND']
const RIGHT = new Set(['PID', 'AGE', 'MEMORY', 'PROCESSES'])

function table(all: readonly Listed[]): string[] {
  const rows = all.map(({ entry, state, ageSeconds, memoryBytes, processes }) => [
    entry.name, entry.kind, state === 'running' ? String(entry.process?.pid ?? '') : state, formatAge(ageSeconds),
    memoryBytes === null ? '-' : formatBytes(memoryBytes), processes === null ? '-' : String(processes), entry.root, entry.command.join(' '),
  ].map(printable))
  const widths = HEAD.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (RIGHT.has(HEAD[i] ?? '') ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ').trimEnd()
  return [line(HEAD), ...rows.map(line)]
}

function toJson({ entry, state, ageSeconds, memoryBytes, processes }: Listed): Record<string, unknown> {
  const { name, kind, root, command, process, cgroup, user, idMap, binds, plan, supervisor } = entry
  return {
    name, kind, state, pid: process?.pid ?? null, root, command, ageSeconds, memoryBytes, processes, cgroup, user, idMap, binds, plan,
    supervisor: supervisor?.pid ?? null,
  }
}

export const listCommand: Command = {
  name: 'list',
  summary: 'list the containers and services that run',
  usage: ['fulcrum list [--json]'],
  help: `Lists what was started by "fulcrum run" and runs: its name, kind, process, age, memory, processes, root and
command. What has ended while nobody waited for it is removed, with what it left.

  --json        as JSON: an array of objects, see fulcrum-list(1)
`,
  run(args, io) {
    const { options, words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }])
    if (words.length > 0 || command !== null) throw new UsageError(`Cannot understand '${words[0] ?? '--'}': expected options only`)
    try {
      const kernel = io.kernel()
      const registry = new Registry(kernel)
      // Without privilege nothing can be removed, and nothing needs to be.
      attempt(() => registry.prune())
      const all = registry.entries().map((entry) => look(kernel, entry)).filter(({ state }) => state !== 'gone')
      if (options.length > 0) io.stdout(`${safeJson(all.map(toJson))}\n`)
      else io.stdout(all.length === 0 ? 'nothing runs\n' : `${table(all).join('\n')}\n`)
      return EXIT_OK
    } catch (error) {
      if (isErrno(error, 'EACCES')) {
        sayRefusal(io, 'list', options.length > 0, { reason: 'no-permission', detail: 'Cannot see what runs: user id 0 is needed', remedy: 'run as root' })
        return EXIT_REFUSED
      }
      sayFailure(io, 'list', options.length > 0, printable(errorLine(error)), error)
      return EXIT_SYSTEM
    }
  },
}
