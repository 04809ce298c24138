// Where the time of a boot by fulcrum goes: the kernel's marks and the events of /run/fulcrum/boot.json as spans, one
// behind the other, whose sum is the instant of the real init.
// The kernel's clock starts after the firmware, the boot loader and the kernel's own decompression: not in here.
// Pure. boot.json: docs/man/fulcrum.7

import type { BootTimes, Span } from './results.ts'

interface Event {
  readonly phase: string
  readonly us: number
  readonly tookUs: number
}

function eventsOf(record: string): { readonly events: Event[]; readonly handOverUs: number } | undefined {
  let data: unknown
  try {
    data = JSON.parse(record)
  } catch {
    return undefined
  }
  if (typeof data !== 'object' || data === null || !('events' in data) || !('handOverUs' in data)) return undefined
  const { events, handOverUs } = data
  if (!Array.isArray(events) || typeof handOverUs !== 'number') return undefined
  return { handOverUs, events: events.flatMap((event: unknown) => {
    if (typeof event !== 'object' || event === null || !('phase' in event) || !('us' in event) || !('tookUs' in event)) return []
    const { phase, us, tookUs } = event
    return typeof phase === 'string' && typeof us === 'number' && typeof tookUs === 'number' ? [{ phase, us, tookUs }] : []
  }) }
}

/** The spans, or undefined when the record is not one of a boot by fulcrum. */
export function spansOf(times: BootTimes, record: string): Span[] | undefined {
  const found = eventsOf(record)
  if (found === undefined) return undefined
  const begin = (phase: string): number => (found.events.find((event) => event.phase === phase)?.us ?? Number.NaN) / 1000
  const device = found.events.findLast(({ phase }) => phase === 'root-device')
  const mount = found.events.findLast(({ phase }) => phase === 'mount')
  const end = (event: Event | undefined): number => (event === undefined ? Number.NaN : (event.us + event.tookUs) / 1000)
  const ends: readonly (readonly [string, number])[] = [
    ['kernel until it unpacks', times.unpackAt],
    ['unpack', times.unpackAt + times.unpack],
    ['kernel until /init', times.runInit],
    ['exec, Node and the program start', (found.events[0]?.us ?? Number.NaN) / 1000],
    ['command line, API mounts, bind trick', begin('root-device')],
    ['modules and the root device', end(device)],
    ['fsck and mount', end(mount)],
    ['facts and plan of the switch', begin('switch')],
    ['switch', found.handOverUs / 1000],
    ['record, exec of the real init', times.realInit],
  ]
  let last = 0
  const spans = ends.map(([name, at]) => {
    const ms = at - last
    last = at
    return { name, ms }
  })
  return spans.every(({ ms }) => ms >= 0) ? spans : undefined
}
