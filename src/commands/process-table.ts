// Processes as a table and as a tree, and as JSON: what `fulcrum ps` prints. Pure.
//
// Nothing of the locale: the binary has no ICU.

import { USER_HZ } from '../abi/process.ts'
import type { Judged } from '../processes/judge.ts'
import { pinnedBytes } from '../processes/pins.ts'
import type { Pin } from '../processes/pins.ts'
import { markOf } from '../processes/policy.ts'

/** A process with what the listing adds to it. */
export interface Listed extends Judged {
  /** Name of the user, or the number as text. */
  readonly user: string
  readonly ageSeconds: number
  /** Only with --pins. */
  readonly pins: readonly Pin[] | null
}

/** 59s, 12m, 5h, 3d. */
export function formatAge(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** 512 B, 12 KiB, 3.4 MiB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** User names of /etc/passwd by number. */
export function parsePasswd(text: string): Map<number, string> {
  const rows = text.split('\n').map((line) => line.split(':')).filter((row) => /^\d+$/.test(row[2] ?? ''))
  return new Map(rows.map((row) => [Number(row[2]), row[0] ?? '']))
}

/** What is executed: the link, and where there is none the name in brackets as ps(1) does. */
export function exeText({ facts }: Judged): string {
  return facts.exe.link ?? (facts.state === 'Z' ? `[${facts.comm}] ended` : `[${facts.comm}]`)
}

/** Seconds since it started. `nowTicks` counts like startTicks. */
export function ageOf(startTicks: number, nowTicks: number): number {
  return Math.max(0, (nowTicks - startTicks) / USER_HZ)
}

const HEAD = ['PID', 'USER', 'ORIGIN', 'AGE', 'DECISION', 'MARK', 'EXE', 'REASON'] as const

/** Depth of each process below the first of its ancestors that is listed, in tree order. */
export function treeOrder(all: readonly Listed[]): { readonly listed: Listed; readonly depth: number }[] {
  const pids = new Set(all.map((it) => it.facts.pid))
  const children = new Map<number, Listed[]>()
  for (const it of all) {
    const siblings = children.get(it.facts.ppid)
    if (siblings === undefined) children.set(it.facts.ppid, [it])
    else siblings.push(it)
  }
  const ordered: { listed: Listed; depth: number }[] = []
  const seen = new Set<number>()
  const visit = (top: Listed): void => {
    const waiting = [{ listed: top, depth: 0 }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { listed, depth } = next
      if (seen.has(listed.facts.pid)) continue
      seen.add(listed.facts.pid)
      ordered.push(next)
      const below = children.get(listed.facts.pid) ?? []
      for (const child of below.toReversed()) waiting.push({ listed: child, depth: depth + 1 })
    }
  }
  for (const it of all) if (!pids.has(it.facts.ppid)) visit(it)
  // Pids that were reused while they were read can make a circle without a beginning.
  for (const it of all) visit(it)
  return ordered
}

function pinLines(pins: readonly Pin[]): string[] {
  return pins.map((pin) => `    ${pin.kind.padEnd(10)} ${(pin.bytes === null ? '?' : formatBytes(pin.bytes)).padStart(9)}  ${pin.what}`)
}

/** The table as lines: one a process, and with --pins those it keeps of the initramfs below it. */
export function processTable(all: readonly Listed[], asTree: boolean): string[] {
  const rows = asTree ? treeOrder(all) : all.map((listed) => ({ listed, depth: 0 }))
  const cells = rows.map(({ listed, depth }) => [
    `${listed.facts.pid}`, listed.user, listed.finding.origin, formatAge(listed.ageSeconds), listed.decision.decision,
    markOf(listed.facts) ?? '-', `${'  '.repeat(depth)}${exeText(listed)}`, listed.decision.reason,
  ])
  const widths = HEAD.map((name, i) => Math.max(name.length, ...cells.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (HEAD[i] === 'PID' || HEAD[i] === 'AGE' ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(' ').trimEnd()
  const lines = [line(HEAD)]
  rows.forEach(({ listed }, i) => {
    lines.push(line(cells[i] ?? []), ...pinLines(listed.pins ?? []))
  })
  const pins = all.flatMap((it) => it.pins ?? [])
  if (all.some((it) => it.pins !== null)) lines.push(`pinned of the initramfs: ${formatBytes(pinnedBytes(pins))} in ${new Set(pins.map((pin) => pin.file)).size} files`)
  return lines
}

/** The documented JSON shape of one process. */
export function processJson(listed: Listed): Record<string, unknown> {
  const { facts, finding, decision, pins } = listed
  return {
    pid: facts.pid,
    ppid: facts.ppid,
    state: facts.state,
    comm: facts.comm,
    uid: facts.uid,
    user: listed.user,
    origin: finding.origin,
    evidence: finding.evidence,
    exe: facts.exe.link,
    argv: facts.argv,
    cgroup: facts.cgroup,
    ageSeconds: listed.ageSeconds,
    decision: decision.decision,
    reason: decision.reason,
    survives: markOf(facts),
    ...(pins === null ? {} : { pins: pins.map(({ kind, what, bytes }) => ({ kind, what, bytes })), pinnedBytes: pinnedBytes(pins) }),
  }
}
