// timeoutReport: what a person is told when the root did not appear.
//
// Everything that was seen, ordered by how likely it explains the failure: near misses, modules that
// failed, hardware without a driver in this image, then the table of devices.

import type { BlockDevice } from '../../facts/block/block-device.ts'
import { describeDevices } from '../../facts/block/describe-devices.ts'
import { nearMisses } from '../../facts/block/near-misses.ts'
import { rootSpecText, type RootSpec } from '../../facts/block/root-spec.ts'
import type { BusDevice } from './coldplug.ts'
import type { ModuleTrace } from './module-loader.ts'
import type { Tag } from './tags.ts'

/** What was seen until the time-out. */
export interface Seen {
  readonly devices: readonly BlockDevice[]
  readonly tags: readonly Tag[]
  readonly modules: readonly ModuleTrace[]
  /** Devices on the way to a root that no driver is bound to; `isClaimed` when the image has a module for it. */
  readonly driverless: readonly (BusDevice & { readonly isClaimed: boolean })[]
}

/** Lines for the console; the first one says what failed. `waitedMs` in milliseconds. */
export function timeoutReport(spec: RootSpec, waitedMs: number, seen: Seen): string[] {
  const lines = [`Cannot find root '${rootSpecText(spec)}' after ${Math.round(waitedMs / 1000)} s`]
  const section = (title: string, body: readonly string[]): void => {
    if (body.length > 0) lines.push(`${title}:`, ...body.map(line => `  ${line}`))
  }
  section('near misses', nearMisses(spec, seen.devices))
  if (spec.kind === 'tag') section('tags seen', tagLines(seen.tags))
  section('modules that failed', seen.modules.filter(m => m.error !== null).map(m => `${m.name}: ${m.error ?? ''}`))
  section('hardware without a driver', seen.driverless.map(driverlessLine))
  const table = describeDevices(seen.devices)
  if (table.length === 0) lines.push('no block device was seen: this image may lack the driver of the disk')
  else section('block devices', table)
  return lines
}

function tagLines(tags: readonly Tag[]): string[] {
  if (tags.length === 0) return ['none (virtiofs tells its tags since Linux 6.9)']
  return tags.map(t => `${t.fstype}:${t.tag}`)
}

function driverlessLine(device: BusDevice & { readonly isClaimed: boolean }): string {
  const what = `${device.bus} ${device.name}${pciText(device.modalias)}`
  const why = device.isClaimed ? 'its module did not take it, see dmesg' : `no module in this image is for it (${device.modalias})`
  return `${what}: ${why}`
}

/** ' [1af4:1001]' as lspci(8) -n shows it. */
function pciText(modalias: string): string {
  const ids = /^pci:v0000([0-9A-F]{4})d0000([0-9A-F]{4})/.exec(modalias)
  return ids === null ? '' : ` [${ids[1]?.toLowerCase() ?? ''}:${ids[2]?.toLowerCase() ?? ''}]`
}
