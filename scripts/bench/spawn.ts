// `npm run bench -- spawn`: from the start of a program that runs /bin/true in a root of its own to its end, ours beside
// unshare, bwrap, crun and systemd-nspawn of Debian, with the same namespaces, by the number of mounts of the host.
// In a guest that counts instructions, and on this machine by the clock: there only the ratios mean something, taken
// round by round. What each gets is told by --probe, which looks around in each root instead of running nothing.

import { parseArgs } from 'node:util'
import { ensureKernel } from '../setup/kernel.ts'
import { ensureDebianPackages } from '../setup/packages.ts'
import { TEST_PACKAGES } from '../setup/test-packages.ts'
import { ensureFulcrum, runsOf, seriesOf } from './common.ts'
import { BENCH, SETS, SET_NAMES, ownCases, ownPrograms, peerCases } from './spawn-cases.ts'
import type { SetName, SpawnCase } from './spawn-cases.ts'
import { driverPlan, figures, parseDriverOutput, probePlan, readProbe } from './spawn-plan.ts'
import type { DriverOutput, Figures, RunSpec } from './spawn-plan.ts'
import { measureEvents, printEvents } from './spawn-events.ts'
import type { EventRow } from './spawn-events.ts'
import { guestPlace, hostPlace } from './spawn-places.ts'
import type { Place } from './spawn-places.ts'
import { benchTree, ensurePeersRoot } from './spawn-root.ts'
import { table } from './table.ts'

export const SPAWN_USAGE = `  spawn [--place guest|host]… [--kernel SERIES] [--mounts N]… [--set one|two|five|seven|container]… [--at-once N]… [--rounds N]
        [--reference NAME] [--only PATTERN] [--no-peers] [--probe] [--events] [--services N]
        [--timeout SECONDS] [--console DIR] [--json]
      Start to end of /bin/true in a root of its own, beside unshare, bwrap, crun and systemd-nspawn; with --events, what
      a mount of the host costs while services live that receive it; with --probe, what each gets.
      In the guest instructions are counted; here it is µs, and CPU time in µs, which a busy machine changes less.
      Sets: one is a service (mount namespace), two adds pid, five ipc, uts and cgroup, seven net and user; container adds
      /dev, /sys and the like. Ratios are to --reference, crun if nothing is said.`

interface Row extends Figures {
  readonly place: string
  readonly set: SetName
  readonly mounts: number
  readonly atOnce: number
}

interface Options {
  readonly sets: readonly SetName[]
  readonly mounts: readonly number[]
  readonly atOnce: readonly number[]
  readonly rounds: number | undefined
  readonly only: RegExp
  readonly peers: boolean
  readonly reference: string
}

function cases(set: SetName, options: Options): SpawnCase[] {
  const all = [...(options.peers ? peerCases(set, 'true') : []), ...ownCases(set)]
  return all.filter(({ name }) => options.only.test(name) || name === options.reference)
}

interface Group {
  readonly set: SetName
  readonly cases: readonly SpawnCase[]
  readonly runs: readonly RunSpec[]
}

/** In a guest every round is the same but for the first, which finds nothing in the caches, and seconds there are minutes here. */
function groupsOf(place: Place, set: SetName, mounts: number, options: Options): Group[] {
  const large = mounts > 3000
  const rounds = options.rounds ?? (place.counts ? (large ? 1 : 3) : large ? 5 : 15)
  const run = (count: number): RunSpec => ({ label: `${set}-${count}`, rounds, warm: place.counts ? 1 : 2, count, settleUs: 20_000 })
  const all = cases(set, options)
  if (!place.counts) return [{ set, cases: all, runs: options.atOnce.map(run) }]
  const slow = all.filter((it) => it.slow === true)
  return [
    { set, cases: all.filter((it) => it.slow !== true), runs: options.atOnce.map(run) },
    ...(slow.length > 0 ? [{ set, cases: slow, runs: options.atOnce.filter((count) => count === 1).map((count) => ({ ...run(count), rounds: 1 })) }] : []),
  ]
}

/** Groups of one set share their labels, and so are figured out together. */
function rowsOf(groups: readonly Group[], output: DriverOutput, place: Place, options: Options): Row[] {
  return groups.filter(({ set }, at) => groups.findIndex((other) => other.set === set) === at).flatMap(({ set, runs }) => runs.flatMap((run) =>
    figures(output.samples, run.label, run.count, options.reference).map((row) => ({ ...row, place: place.name, set, mounts: output.mounts, atOnce: run.count }))))
}

function measure(place: Place, options: Options): Row[] {
  return options.mounts.flatMap((mounts) => {
    process.stderr.write(`measuring on ${place.name} with ${mounts} mounts\n`)
    const groups = options.sets.flatMap((set) => groupsOf(place, set, mounts, options))
    return rowsOf(groups, parseDriverOutput(place.run(driverPlan(mounts, groups))), place, options)
  })
}

function print(rows: readonly Row[], place: Place, options: Options): void {
  const unit = place.counts ? 'thousand instructions' : 'µs'
  for (const set of options.sets) {
    for (const atOnce of options.atOnce) {
      const ours = rows.filter((row) => row.place === place.name && row.set === set && row.atOnce === atOnce)
      const counts = [...new Set(ours.map((row) => row.mounts))]
      process.stdout.write(`\n${place.name}; set ${set}: ${SETS[set].join(', ')}${set === 'container' ? ', with /dev, /sys, /run, /tmp and few capabilities' : ''}; ${atOnce} at once; ${unit} per command, and times ${options.reference}\n\n`)
      process.stdout.write(table(['', ...counts.flatMap((count) => [`${count} mounts`, 'ratio', ...(place.counts ? [] : ['CPU', 'ratio'])])], [...new Set(ours.map(({ name }) => name))].map((name) => [
        name, ...counts.flatMap((count) => {
          const row = ours.find((it) => it.name === name && it.mounts === count)
          if (row === undefined) return place.counts ? ['', ''] : ['', '', '', '']
          const time = [row.failed > 0 ? `${row.failed} failed` : row.median.toFixed(0), row.ratio.toFixed(2)]
          return place.counts ? time : [...time, row.cpu.toFixed(0), row.cpuRatio.toFixed(2)]
        }),
      ])))
    }
  }
  for (const row of rows.filter(({ failed }) => failed > 0)) process.stdout.write(`${row.name}, ${row.set}, ${row.mounts} mounts: ${row.said}\n`)
}

function probe(place: Place, options: Options): void {
  const outside = { name: 'outside', kind: 'program' as const, words: [`${BENCH}/root0/bin/busybox`, 'sh', '-c', 'for name in cgroup ipc mnt net pid user uts; do /bench/root0/bin/readlink /proc/self/ns/$name; done'] }
  for (const set of options.sets) {
    const { probes } = parseDriverOutput(place.run(`fill\t30\n${probePlan([outside, ...peerCases(set, 'probe'), ...ownPrograms(set, 'probe')])}`))
    const base = readProbe(probes[0]?.out ?? '')
    const rows = probes.slice(1).map(({ name, out, said }) => {
      const seen = readProbe(out)
      const own = [...seen.namespaces].filter(([key, id]) => base.namespaces.get(key) !== id).map(([key]) => key)
      return [name, own.join(' '), `${seen.pid}`, `${seen.mounts}`, said.slice(0, 60).replaceAll('\n', ' ')]
    })
    process.stdout.write(`\nset ${set}\n\n${table(['', 'own namespaces', 'pid', 'mounts seen', 'said'], rows)}`)
  }
}

function numbers(texts: readonly string[]): number[] {
  return texts.map(runsOf)
}

/** Measures and prints. `args` are those behind the word `spawn`. */
export async function benchSpawn(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      place: { type: 'string', multiple: true, default: ['guest', 'host'] },
      kernel: { type: 'string', default: '7.x' },
      mounts: { type: 'string', multiple: true, default: ['30', '1000', '10000'] },
      set: { type: 'string', multiple: true, default: [...SET_NAMES] },
      'at-once': { type: 'string', multiple: true, default: ['1', '8'] },
      rounds: { type: 'string' },
      reference: { type: 'string', default: 'crun' },
      only: { type: 'string', default: '' },
      timeout: { type: 'string', default: '900' },
      console: { type: 'string' },
      'no-peers': { type: 'boolean', default: false },
      probe: { type: 'boolean', default: false },
      events: { type: 'boolean', default: false },
      services: { type: 'string', default: '100' },
      json: { type: 'boolean', default: false },
    },
  })
  const options: Options = {
    sets: SET_NAMES.filter((name) => values.set.includes(name)),
    mounts: numbers(values.mounts),
    atOnce: numbers(values['at-once']),
    rounds: values.rounds === undefined ? undefined : runsOf(values.rounds),
    only: new RegExp(values.only),
    peers: !values['no-peers'],
    reference: values.reference,
  }
  ensureDebianPackages(TEST_PACKAGES)
  const fulcrum = ensureFulcrum()
  const peers = ensurePeersRoot()
  const bench = await benchTree(fulcrum)
  const rows: Row[] = []
  const events: EventRow[] = []
  const places: Place[] = []
  for (const name of values.place) {
    const place = name === 'host' ? hostPlace(peers, bench)
      : guestPlace(ensureKernel(seriesOf(values.kernel)), peers, bench, { timeoutSeconds: runsOf(values.timeout), console: values.console })
    places.push(place)
    try {
      if (values.probe) probe(place, options)
      else if (values.events) events.push(...measureEvents(place, 30, runsOf(values.services)))
      else rows.push(...measure(place, options))
    } finally {
      place.close()
    }
  }
  if (values.probe) return
  if (values.json) process.stdout.write(`${JSON.stringify(values.events ? { events } : { peers: peers.versions, rows }, undefined, 2)}\n`)
  else if (values.events) for (const place of places) printEvents(events, place, (text) => process.stdout.write(text))
  else {
    process.stdout.write(`${peers.versions.join(', ')}\n`)
    for (const place of places) print(rows, place, options)
  }
}
