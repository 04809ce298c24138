// What the demo's guest reported, as typed values: the boot's record, processes, systemd's times.
// Pure. Everything comes from outside and may be missing: what is not there is null or empty here, and the checks
// (checks.ts) say so; nothing is made up. The records are written by guest-script.ts.

import type { GuestRecord, GuestReport } from '../../qemu-tests/harness/guest-report.ts'

/** One thing of the boot's trace; microseconds of CLOCK_MONOTONIC. */
export interface BootEvent {
  readonly phase: string
  readonly what: string
  readonly us: number
  readonly tookUs: number
  readonly data: ReadonlyMap<string, unknown>
}

/** /run/fulcrum/boot.json, as far as the demo shows it. */
export interface BootRecord {
  readonly engine: string
  readonly keep: string
  readonly initUs: number
  readonly handOverUs: number
  readonly rescues: number
  readonly prepared: boolean
  /** st_dev of the initramfs, decimal. */
  readonly initramfsDevice: string
  readonly plan: readonly string[]
  readonly events: readonly BootEvent[]
}

export interface GuestProcess {
  readonly pid: number
  readonly exe: string
  readonly command: string
  /** st_dev of the executable: tells where it comes from whatever the path says. */
  readonly device: string
}

export interface MountLine {
  readonly at: string
  readonly type: string
  readonly source: string
}

export interface Evidence {
  readonly boot: BootRecord | null
  readonly kernel: string
  /** Microseconds at which the kernel printed these, or null. */
  readonly unpackUs: number | null
  readonly unpackedUs: number | null
  readonly runInitUs: number | null
  /** Of "/" and of "/run/rootfs", where it is mounted. */
  readonly mounts: readonly MountLine[]
  /** Names in /run/rootfs; empty when the initramfs cannot be seen there. */
  readonly rootfs: string
  readonly processes: readonly GuestProcess[]
  /** systemd's first line, login prompt, end of start-up; null without systemd. */
  readonly systemdUs: number | null
  readonly gettyUs: number | null
  readonly finishUs: number | null
  readonly analyze: string
  /** Failed units, or '' when there are none. */
  readonly failed: string
  /** What `systemctl is-system-running` said. */
  readonly state: string
}

function asMap(value: unknown): ReadonlyMap<string, unknown> {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : new Map()
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function asNumber(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function bootRecord(data: unknown): BootRecord | null {
  const fields = asMap(data)
  if (fields.get('format') !== 1) return null
  const events = asList(fields.get('events')).map((value) => {
    const event = asMap(value)
    return {
      phase: asText(event.get('phase')), what: asText(event.get('what')), us: asNumber(event.get('us')),
      tookUs: asNumber(event.get('tookUs')), data: asMap(event.get('data')),
    }
  })
  return {
    engine: asText(fields.get('engine')), keep: asText(fields.get('keep')), initUs: asNumber(fields.get('initUs')),
    handOverUs: asNumber(fields.get('handOverUs')), rescues: asNumber(fields.get('rescues')),
    prepared: fields.get('prepared') === true, initramfsDevice: asText(fields.get('initramfsDevice')),
    plan: asList(fields.get('plan')).map(asText), events,
  }
}

/** '[    5.522261] Run /init as init process' → 5522261 */
function kernelUs(lines: readonly string[], pattern: RegExp): number | null {
  const stamp = lines.map((line) => (pattern.test(line) ? /^\[\s*(\d+)\.(\d{6})\]/.exec(line) : null)).find((match) => match !== null)
  return stamp === undefined || stamp === null ? null : Number(stamp[1]) * 1_000_000 + Number(stamp[2])
}

/** 'Name=123' → 123; a zero is systemd's word for "not known". */
function propertyUs(lines: readonly string[], name: string): number | null {
  const text = lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
  const value = Number(text ?? 0)
  return value > 0 ? value : null
}

function mountLine(line: string): MountLine {
  const words = line.split(' ')
  const dash = words.indexOf('-')
  return { at: words[4] ?? '', type: words[dash + 1] ?? '', source: words[dash + 2] ?? '' }
}

function processOf(record: GuestRecord): GuestProcess {
  const { fields } = record
  return {
    pid: asNumber(fields.get('pid')), exe: asText(fields.get('exe')), command: asText(fields.get('command')),
    device: String(asNumber(fields.get('device'))),
  }
}

/** Sorts a guest's report into values. Never throws. */
export function readEvidence(report: GuestReport): Evidence {
  const records = (name: string): readonly GuestRecord[] => report.records.filter((record) => record.record === `demo-${name}`)
  const texts = (name: string): string[] => records(name).map((record) => asText(record.fields.get('text')))
  const [boot] = records('boot')
  const kernelLines = texts('dmesg')
  return {
    boot: boot === undefined ? null : bootRecord(boot.fields.get('data')),
    kernel: texts('kernel').join(' '),
    unpackUs: kernelUs(kernelLines, /Unpacking initramfs|unpack rootfs/),
    unpackedUs: kernelUs(kernelLines, /Freeing initrd memory/),
    runInitUs: kernelUs(kernelLines, /Run \/\S+ as init/),
    mounts: texts('mountinfo').map(mountLine),
    rootfs: texts('rootfs').join(' '),
    processes: records('process').map(processOf),
    systemdUs: propertyUs(texts('systemd'), 'UserspaceTimestampMonotonic'),
    gettyUs: propertyUs(texts('getty'), 'ActiveEnterTimestampMonotonic'),
    finishUs: propertyUs(texts('systemd'), 'FinishTimestampMonotonic'),
    analyze: texts('analyze').join(' '),
    failed: texts('failed').join(' ').trim(),
    state: texts('state').join(' '),
  }
}
