// `npm run bench -- scale`: what the commands cost among many mounts and many processes, and how that grows, beside
// findmnt and ps, which show less. By instructions of a guest, everything included: the kernel's work for the command too.
// The switch is measured as a command that PID 1 becomes, up to the first instruction of the real init.
// docs/performance-scale.md

import { parseArgs } from 'node:util'
import { plainInitramfs } from '../../qemu-tests/harness/plain-initramfs.ts'
import { ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { ensureFulcrum, runsOf, saveConsole, seriesOf } from './common.ts'
import { runMachine } from './run-machine.ts'
import { growthOf } from './scale-growth.ts'
import { CASES, SUBJECTS, SWITCH, SWITCH_BOOT, initScript, scaleTree } from './scale-root.ts'
import type { Case, Subject } from './scale-root.ts'
import { toolLines } from './scale-tool.ts'
import { table } from './table.ts'

export const SCALE_USAGE = `  scale [--kernel SERIES] [--of mounts|carried|processes]… [--count N]… [--only PATTERN] [--times N] [--console DIR] [--json]
      Commands among N mounts and N processes: instructions, memory, the exponent of their growth.`

const TIMEOUT_SECONDS = 1500

interface Sample {
  readonly subject: Subject
  readonly count: number
  readonly name: string
  /** Millions of instructions. */
  readonly cost: number
  /** Of the process at its most; null for the switch. */
  readonly maxRssKiB: number | null
}

/** Samples of a guest's console. Throws for a command that failed and for a guest that did not come to its end. */
function parseConsole(output: string, subject: Subject, count: number): Sample[] {
  const samples: Sample[] = []
  const lines = toolLines(output)
  const end = lines.find((it) => it.kind === 'stamp' && it.name === 'init')
  for (const { kind, name, ns, failed, maxRssKiB } of lines) {
    if (kind === 'error') throw new Error(name)
    if (failed > 0) throw new Error(`Cannot measure '${name}' with ${count} ${subject}: it fails`)
    if (kind === 'case') samples.push({ subject, count, name, cost: ns / 1e6, maxRssKiB })
    else if (end !== undefined && name !== 'init') samples.push({ subject, count, name, cost: (end.ns - ns) / 1e6, maxRssKiB: null })
  }
  if (end === undefined) throw new Error(`Cannot measure ${count} ${subject}: the real init never ran:\n${output.slice(-3000)}`)
  return samples
}

interface Wish {
  readonly kernel: Kernel
  readonly fulcrum: string
  readonly times: number
  readonly console: string | undefined
}

function measure(wish: Wish, subject: Subject, count: number, cases: readonly Case[], asBoot: boolean): Sample[] {
  process.stderr.write(`measuring ${count} ${subject}${asBoot ? ', switched as a boot' : ''}\n`)
  const initrd = plainInitramfs(scaleTree(wish.fulcrum, initScript(subject, count, cases, wish.times, asBoot)), { forThisRun: true })
  const output = runMachine({
    kernel: wish.kernel.vmlinuz, initrd, memoryMiB: 3072, append: 'console=ttyS0 quiet panic=-1 initramfs_async=0 loglevel=1',
  }, false, TIMEOUT_SECONDS)
  saveConsole(wish.console, `scale-${subject}-${count}-${asBoot ? 'boot' : 'switch'}`, output)
  return parseConsole(output, subject, count)
}

/** Cases in the order they ran, with the switches at the end. */
function namesOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.map(({ name }) => name))]
}

function print(samples: readonly Sample[], counts: readonly number[]): void {
  for (const subject of SUBJECTS) {
    const own = samples.filter((it) => it.subject === subject)
    if (own.length === 0) continue
    const rows = namesOf(own).map((name) => {
      const points = own.filter((it) => it.name === name)
      const at = (count: number): Sample | undefined => points.find((it) => it.count === count)
      const { exponent, perItem } = growthOf(points)
      const last = at(Math.max(...counts))
      const peerOf = CASES.find((it) => it.name === name)?.peerOf
      const ours = own.find((it) => it.name === peerOf && it.count === last?.count)
      const ratio = ours === undefined || last === undefined ? '' : `${(ours.cost / last.cost).toFixed(2)}`
      return [name, ...counts.map((count) => at(count)?.cost.toFixed(0) ?? ''), exponent?.toFixed(2) ?? 'none', perItem === null ? '' : (perItem * 1000).toFixed(0),
        last?.maxRssKiB === null || last === undefined ? '' : (last.maxRssKiB / 1024).toFixed(0), ratio]
    })
    const unit = subject === 'processes' ? 'processes' : 'mounts'
    process.stdout.write(`${subject}: millions of instructions among so many ${unit}\n`)
    process.stdout.write(`${table(['', ...counts.map(String), 'exponent', 'thousand each', 'MiB', 'ours / it'], rows)}\n`)
  }
}

/** Measures and prints. `args` are those behind the word `scale`. */
export function benchScale(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', default: '6.12' },
      of: { type: 'string', multiple: true, default: [...SUBJECTS] },
      count: { type: 'string', multiple: true, default: ['0', '100', '1000', '10000'] },
      only: { type: 'string', default: '' },
      times: { type: 'string', default: '2' },
      console: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const pattern = new RegExp(values.only)
  const counts = values.count.map((text) => (text === '0' ? 0 : runsOf(text)))
  const wish = { kernel: ensureKernel(seriesOf(values.kernel)), fulcrum: ensureFulcrum(), times: runsOf(values.times), console: values.console }
  const samples: Sample[] = []
  for (const subject of SUBJECTS.filter((it) => values.of.includes(it))) {
    for (const count of counts) {
      // The commands are timed in one of the guests only.
      const cases = CASES.filter((it) => pattern.test(it.name))
      const [isPlain, isBoot] = [pattern.test(SWITCH), pattern.test(SWITCH_BOOT)]
      if (isPlain || !isBoot) samples.push(...measure(wish, subject, count, cases, false))
      if (isBoot) samples.push(...measure(wish, subject, count, isPlain ? [] : cases, true))
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ kernel: wish.kernel.release, counts, samples }, undefined, 2)}\n`)
  else print(samples, counts)
}
