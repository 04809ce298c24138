// What a measured guest said: the kernel's time stamps of the marks on the console, and numbers of /proc/meminfo.
// Marks are lines that the guest writes to /dev/kmsg at level 1, so that they show with `quiet` too, and with the
// kernel's own stamp. Pure: text in, numbers out, and an error with the end of the text when something is missing.

import { number, object } from 'valibot'

/** Seconds with six decimals in brackets, as printk.time puts them in front of a line, and what comes behind. */
const STAMPED = /\[ *(\d+)\.(\d{6})\] (.*)/

/** A line of the kernel's log on the console. */
export interface LogLine {
  /** Virtual milliseconds since the kernel's clock started. */
  readonly ms: number
  readonly text: string
}

/** The lines with a time stamp. */
export function logLines(console: string): LogLine[] {
  return console.split(/\r?\n/).flatMap((line) => {
    const [, seconds, micros, text] = STAMPED.exec(line) ?? []
    if (seconds === undefined || micros === undefined || text === undefined) return []
    return [{ ms: (Number(seconds) * 1e6 + Number(micros)) / 1000, text }]
  })
}

function missing(what: string, console: string): Error {
  return new Error(`Cannot measure: no '${what}' in the guest's output:\n${console.slice(-2000)}`)
}

/** When the last line with `text` in it was written, ms. Throws with the end of the console when there is none. */
export function instant(console: string, text: string): number {
  const line = logLines(console).findLast((candidate) => candidate.text.includes(text))
  if (line === undefined) throw missing(text, console)
  return line.ms
}

/** The number that `pattern` catches. Throws with the end of the console when it does not match. */
export function numberOf(console: string, pattern: RegExp): number {
  const text = pattern.exec(console)?.[1]
  if (text === undefined) throw missing(pattern.source, console)
  return Number(text)
}

/** KiB. */
export interface Memory {
  /** MemFree, and the free pages in lists of the processors, which it leaves out: often 50 MiB on a machine with 1 GiB. */
  readonly free: number
  /** Lines of /proc/meminfo. */
  readonly available: number
  readonly unevictable: number
  readonly shmem: number
}

/** A `Memory` in JSON. */
export const MEMORY_SCHEMA = object({ free: number(), available: number(), unevictable: number(), shmem: number() })

const PAGE_KIB = 4

/** Shell lines for a guest that has a function `say`: what `memory` reads. proc_meminfo(5), Documentation/filesystems/proc.rst */
export const SAY_MEMORY = `while read -r name value unit; do
  case $name in MemAvailable:|MemFree:|Unevictable:|Shmem:) say "$name $value $unit" ;; esac
done < /proc/meminfo
while read -r name value; do case $name in count:) say "zone $name $value" ;; esac; done < /proc/zoneinfo`

/** What a guest wrote by SAY_MEMORY, once. */
export function memory(console: string): Memory {
  const value = (name: string): number => numberOf(console, new RegExp(`bench: ${name}: *(\\d+) kB`))
  const listed = [...console.matchAll(/bench: zone count: (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  return { free: value('MemFree') + PAGE_KIB * listed, available: value('MemAvailable'), unevictable: value('Unevictable'), shmem: value('Shmem') }
}

/** Virtual milliseconds since the kernel's clock started, unless said otherwise. */
export interface ShutdownTimes {
  /** `systemctl poweroff` was called. */
  readonly asked: number
  /** PID 1 became systemd-shutdown. */
  readonly shutdownStarts: number
  /** The kernel's last word. */
  readonly powerDown: number
  /** Shmem when systemd-shutdown starts, KiB: what was unpacked to /run. */
  readonly shmemThen: number
}

/** The instants of a shutdown by systemd. */
export function shutdownTimes(console: string): ShutdownTimes {
  return {
    asked: instant(console, 'bench: poweroff asked for'),
    shutdownStarts: instant(console, 'bench: systemd-shutdown starts'),
    powerDown: instant(console, 'reboot: Power down'),
    shmemThen: numberOf(console, /bench: then Shmem: *(\d+) kB/),
  }
}
