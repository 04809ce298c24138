// waitForRoot: loads what leads to the root, and waits for it by the kernel's events.
//
// Order of the work: open the uevent socket, look, and only if the root is not there yet load modules
// for the devices of the machine, the likely ones first, looking again after every event. So a root
// that is there costs one look, and none waits for the drivers of sound cards.

import { rootSpecText, type RootSpec } from '../../facts/block/root-spec.ts'
import type { Uevent } from '../../facts/block/uevent.ts'
import { LATE_MS } from '../storage/assembly.ts'
import { isRootRelevant, lastRank, listBusDevices, rootRank } from './coldplug.ts'
import type { DeviceKernel } from './device-kernel.ts'
import { createDeviceScanner, type DeviceScanner } from './device-scanner.ts'
import type { ModuleLoader } from './module-loader.ts'
import type { Queue } from './queue.ts'
import type { RootWait, WaitOptions } from './root-wait.ts'
import { findTag, listTags } from './tags.ts'
import { timeoutReport } from './timeout-report.ts'
import { openUeventMonitor, type UeventBatch, type UeventMonitor } from './uevent-monitor.ts'

export type { RootWait, WaitOptions } from './root-wait.ts'

const tickMs = 1000
const quietMs = 2000
const settleMs = 1000
/** Between two passes of a queue that nothing has called for. */
const passMs = 500
/** A link appears without an event of its own. */
const linkMs = 100

/** Synchronous. Throws only what no wait can mend (no netlink socket, no /sys). */
export function waitForRoot(kernel: DeviceKernel, loader: ModuleLoader, spec: RootSpec, options: WaitOptions): RootWait {
  const monitor = openUeventMonitor(kernel)
  try {
    return new RootWaiter(kernel, loader, spec, options, monitor).run()
  } finally {
    monitor.close()
  }
}

class RootWaiter {
  readonly #kernel: DeviceKernel
  readonly #loader: ModuleLoader
  readonly #spec: RootSpec
  readonly #options: WaitOptions
  readonly #monitor: UeventMonitor
  readonly #scanner: DeviceScanner
  #startMs: number
  #nextTickMs: number
  /** When a disk appeared or could have: the last event, or the last module. */
  #lastDiskMs: number
  #nextPassMs: number
  /** What the last pass of the queue said; null when something happened since. */
  #isQueueDone: boolean | null = null
  /** Modaliases of devices whose drivers are still to be loaded, by rank. */
  readonly #waiting: string[][] = Array.from({ length: lastRank + 1 }, () => [])
  #shouldLook = true
  /** Until all drivers are loaded. */
  #isLoading = true
  /** The time is over: what is incomplete is used now, however short the wait was. */
  #isEnd = false
  /** What is there but incomplete, for the progress line. */
  #detail: string | null = null

  constructor(kernel: DeviceKernel, loader: ModuleLoader, spec: RootSpec, options: WaitOptions, monitor: UeventMonitor) {
    this.#kernel = kernel
    this.#loader = loader
    this.#spec = spec
    this.#options = options
    this.#monitor = monitor
    this.#scanner = createDeviceScanner(kernel)
    this.#startMs = this.#nowMs()
    this.#lastDiskMs = this.#startMs
    this.#nextTickMs = this.#startMs + quietMs
    this.#nextPassMs = this.#startMs
  }

  run(): RootWait {
    const first = this.#look()
    if (first !== null && this.#isFinished()) return first
    this.#queueAll()
    for (;;) {
      this.#take(this.#monitor.next(0))
      const looked = this.#shouldLook
      const found = looked ? this.#look() : null
      if (found !== null && this.#isFinished()) return found
      if (looked && found === null && this.#assemble()) continue
      if (this.#loadNext()) continue
      const isPassed = this.#pass()
      // A job that queues itself again must not keep the time from being over.
      if (this.#isOver()) {
        if (this.#isEnd || this.#options.shouldStop?.() === true) return { outcome: 'timeout', report: this.#report() }
        this.#isEnd = true
        this.#shouldLook = true
        continue
      }
      if (isPassed) continue
      const wasSettled = this.#isSettled()
      this.#take(this.#monitor.next(this.#waitMs()))
      if (!wasSettled || this.#spec.kind === 'link') this.#shouldLook = true
      this.#tick()
    }
  }

  #look(): RootWait | null {
    this.#shouldLook = false
    if (this.#spec.kind === 'hooks') return this.#isFinished() ? { outcome: 'hooks' } : null
    if (this.#spec.kind === 'tag') {
      const tag = findTag(this.#kernel, this.#spec)
      return tag === null ? null : { outcome: 'tag', ...tag }
    }
    if (!this.#isSettled()) return null
    const match = this.#scanner.find(this.#spec)
    if (match.outcome === 'ambiguous') return { outcome: 'ambiguous', detail: match.detail, report: this.#report() }
    if (match.outcome === 'notYet') {
      this.#detail = match.detail
      const [device] = match.incomplete
      if (device === undefined || !this.#isLate()) return null
      this.#options.onProgress(`${match.detail ?? ''}: using it as it is, as its mount options say`)
      return { outcome: 'block', device, members: match.incomplete }
    }
    if (match.device.isBeingAdded === true && !this.#isEnd) {
      this.#detail = `${match.device.name} cannot be opened yet`
      return null
    }
    if (match.others.length > 0) {
      const others = match.others.join(', ')
      const { name } = match.device
      this.#options.onProgress(`${rootSpecText(this.#spec)} is on ${name} and on ${others} too: using ${name}`)
    }
    return { outcome: 'block', device: match.device, members: match.members }
  }

  /** Whether the queue lets the wait end; asks it if something has happened since it was asked. */
  #isFinished(): boolean {
    const { queue } = this.#options
    if (queue === undefined) return true
    if (this.#isQueueDone === null || queue.hasWork()) this.#runPass(queue)
    return this.#isQueueDone === true
  }

  /** A pass, if it is time for one. */
  #pass(): boolean {
    const { queue } = this.#options
    if (queue === undefined || (this.#nowMs() < this.#nextPassMs && !queue.hasWork())) return false
    this.#runPass(queue)
    return true
  }

  /** As with the assembly, the time that a long one takes is not waited time: somebody may type. */
  #runPass(queue: Queue): void {
    const before = this.#nowMs()
    const limit = this.#limitMs()
    this.#isQueueDone = queue.pass(limit !== null && before - this.#startMs >= (limit * 2) / 3)
    const after = this.#nowMs()
    const spent = Math.max(0, after - before - passMs)
    this.#startMs += spent
    this.#nextTickMs += spent
    this.#nextPassMs = after + passMs
    this.#shouldLook = true
  }

  /** One task of the assembly. A person who types, or a disk that is slow to unlock, takes nothing from the wait. */
  #assemble(): boolean {
    const { assembly } = this.#options
    if (assembly === undefined) return false
    const before = this.#nowMs()
    if (!assembly.step(() => this.#scanner.scan(), this.#quietMs(), this.#spec)) return false
    const spent = this.#nowMs() - before
    this.#startMs += spent
    this.#nextTickMs += spent
    this.#shouldLook = true
    this.#lastDiskMs = this.#nowMs()
    return true
  }

  /** Whether "the only one" can be told: all drivers are loaded and no disk came for a while. Others need not wait for that. */
  #isSettled(): boolean {
    if (this.#spec.kind !== 'gpt-auto' || this.#spec.esp !== null) return true
    return this.#waiting.every(rank => rank.length === 0) && this.#nowMs() - this.#lastDiskMs >= settleMs
  }

  /** Whether what is incomplete is to be used. */
  #isLate(): boolean {
    return this.#options.acceptIncomplete === true && (this.#quietMs() ?? 0) >= LATE_MS
  }

  /** For how long no disk has come; null while drivers are still to be loaded. */
  #quietMs(): number | null {
    if (this.#isEnd) return Number.POSITIVE_INFINITY
    return this.#isLoading ? null : this.#nowMs() - this.#lastDiskMs
  }

  /** Loads the modules of one waiting device that has some. False when none is left; what waited for that has its turn first, without a tick. */
  #loadNext(): boolean {
    for (;;) {
      const modalias = this.#waiting.find(rank => rank.length > 0)?.shift()
      if (modalias === undefined) {
        const isNews = this.#isLoading && this.#options.assembly !== undefined
        this.#isLoading = false
        if (isNews) this.#shouldLook = true
        return isNews
      }
      if (this.#loader.loadForDevice(modalias) === 0) continue
      // Not every device announces itself: tags and dm devices are simply there afterwards.
      this.#shouldLook = true
      this.#lastDiskMs = this.#nowMs()
      return true
    }
  }

  #queue(modalias: string): void {
    this.#isLoading = true
    this.#waiting[rootRank(modalias)]?.push(modalias)
  }

  #queueAll(): void {
    for (const { modalias } of listBusDevices(this.#kernel)) this.#queue(modalias)
  }

  #take(batch: UeventBatch): void {
    if (batch.events.length > 0) this.#isQueueDone = null
    for (const event of batch.events) this.#takeEvent(event)
    if (!batch.lost) return
    this.#scanner.forget(null)
    this.#queueAll()
    this.#shouldLook = true
  }

  #takeEvent(event: Uevent): void {
    if (event.subsystem === 'block') {
      // Its contents may be others now: a medium, a loop device's file, a fresh mkfs.
      this.#scanner.forget(event.devpath.slice(event.devpath.lastIndexOf('/') + 1).replaceAll('!', '/'))
      this.#shouldLook = true
      this.#lastDiskMs = this.#nowMs()
    }
    if (this.#spec.kind === 'tag') this.#shouldLook = true
    const modalias = event.action === 'add' ? event.values.get('MODALIAS') : undefined
    if (modalias !== undefined) this.#queue(modalias)
  }

  /** Once a second: tells what is waited for, and looks again, for devices that failed or came without an event. */
  #tick(): void {
    if (this.#nowMs() < this.#nextTickMs) return
    this.#nextTickMs += tickMs
    this.#shouldLook = true
    const seconds = Math.round((this.#nowMs() - this.#startMs) / 1000)
    const limit = this.#limitMs()
    const of = limit === null ? '' : ` of ${Math.round(limit / 1000)} s`
    const detail = this.#detail === null ? '' : `: ${this.#detail}`
    this.#options.onProgress(`waiting for ${rootSpecText(this.#spec)} (${seconds} s${of})${detail}`)
  }

  #isOver(): boolean {
    const limit = this.#limitMs()
    return (limit !== null && this.#nowMs() - this.#startMs >= limit) || this.#options.shouldStop?.() === true
  }

  /** Milliseconds until the next tick or the end, whichever is first; at least 1, since poll(2) rounds down. */
  #waitMs(): number {
    const limit = this.#limitMs()
    const settled = this.#lastDiskMs + settleMs
    const { queue } = this.#options
    const others = [...(this.#spec.kind === 'link' ? [this.#nowMs() + linkMs] : []), ...(queue === undefined ? [] : [this.#nextPassMs])]
    const ends = [this.#nextTickMs, ...others, ...(limit === null ? [] : [this.#startMs + limit]), ...(this.#isSettled() ? [] : [settled])]
    return Math.max(1, Math.ceil(Math.min(...ends) - this.#nowMs()))
  }

  #limitMs(): number | null {
    const { timeoutMs, rootdelayMs } = this.#options
    return timeoutMs === null ? null : Math.max(timeoutMs, rootdelayMs)
  }

  #report(): string[] {
    const kernel = this.#kernel
    const driverless = listBusDevices(kernel)
      .filter(d => isRootRelevant(d.modalias) && !kernel.exists(`/sys/bus/${d.bus}/devices/${d.name}/driver`))
      .map(d => ({ ...d, isClaimed: this.#loader.claims(d.modalias) }))
    return timeoutReport(this.#spec, this.#nowMs() - this.#startMs, {
      devices: this.#scanner.scan(),
      tags: this.#spec.kind === 'tag' ? listTags(kernel) : [],
      modules: this.#loader.trace(),
      driverless,
    })
  }

  #nowMs(): number {
    return Number(this.#kernel.monotonicUs()) / 1000
  }
}
