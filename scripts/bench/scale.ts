// `npm run bench -- scale`: what the commands cost among many mounts and many processes, and how that grows, beside
// findmnt and ps, which show less. By instructions of a guest, everything included: the kernel's work for the command too.
// The switch is measured as a command that PID 1 becomes, up to the first instruction of the real init.
// docs/performance-scale.md

import { parseArgs } from 'node:util'
import { plainInitramfs } from '../../qemu-tests/harness/plain-initramfs.ts'
import { ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import { ensureFulcrum, guestConditions, progress, runsOf, saveConsole, seriesOf } from './common.ts'
import { FINISH_OPTIONS, finish } from './finish.ts'
import { runMachine } from './run-machine.ts'
import { CASES, SUBJECTS, SWITCH, SWITCH_BOOT } from './scale-cases.ts'
import type { Case, Subject } from './scale-cases.ts'
import type { Sample, ScaleResults } from './scale-results.ts'
import { initScript, scaleTree } from './scale-root.ts'
import { toolLines } from './scale-tool.ts'

export const SCALE_USAGE = `  scale [--kernel SERIES] [--of mounts|carried|processes]… [--count N]… [--only PATTERN] [--times N] [--console DIR]
      Commands among N mounts and N processes: instructions, memory, the exponent of their growth.`

const TIMEOUT_SECONDS = 1500

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
  progress(`scale: ${count} ${subject}${asBoot ? ', switched as a boot' : ''}`)
  const initrd = plainInitramfs(scaleTree(wish.fulcrum, initScript(subject, count, cases, wish.times, asBoot)), { forThisRun: true })
  const output = runMachine({
    kernel: wish.kernel.vmlinuz, initrd, memoryMiB: 3072, append: 'console=ttyS0 quiet panic=-1 initramfs_async=0 loglevel=1',
  }, false, TIMEOUT_SECONDS)
  saveConsole(wish.console, `scale-${subject}-${count}-${asBoot ? 'boot' : 'switch'}`, output)
  return parseConsole(output, subject, count)
}

export interface ScaleWish {
  /** A series. */
  readonly kernel: string
  readonly subjects: readonly string[]
  readonly counts: readonly number[]
  readonly only: string
  /** How often each command runs in a guest. */
  readonly times: number
  readonly console: string | undefined
}

export const EVERY_COUNT = ['0', '100', '1000', '10000']

/** Measures every command among every count of every subject. */
export function measureScale(wish: ScaleWish): ScaleResults {
  const pattern = new RegExp(wish.only)
  const guests = { kernel: ensureKernel(seriesOf(wish.kernel)), fulcrum: ensureFulcrum(), times: wish.times, console: wish.console }
  const rows: Sample[] = []
  for (const subject of SUBJECTS.filter((it) => wish.subjects.includes(it))) {
    for (const count of wish.counts) {
      // The commands are timed in one of the guests only.
      const cases = CASES.filter((it) => pattern.test(it.name))
      const [isPlain, isBoot] = [pattern.test(SWITCH), pattern.test(SWITCH_BOOT)]
      if (isPlain || !isBoot) rows.push(...measure(guests, subject, count, cases, false))
      if (isBoot) rows.push(...measure(guests, subject, count, isPlain ? [] : cases, true))
    }
  }
  progress('')
  return { format: 1, ...guestConditions(), kernel: guests.kernel.release, rows }
}

/** Measures and prints. `args` are those behind the word `scale`. */
export function benchScale(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', default: '6.12' },
      of: { type: 'string', multiple: true, default: [...SUBJECTS] },
      count: { type: 'string', multiple: true, default: EVERY_COUNT },
      only: { type: 'string', default: '' },
      times: { type: 'string', default: '2' },
      console: { type: 'string' },
      ...FINISH_OPTIONS,
    },
  })
  const counts = values.count.map((text) => (text === '0' ? 0 : runsOf(text)))
  finish({ scale: measureScale({ kernel: values.kernel, subjects: values.of, counts, only: values.only, times: runsOf(values.times), console: values.console }) }, values)
}
