// What a measured guest said: the kernel's time stamps of the marks on the console, and numbers of /proc/meminfo.
// Marks are lines that the guest writes to /dev/kmsg at level 1, so that they show with `quiet` too, and with the
// kernel's own stamp. Pure: text in, numbers out, and an error with the end of the text when something is missing.

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

/** Values of /proc/meminfo, KiB. */
export interface Memory {
  readonly available: number
  readonly free: number
  readonly unevictable: number
  readonly shmem: number
}

/** The last of each line of /proc/meminfo that the guest wrote behind `bench: `. */
export function memory(console: string): Memory {
  const value = (name: string): number => {
    const found = [...console.matchAll(new RegExp(`bench: ${name}: *(\\d+) kB`, 'g'))].at(-1)?.[1]
    if (found === undefined) throw missing(`bench: ${name}`, console)
    return Number(found)
  }
  return { available: value('MemAvailable'), free: value('MemFree'), unevictable: value('Unevictable'), shmem: value('Shmem') }
}

/** Virtual milliseconds since the kernel's clock started, unless said otherwise. */
export interface ShutdownTimes {
  /** `systemctl poweroff` was called. */
  readonly asked: number
  /** PID 1 became systemd-shutdown. */
  readonly shutdownStarts: number
  /** The kernel's last word. */
  readonly powerDown: number
  /** MemAvailable when systemd-shutdown starts, KiB. */
  readonly availableThen: number
}

/** The instants of a shutdown by systemd. */
export function shutdownTimes(console: string): ShutdownTimes {
  return {
    asked: instant(console, 'bench: poweroff asked for'),
    shutdownStarts: instant(console, 'bench: systemd-shutdown starts'),
    powerDown: instant(console, 'reboot: Power down'),
    availableThen: numberOf(console, /bench: then MemAvailable: *(\d+) kB/),
  }
}
