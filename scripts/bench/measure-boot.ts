// Boots one image in QEMU with one instruction as one virtual nanosecond, and says when its init started and when the
// real root's did. It exists because a wall clock on a shared machine cannot tell 2 ms from 20; this repeats to 0.1 ms.
// Settings and their reasons: asynchronous disk completions jitter by 100 ms unless io_uring serves them from a warm
// page cache without an event thread. qemu-system-x86_64(1), flock(1)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { qemuArguments } from '../../qemu-tests/harness/qemu-arguments.ts'
import type { Machine } from '../../qemu-tests/harness/qemu-arguments.ts'

/** Virtual milliseconds since the kernel's clock started, unless said otherwise. */
export interface BootTimes {
  /** How long the kernel unpacks the image. */
  readonly unpack: number
  /** The kernel starts /init of the image. */
  readonly runInit: number
  /** The first instruction of the real root's init. */
  readonly realInit: number
  /** MemAvailable two seconds later, KiB. */
  readonly availableKiB: number
}

const TIMEOUT_MS = 600_000

function withSteadyDisk(argument: string): string {
  if (argument.includes(',if=none,')) return `${argument},aio=io_uring`
  return argument.startsWith('virtio-blk-pci,') ? `${argument},ioeventfd=off` : argument
}

function numberOf(output: string, pattern: RegExp): number {
  const text = pattern.exec(output)?.[1]
  if (text === undefined) {
    throw new Error(`Cannot measure boot: no '${pattern.source}' in the guest's output:\n${output.slice(-2000)}`)
  }
  return Number(text)
}

/** Boots `machine` once, whose real init is bench-init. Throws with the end of the console when it does not get there. */
export function measureBoot(machine: Machine): BootTimes {
  for (const disk of machine.disks ?? []) fs.readFileSync(disk.path)
  const plain = qemuArguments(
    { ...machine, icount: true },
    { console: { kind: 'stdio' }, tap: { kind: 'file', path: '/dev/null' } },
  )
  const lock = process.env['FULCRUM_QEMU_LOCK']
  const { stdout } = spawnSync(
    'flock',
    ['--no-fork', lock ? lock : '/tmp/qemu.lock', 'qemu-system-x86_64', ...plain.map(withSteadyDisk)],
    {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 64 << 20,
    },
  )
  const ms = (pattern: RegExp): number => numberOf(stdout, pattern) * 1000
  return {
    unpack: ms(/bench: log .*\[ *(\d+\.\d+)\] Freeing initrd/) - ms(/bench: log .*\[ *(\d+\.\d+)\] Trying to unpack/),
    runInit: ms(/bench: log .*\[ *(\d+\.\d+)\] Run \S+ as init process/),
    realInit: ms(/bench: init (\d+\.\d+)/),
    availableKiB: numberOf(stdout, /bench: MemAvailable: *(\d+) kB/),
  }
}
