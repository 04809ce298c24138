// Boots one guest and judges it: the only place that starts QEMU.
// One QEMU at a time on the whole machine (a lock), a hard time-out that starts when the guest does, the console
// watched for a kernel in trouble, and nothing left running: QEMU gets a parent-death signal and is killed by pid.
// Man pages: qemu-system-x86_64(1), flock(1), setpriv(1).
import { spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeArtifactsFolder, removeArtifacts, writeReproduction } from './artifacts.ts'
import { Console } from './console.ts'
import { guestMeter } from './guest-log.ts'
import type { GuestMeter } from './guest-log.ts'
import { parseGuestReport } from './guest-report.ts'
import type { GuestReport } from './guest-report.ts'
import { GOOD_BOOT, diedBeforeInit, findPanic, judge } from './judge.ts'
import type { Expectation, Observation } from './judge.ts'
import { qemuArguments } from './qemu-arguments.ts'
import type { Machine } from './qemu-arguments.ts'
import { Qmp } from './qmp.ts'
import { unpackedKernel } from './unpacked-kernel.ts'
import { removeWritableDisks, withWritableDisks, withoutWritableDisks } from './writable-disk.ts'

const MAX_RETRIES = 3
/** For hangs, not for slow machines: more than ten times what the longest guest takes. */
const DEFAULT_TIMEOUT_MS = 1_200_000
/** After a panic line the kernel still prints where it was; after this long it is killed. */
const PANIC_GRACE_MS = 1500

export interface GuestSpec {
  /** Names the artifacts folder. */
  readonly name: string
  readonly machine: Omit<Machine, 'script'>
  /** Text that the guest can read as its scenario: a busybox shell script that prints TAP. */
  readonly script?: string
  readonly expectation?: Expectation
  readonly timeoutMs?: number
  /** Talks with the guest while it runs. What it throws is a complaint, and ends the guest. */
  readonly converse?: (console: Console, qmp: Qmp) => Promise<void>
  /** Starts what QEMU needs beside it, before each try; what it returns ends that again. */
  readonly beside?: () => Promise<() => void>
  /** A process whose network namespace QEMU runs in: asked after `beside`. */
  readonly networkOf?: () => number
  /**
   * Looks at what the guest has left, after its end and that of what was beside it: gets the paths of the machine's
   * disks (those that are `writable` as the guest wrote them) and returns complaints.
   */
  readonly afterwards?: (disks: readonly string[]) => readonly string[]
}

export interface GuestResult {
  /** Empty when all is well. */
  readonly complaints: readonly string[]
  readonly observation: Observation
  readonly report: GuestReport
  /** Boots that died before PID 1 and were tried again. */
  readonly retries: number
  readonly wallMs: number
  /** Where console.log, tap.log and repro.sh are; undefined after a good boot, whose folder is removed. */
  readonly artifacts?: string
}

/** Listens on a Unix socket for QEMU's one connection. */
function listen(path: string, connected: (socket: Socket) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      connected(socket)
    })
    server.once('error', reject)
    server.listen(path, () => resolve(() => server.close()))
  })
}

interface Boot {
  readonly observation: Observation
  /** From QEMU's start to its end, without waiting for the lock. */
  readonly wallMs: number
}

async function bootOnce(spec: GuestSpec, machine: Machine, folder: string, sockets: string): Promise<Boot> {
  let began = performance.now()
  let tap = ''
  let shutdown: string | undefined
  let timedOut = false
  let conversation: string | undefined
  let consoleSocket: Socket | undefined
  const console = new Console((text) => consoleSocket?.write(text))
  const closers: (() => void)[] = []
  const timers: NodeJS.Timeout[] = []
  let started = (): void => {}
  let qmp: Qmp | undefined
  let kill = (): void => {}
  let meter: GuestMeter | undefined

  closers.push(await listen(join(sockets, 'console'), (socket) => {
    consoleSocket = socket
    socket.setEncoding('utf8')
    socket.on('data', (data) => {
      const text = String(data)
      appendFileSync(join(folder, 'console.log'), text)
      console.feed(text)
      meter?.said('console', text)
      if (findPanic(console.text) !== undefined) timers.push(setTimeout(() => kill(), PANIC_GRACE_MS))
    })
  }))
  closers.push(await listen(join(sockets, 'tap'), (socket) => {
    socket.setEncoding('utf8')
    socket.on('data', (data) => {
      tap += String(data)
      appendFileSync(join(folder, 'tap.log'), String(data))
      meter?.said('report', '')
    })
  }))
  closers.push(await listen(join(sockets, 'qmp'), (socket) => {
    qmp = new Qmp(socket, (name, data) => {
      if (name !== 'SHUTDOWN') return
      shutdown ??= String(data.get('reason'))
      meter?.sample()
    })
    started()
  }))

  const args = qemuArguments(machine, {
    console: { kind: 'socket', path: join(sockets, 'console') },
    tap: { kind: 'socket', path: join(sockets, 'tap') },
    qmp: { kind: 'socket', path: join(sockets, 'qmp') },
  })
  writeFileSync(join(folder, 'arguments.json'), `${JSON.stringify(args, undefined, 1)}\n`)
  const lock = process.env['FULCRUM_QEMU_LOCK']
  const within = spec.networkOf === undefined ? [] : ['nsenter', `--net=/proc/${spec.networkOf()}/ns/net`]
  const command = ['--pdeathsig', 'KILL', 'flock', '--no-fork', lock ? lock : '/tmp/qemu.lock', ...within, 'qemu-system-x86_64', ...args]
  const child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] })
  meter = guestMeter(spec.name, spec.machine.kernel, child.pid)
  kill = () => {
    meter?.sample()
    child.kill('SIGKILL')
  }
  const stopOnSignal = (signal: NodeJS.Signals): void => {
    kill()
    process.kill(process.pid, signal)
  }
  process.once('exit', kill)
  process.once('SIGINT', stopOnSignal)
  process.once('SIGTERM', stopOnSignal)
  let qemuErrors = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text) => { qemuErrors += String(text) })
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? undefined))
  })
  // The clock and the conversation start with QEMU itself, not while it waits for the lock.
  started = () => {
    began = performance.now()
    meter?.begin()
    timers.push(setTimeout(() => {
      timedOut = true
      kill()
    }, spec.timeoutMs ?? DEFAULT_TIMEOUT_MS))
    if (spec.converse === undefined || qmp === undefined) return
    spec.converse(console, qmp).catch((error: unknown) => {
      conversation = error instanceof Error ? error.message : String(error)
      kill()
    })
  }
  try {
    const exitStatus = await ended
    meter.end()
    console.close()
    // A conversation that waits for more is told so by close(); give its complaint one turn to arrive.
    await new Promise((resolve) => setImmediate(resolve))
    const observation: Observation = { console: console.text, tap, timedOut, qemuErrors,
      ...(exitStatus === undefined ? {} : { exitStatus }),
      ...(shutdown === undefined ? {} : { shutdown }),
      ...(conversation === undefined ? {} : { conversation }) }
    return { observation, wallMs: performance.now() - began }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    for (const close of closers) close()
    process.removeListener('exit', kill)
    process.removeListener('SIGINT', stopOnSignal)
    process.removeListener('SIGTERM', stopOnSignal)
  }
}

/**
 * Boots a guest to its end and judges it. Never rejects because of what the guest does; rejects only if QEMU or
 * the lock cannot be started at all.
 */
export async function runGuest(spec: GuestSpec): Promise<GuestResult> {
  const folder = makeArtifactsFolder(spec.name)
  // Socket paths are limited to 107 bytes: they live apart from the artifacts, under a short name.
  const sockets = mkdtempSync(join(tmpdir(), 'fq-'))
  try {
    let machine: Machine = spec.machine.bzImage === true ? spec.machine : { ...spec.machine, kernel: unpackedKernel(spec.machine.kernel) }
    if (spec.script !== undefined) {
      const script = join(folder, 'script.sh')
      writeFileSync(script, spec.script)
      machine = { ...machine, script }
    }
    for (let retries = 0; ; retries++) {
      const booted = withWritableDisks(machine)
      const endBeside = await spec.beside?.()
      const { observation, wallMs } = await bootOnce(spec, booted, folder, sockets).finally(() => endBeside?.())
      if (diedBeforeInit(observation) && retries < MAX_RETRIES) {
        appendFileSync(join(folder, 'console.log'), '\n--- died before PID 1, booted again ---\n')
        removeWritableDisks(booted)
        continue
      }
      const left = spec.afterwards?.((booted.disks ?? []).map((disk) => disk.path)) ?? []
      const complaints = [...judge(observation, spec.expectation ?? GOOD_BOOT), ...left]
      const report = parseGuestReport(observation.tap)
      removeWritableDisks(booted, complaints.length === 0 ? undefined : folder)
      if (complaints.length === 0) removeArtifacts(folder)
      else writeReproduction(folder, withoutWritableDisks(machine))
      return { complaints, observation, report, retries, wallMs,
        ...(complaints.length === 0 ? {} : { artifacts: folder }) }
    }
  } finally {
    rmSync(sockets, { recursive: true, force: true })
  }
}
