// NetworkWatch: waits for interfaces, links and addresses by the kernel's events, and loads network drivers meanwhile.
//
// As waitForRoot does for disks: look, load the next likely driver, look again, and sleep only when all are loaded.
// What appears comes as a uevent, links and IPv6 addresses as messages of rtnetlink.  netlink(7), rtnetlink(7)

import { parseUevent } from '../../facts/block/uevent.ts'
import { isErrno } from '../../kernel/errors.ts'
import type { Fd, Kernel } from '../../kernel/kernel.ts'
import { listBusDevices } from '../devices/coldplug.ts'
import type { DeviceKernel } from '../devices/device-kernel.ts'
import type { ModuleLoader } from '../devices/index.ts'
import { RTMGRP_IPV6_IFADDR, RTMGRP_LINK } from './rtnetlink.ts'

const BUFFER_BYTES = 16_384
/** Some drivers change a link without an event at the right time. */
const LOOK_MS = 1000

/** Class 02 of PCI is network; 1AF4 is virtio, whose bus comes first; then buses on which cards are found. */
const LIKELY = [/^virtio:d00000001v/i, /^pci:v00001AF4/i, /^pci:v.*bc02/, /^(vmbus|xen):/i, /^pci:v.*bc0Csc03/, /^usb:/]

function rank(modalias: string): number {
  const found = LIKELY.findIndex((pattern) => pattern.test(modalias))
  return found < 0 ? LIKELY.length : found
}

export type WatchKernel = DeviceKernel & Pick<Kernel, 'openRouteSocket'>

export class NetworkWatch {
  readonly #kernel: WatchKernel
  readonly #loader: Pick<ModuleLoader, 'loadForDevice'>
  readonly #uevents: Fd
  readonly #changes: Fd
  readonly #buffer = Buffer.alloc(BUFFER_BYTES)
  #waiting: string[] = []

  constructor(kernel: WatchKernel, loader: Pick<ModuleLoader, 'loadForDevice'>) {
    this.#kernel = kernel
    this.#loader = loader
    this.#uevents = kernel.openUeventSocket()
    this.#changes = kernel.openRouteSocket(RTMGRP_LINK | RTMGRP_IPV6_IFADDR)
    this.#waiting = listBusDevices(kernel).map(({ modalias }) => modalias)
  }

  /** Looks until there is an answer; null when the time is over. `timeoutMs` null: for ever. */
  until<T>(look: () => T | null, timeoutMs: number | null): T | null {
    const end = timeoutMs === null ? null : this.#nowMs() + timeoutMs
    for (;;) {
      this.#drain()
      const found = look()
      if (found !== null) return found
      if (this.#loadNext()) continue
      const left = end === null ? LOOK_MS : end - this.#nowMs()
      if (left <= 0) return null
      this.#poll(Math.max(1, Math.min(LOOK_MS, left)))
    }
  }

  close(): void {
    this.#kernel.close(this.#uevents)
    this.#kernel.close(this.#changes)
  }

  /** The driver of the likeliest device that has one. */
  #loadNext(): boolean {
    this.#waiting.sort((a, b) => rank(a) - rank(b))
    for (;;) {
      const modalias = this.#waiting.shift()
      if (modalias === undefined) return false
      if (this.#loader.loadForDevice(modalias) > 0) return true
    }
  }

  #poll(timeoutMs: number): void {
    try {
      this.#kernel.poll([this.#uevents, this.#changes], timeoutMs)
    } catch (error) {
      if (!isErrno(error, 'EINTR')) throw error
    }
  }

  /** Takes what has come. Only a new device says anything; the rest is a reason to look. */
  #drain(): void {
    for (const fd of [this.#uevents, this.#changes]) {
      for (let packet = this.#read(fd); packet !== null; packet = this.#read(fd)) {
        const event = fd === this.#uevents ? parseUevent(packet) : null
        const modalias = event?.action === 'add' ? event.values.get('MODALIAS') : undefined
        if (modalias !== undefined) this.#waiting.push(modalias)
      }
    }
  }

  /** Null: nothing is there. */
  #read(fd: Fd): Uint8Array | null {
    try {
      return this.#buffer.subarray(0, this.#kernel.read(fd, this.#buffer, null))
    } catch (error) {
      if (isErrno(error, 'EAGAIN', 'EINTR')) return null
      if (!isErrno(error, 'ENOBUFS')) throw error
      this.#waiting.push(...listBusDevices(this.#kernel).map(({ modalias }) => modalias))
      return new Uint8Array(0)
    }
  }

  #nowMs(): number {
    return Number(this.#kernel.monotonicUs()) / 1000
  }
}
