// Boots one image in QEMU and says when its init started and when the real root's did, in virtual milliseconds, and
// what the real init found: what it inherited, which mounts and processes are left, how much memory there is.
// The real init is bench-init.c, which prints what is read here. How the machine is kept steady: run-machine.ts

import { compareFingerprints, fingerprintOf, FROM_MEMORY } from '../../qemu-tests/harness/fingerprint.ts'
import type { Fingerprint } from '../../qemu-tests/harness/fingerprint.ts'
import { parseGuestReport } from '../../qemu-tests/harness/guest-report.ts'
import type { GuestRecord } from '../../qemu-tests/harness/guest-report.ts'
import type { Machine } from '../../qemu-tests/harness/qemu-arguments.ts'
import { numberOf } from './marks.ts'
import type { BootTimes } from './results.ts'
import { runMachine } from './run-machine.ts'

/** What the real init found. */
export interface BootFindings {
  /** Mount points besides the root. */
  readonly mounts: readonly string[]
  /** Names of the processes besides itself and the kernel's. */
  readonly processes: readonly string[]
  readonly fingerprint: Fingerprint
  /** Lines of /run/fulcrum/boot.json; empty when it was not ours. */
  readonly record: string
}

/** What differs in these is not the hand-over's: another device, free memory, a clock. */
const EXCEPT = [FROM_MEMORY, /^process\.(execfn|cgroup|printk|ns\..*)$/, /^fd\.\d+\.dev$/]

/** What an init found that the kernel itself would not have left so, a line each. */
export function strayHandOver(kernels: Fingerprint, found: Fingerprint): string[] {
  return compareFingerprints(kernels, found, EXCEPT).map((line) => line.replace(', we ', ', here '))
}

function mountsOf(records: readonly GuestRecord[]): string[] {
  const lines = records.find(({ record }) => record === 'mountinfo')?.fields.get('lines')
  const points = Array.isArray(lines) ? lines.map((line) => String(line).split(' ')[4] ?? '') : []
  const ownProc = records.find(({ record }) => record === 'found')?.fields.get('procWasMounted') === 0
  // Ours was mounted last; where /proc is mounted twice one is theirs.
  return points.filter((point, at) => point !== '/' && !(ownProc && point === '/proc' && at === points.lastIndexOf('/proc')))
}

/** Reads what bench-init printed. Throws with the end of the console when it did not get there. */
export function readBoot(output: string): BootTimes & BootFindings {
  const ms = (pattern: RegExp): number => numberOf(output, pattern) * 1000
  const { records } = parseGuestReport(output)
  const unpackAt = ms(/bench: log .*\[ *(\d+\.\d+)\] Trying to unpack/)
  return {
    unpackAt,
    unpack: ms(/bench: log .*\[ *(\d+\.\d+)\] Freeing initrd/) - unpackAt,
    runInit: ms(/bench: log .*\[ *(\d+\.\d+)\] Run \S+ as init process/),
    mounted: ms(/bench: log .*\[ *(\d+\.\d+)\] EXT4-fs \(\w+\): mounted/),
    realInit: ms(/bench: init (\d+\.\d+)/),
    availableThenKiB: numberOf(output, /bench: then MemAvailable: *(\d+) kB/),
    availableKiB: numberOf(output, /bench: later MemAvailable: *(\d+) kB/),
    mounts: mountsOf(records),
    processes: records.filter(({ record, fields }) => record === 'task' && fields.get('pid') !== 1).map(({ fields }) => String(fields.get('comm'))),
    fingerprint: fingerprintOf(records),
    record: [...output.matchAll(/bench: record (.*)/g)].map(([, line = '']) => line.replace(/\r$/, '')).join('\n'),
  }
}

/** Boots `machine` once, whose real init is bench-init. */
export function measureBoot(machine: Machine): BootTimes & BootFindings {
  return readBoot(runMachine(machine))
}

/** Two boots that agree to this are what the machine does; a third that differs was disturbed. Virtual ms. */
const SAME_MS = 0.1

/** The fastest of up to `runs` boots; fewer, once two have agreed on the fastest. */
export function measureBest(machine: Machine, runs: number): BootTimes & BootFindings {
  let best = measureBoot(machine)
  for (let run = 1; run < runs; run++) {
    const next = measureBoot(machine)
    const agreed = Math.abs(next.realInit - best.realInit) < SAME_MS
    if (next.realInit < best.realInit) best = next
    if (agreed) break
  }
  return best
}
