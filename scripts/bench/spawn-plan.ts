// The lines that the driver of `npm run bench -- spawn` is given, what it answers, and the figures of that.
// A ratio is taken round by round and then its median: what made one round slow made both slow.
// Pure: text in, text and numbers out. scripts/bench/spawn-driver.c

import type { SpawnCase } from './spawn-cases.ts'

/** Each case so often, warm-ups not counted, `count` at once, with a pause of so many microseconds after each. */
export interface RunSpec {
  readonly label: string
  readonly rounds: number
  readonly warm: number
  readonly count: number
  readonly settleUs: number
}

/** One line of the driver. Throws for a word that it could not tell from others. */
export function driverLine(...words: readonly (string | number)[]): string {
  const bad = words.find((word) => /[\t\n]/.test(`${word}`) || word === '')
  if (bad !== undefined) throw new Error(`Cannot give the driver the word '${bad}': empty, or a tab or a new line in it`)
  return `${words.join('\t')}\n`
}

/** Fills the mount table, then runs and forgets each group of cases. */
export function driverPlan(mounts: number, groups: readonly { readonly cases: readonly SpawnCase[]; readonly runs: readonly RunSpec[] }[]): string {
  const lines = groups.flatMap(({ cases, runs }) => [
    ...cases.map((it) => driverLine(it.kind === 'server' ? 'server' : 'case', it.name, ...it.words)),
    ...runs.map((run) => driverLine('run', run.label, run.rounds, run.warm, run.count, run.settleUs)),
    'clear\n',
  ])
  return driverLine('fill', mounts) + lines.join('')
}

/** One line per program that looks around. */
export function probePlan(cases: readonly SpawnCase[]): string {
  return cases.map((it) => driverLine('probe', it.name, ...it.words)).join('')
}

/** One measured round: `count` commands from the start of the first to the end of the last. */
export interface Sample {
  readonly run: string
  readonly name: string
  readonly round: number
  /** Nanoseconds; in a guest that counts instructions, these. */
  readonly ns: number
  /** CPU time of all that ran, µs; 0 where it is not known. */
  readonly cpuUs: number
  /** How many did not exit with 0. */
  readonly failed: number
  /** What these wrote to standard error. */
  readonly said: string
}

export interface ProbeResult {
  readonly name: string
  readonly out: string
  readonly said: string
}

export interface DriverOutput {
  readonly samples: readonly Sample[]
  readonly probes: readonly ProbeResult[]
  /** Mounts there were. */
  readonly mounts: number
}

function field(record: object, name: string): string | number {
  const value: unknown = Reflect.get(record, name)
  return typeof value === 'string' || typeof value === 'number' ? value : ''
}

/** Reads the driver's lines among others. Throws if it did not come to its end, or says why it did not. */
export function parseDriverOutput(output: string): DriverOutput {
  const samples: Sample[] = []
  const probes: ProbeResult[] = []
  let mounts = 0
  let done = false
  for (const [, json = ''] of output.matchAll(/bench: (\{.*\})\r?$/gm)) {
    const record: unknown = JSON.parse(json)
    if (typeof record !== 'object' || record === null) continue
    if ('error' in record) throw new Error(String(record.error))
    const text = (name: string): string => String(field(record, name))
    const number = (name: string): number => Number(field(record, name))
    if ('case' in record) samples.push({ run: text('run'), name: text('case'), round: number('round'), ns: number('ns'), cpuUs: number('cpuUs'), failed: number('failed'), said: text('said') })
    else if ('probe' in record) probes.push({ name: text('probe'), out: text('out'), said: text('said') })
    else if ('mounts' in record) mounts = number('mounts')
    else if ('failed' in record) throw new Error(`Cannot start '${text('failed')}': ${text('said')}`)
    else if ('done' in record) done = true
  }
  if (!done) throw new Error(`Cannot measure: the driver did not come to its end:\n${output.slice(-2000)}`)
  return { samples, probes, mounts }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2
}

/** The figures of one case in one run. */
export interface Figures {
  readonly name: string
  /** Microseconds per command. */
  readonly median: number
  readonly min: number
  /** Median of the rounds' ratios to the reference; 1 is the same, 2 takes twice as long. */
  readonly ratio: number
  readonly ratioMin: number
  readonly ratioMax: number
  /** CPU time per command in µs, and its ratio: what others do on the machine matters less. */
  readonly cpu: number
  readonly cpuRatio: number
  readonly failed: number
  readonly said: string
}

/** Per case, in the order of their first samples. @param reference name of the case that the others are divided by */
export function figures(samples: readonly Sample[], run: string, count: number, reference: string): Figures[] {
  const ours = samples.filter((sample) => sample.run === run)
  const base = new Map(ours.filter(({ name }) => name === reference).map((sample) => [sample.round, sample]))
  return [...new Set(ours.map(({ name }) => name))].map((name) => {
    const mine = ours.filter((sample) => sample.name === name && sample.round >= 0)
    const us = mine.map(({ ns }) => ns / 1000 / count)
    const pairs = mine.flatMap((sample) => {
      const other = base.get(sample.round)
      return other === undefined ? [] : [{ time: sample.ns / other.ns, cpu: sample.cpuUs / other.cpuUs }]
    })
    const ratios = pairs.map(({ time }) => time)
    const bad = ours.filter((sample) => sample.name === name && sample.failed > 0)
    return {
      name, median: median(us), min: Math.min(...us), ratio: median(ratios), ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios),
      cpu: median(mine.map(({ cpuUs }) => cpuUs / count)), cpuRatio: median(pairs.map(({ cpu }) => cpu)),
      failed: bad.reduce((sum, sample) => sum + sample.failed, 0), said: bad[0]?.said ?? '',
    }
  })
}

/** Namespaces that the probe did not share with the driver, its pid, and the mounts that it saw. */
export function readProbe(out: string): { readonly namespaces: ReadonlyMap<string, string>; readonly pid: number; readonly mounts: number } {
  const namespaces = new Map([...out.matchAll(/^(\w+):\[(\d+)\]$/gm)].map(([, name = '', id = '']) => [name, id]))
  return { namespaces, pid: Number(/^pid (\d+)$/m.exec(out)?.[1] ?? NaN), mounts: Number(/^\s*(\d+)\s*$/m.exec(out)?.[1] ?? NaN) }
}
