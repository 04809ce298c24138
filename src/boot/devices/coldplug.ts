// Coldplug: the devices that were there before PID 1, and the modules for them.
//
// Lists /sys/bus/*/devices instead of walking /sys/devices: every device that a module can drive is
// on a bus, and a tree walk without file types costs a stat per file. Drivers that can lead to a
// root come first, so that a boot need not wait for graphics and sound. See modules.alias(5).

import { readdirIfThere, readTextIfThere, type DeviceKernel } from './device-kernel.ts'
import type { ModuleLoader } from './module-loader.ts'

/** A device on a bus that names itself by a modalias. */
export interface BusDevice {
  readonly bus: string
  /** Its name on the bus, for instance '0000:00:04.0'. */
  readonly name: string
  readonly modalias: string
}

/** Buses whose devices have no modalias or none that matters, and can be many (a memory block per 128 MiB). */
const busesWithoutDrivers = new Set([
  'memory', 'cpu', 'node', 'container', 'clockevents', 'clocksource', 'machinecheck', 'event_source',
  'workqueue', 'gpio', 'edac', 'iio', 'nvmem', 'memory_tiering', 'dax', 'xen-backend', 'pci_express',
])

/**
 * Which devices a root can be behind, in ranks: those whose drivers answer at once before those that
 * reset links and wait for spindles (an ATA controller takes half a second, a virtio disk none).
 * Class 01 of PCI is mass storage; 1AF4 is virtio, whose bus is needed whatever is on it.
 */
const rootRanks: readonly (readonly RegExp[])[] = [
  [
    /^virtio:d(00000002|00000009|0000001A)v/i, /^pci:v00001AF4/, /bc01sc08/, /^nvme/, /^vmbus:/, /^xen:/,
    /^(acpi|of|platform):.*(virtio|LNRO0005)/i,
  ],
  [/^virtio:d00000008v/, /^scsi:/, /^mmc:/, /^ccw:/, /^css:/],
  [/^pci:v.*bc01/, /^sdio:/, /^(acpi|platform|of):.*(ahci|sdhci|ufs|nvme)/i],
]

/** The rank of drivers that lead to no root, as far as their modalias tells (USB is among them). */
export const lastRank = rootRanks.length

/** 0 for what leads to a root soonest, up to lastRank. */
export function rootRank(modalias: string): number {
  const rank = rootRanks.findIndex(patterns => patterns.some(pattern => pattern.test(modalias)))
  return rank < 0 ? lastRank : rank
}

/** True when the driver for this modalias is likely to be on the way to a root. */
export function isRootRelevant(modalias: string): boolean {
  return rootRank(modalias) < lastRank
}

/** All devices on all buses that have a modalias. Reads sysfs only. */
export function listBusDevices(kernel: DeviceKernel): BusDevice[] {
  const devices: BusDevice[] = []
  for (const bus of readdirIfThere(kernel, '/sys/bus')) {
    if (busesWithoutDrivers.has(bus)) continue
    for (const name of readdirIfThere(kernel, `/sys/bus/${bus}/devices`)) {
      const path = `/sys/bus/${bus}/devices/${name}/modalias`
      // Asked first: an error that is thrown and caught costs more than the question.
      if (!kernel.exists(path)) continue
      const modalias = readTextIfThere(kernel, path)
      if (modalias !== null && modalias !== '') devices.push({ bus, name, modalias })
    }
  }
  return devices
}

/**
 * Loads the modules for the devices that are there, those on the way to a root first. Returns how
 * many modules were loaded. What then appears on new buses comes as uevents.
 */
export function coldplug(kernel: DeviceKernel, loader: ModuleLoader): number {
  let count = 0
  for (const modalias of coldplugOrder(listBusDevices(kernel))) count += loader.loadForDevice(modalias)
  return count
}

/** The modaliases of devices, each once, by rank. */
export function coldplugOrder(devices: readonly BusDevice[]): string[] {
  const all = [...new Set(devices.map(d => d.modalias))]
  return all.map(modalias => ({ modalias, rank: rootRank(modalias) })).sort((a, b) => a.rank - b.rank).map(r => r.modalias)
}
