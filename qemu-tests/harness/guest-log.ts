// What each guest of a run cost, for who wants to make the tests quicker: with $FULCRUM_GUEST_LOG set to a path, one
// line of JSON per guest is appended there. CPU seconds are those of QEMU itself, which hardly change under load;
// the others are wall seconds. `jq -s 'sort_by(-.cpuS)'` shows what costs most.
// Man pages: proc_pid_stat(5).
import { appendFileSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** USER_HZ, the same on every Linux of x86. sysconf(3) */
const TICKS_PER_S = 100
const SAMPLE_MS = 250

/** CPU seconds of a process, from the text of its `stat`; user and system are its fields 14 and 15. */
export function cpuSeconds(stat: string): number {
  // The name, field 2, may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
}

export interface GuestMeter {
  /** QEMU runs: it has the lock. */
  readonly begin: () => void
  /** The guest has said something on its console, or in its report. */
  readonly said: (where: 'console' | 'report', text: string) => void
  /** QEMU is about to end, or has ended. */
  readonly sample: () => void
  readonly end: () => void
}

const NONE: GuestMeter = { begin: () => {}, said: () => {}, sample: () => {}, end: () => {} }

/** Measures the process until end(), which writes the line. Does nothing without $FULCRUM_GUEST_LOG. */
export function guestMeter(name: string, kernel: string, pid: number | undefined): GuestMeter {
  const log = process.env['FULCRUM_GUEST_LOG']
  if (!log || pid === undefined) return NONE
  const spawned = performance.now()
  let began = spawned
  let cpuS = 0
  const marks: Record<string, number> = {}
  const since = (from: number): number => Math.round(performance.now() - from) / 1000
  const sample = (): void => {
    try {
      cpuS = cpuSeconds(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    } catch {
      // It has ended.
    }
  }
  /** Wall and CPU seconds at which something is seen first. */
  const mark = (what: string): void => {
    if (marks[what] !== undefined) return
    sample()
    marks[what] = since(began)
    marks[`${what}CpuS`] = cpuS
  }
  const timer = setInterval(sample, SAMPLE_MS)
  timer.unref()
  return {
    begin: () => { began = performance.now() },
    said: (where, text) => {
      mark(where)
      if (/Run \/\S+ as init/.test(text)) mark('init')
    },
    sample,
    end: () => {
      clearInterval(timer)
      appendFileSync(log, `${JSON.stringify({
        file: basename(process.argv[1] ?? ''), name, kernel: basename(kernel), at: Math.round(Date.now() / 1000),
        waitS: Math.round(began - spawned) / 1000, wallS: since(began), cpuS, ...marks,
      })}\n`)
    },
  }
}
