// Runs QEMU with one instruction as one virtual nanosecond, to the guest's end, and returns its console.
// It exists because a wall clock on a shared machine cannot tell 2 ms from 20; this repeats to 0.1 ms.
// A completion that comes late costs virtual seconds, because an idle guest's clock jumps to its next timer. So disks
// must answer at once: reads by io_uring from a warm page cache; writes, which io_uring would give to a worker, by
// native AIO without the page cache on a tmpfs, where they are done before the submission returns; and QEMU's threads
// come before all others (SCHED_FIFO where that is allowed), or a busy machine answers late.
// qemu-system-x86_64(1), flock(1), chrt(1), io_submit(2)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { qemuArguments } from '../../qemu-tests/harness/qemu-arguments.ts'
import type { Machine } from '../../qemu-tests/harness/qemu-arguments.ts'
import { tryTool } from '../setup/run-tool.ts'

/** For one guest, not counting the wait for the lock, unless said otherwise. */
const TIMEOUT_SECONDS = 240

/**
 * Not `max`: its fast short `rep movsb` makes the kernel copy and clear by bytes, each of which counts as an instruction
 * here, so that a boot with a large image seems 190 ms longer than it is. No cmpxchg16b: qemu-arguments.ts.
 */
export const BENCH_CPU = 'qemu64,-cx16,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand'

const CHANNELS = { console: { kind: 'stdio' }, tap: { kind: 'file', path: '/dev/null' } } as const

/** Nothing is measured through the port of the tests, and every device costs the kernel time. */
function withoutPort(argumentsOf: readonly string[]): string[] {
  const isPort = (argument = ''): boolean => /^virtio-serial-pci,|^virtserialport,/.test(argument)
  return argumentsOf.filter((argument, at) => !isPort(argument) && !(argument === '-device' && isPort(argumentsOf[at + 1])))
}

/** Words in front of a command that is to come before everything else on this machine; none where that is not allowed. */
function beforeOthers(): string[] {
  return tryTool('chrt', ['-f', '5', 'true']).status === 0 ? ['chrt', '-f', '5'] : []
}

function steady(argument: string, keepWrites: boolean): string {
  if (argument.includes(',if=none,')) {
    if (!keepWrites) return `${argument},aio=io_uring`
    return `${argument.replace(',snapshot=on', '')},aio=native,cache.direct=on,cache.no-flush=on`
  }
  return argument.startsWith('virtio-blk-pci,') ? `${argument},ioeventfd=off` : argument
}

/** The bench's processor, whichever the tests have. Throws when the arguments name none. */
function withBenchCpu(argumentsOf: readonly string[]): string[] {
  const at = argumentsOf.indexOf('-cpu')
  if (at < 0) throw new Error("Cannot measure: QEMU's arguments have no '-cpu'")
  return argumentsOf.with(at + 1, BENCH_CPU)
}

/** QEMU's arguments for a guest that is measured: runMachine's. */
export function benchArguments(machine: Machine, keepWrites: boolean): string[] {
  const plain = qemuArguments({ ...machine, icount: true }, CHANNELS)
  return withBenchCpu(withoutPort(plain).map((argument) => steady(argument, keepWrites)))
}

/** Runs QEMU under the one lock of all QEMUs on this machine and returns what the guest wrote to ttyS0. */
function runQemu(argumentsOf: readonly string[], timeoutSeconds: number, before: readonly string[]): string {
  const lock = process.env['FULCRUM_QEMU_LOCK']
  const { stdout, error, status } = spawnSync(
    'flock',
    ['--no-fork', lock ? lock : '/tmp/qemu.lock', ...before, 'timeout', '--foreground', '-s', 'KILL', `${timeoutSeconds}`, 'qemu-system-x86_64', ...argumentsOf],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20 },
  )
  if (error !== undefined) throw new Error(`Cannot measure: ${error.message}`)
  if (status !== 0) throw new Error(`Cannot measure: QEMU ended with status ${status}, or not within ${timeoutSeconds} s:\n${stdout.slice(-2000)}`)
  return stdout
}

/**
 * What the guest wrote to ttyS0 until it powered off. Waits for the one lock of all QEMUs on this machine.
 * @param keepWrites what the guest writes stays in its disks' files, which must be on a tmpfs that has O_DIRECT
 *   (Linux 6.6 and newer); else it is thrown away
 */
export function runMachine(machine: Machine, keepWrites = false, timeoutSeconds = TIMEOUT_SECONDS): string {
  for (const disk of machine.disks ?? []) fs.readFileSync(disk.path)
  return runQemu(benchArguments(machine, keepWrites), timeoutSeconds, beforeOthers())
}

/** The same guest by the clock of this machine: for work that is not measured. Others wait for the lock, so it too comes first. */
export function runPlainMachine(machine: Machine, timeoutSeconds: number): string {
  return runQemu(withoutPort(qemuArguments(machine, CHANNELS)), timeoutSeconds, beforeOthers())
}
