// The hand-over fingerprint: what an init inherited, as a flat map of names to values, and the comparison of two.
// The reference is the same init on the same disk, started by the kernel itself. Pure.
// What may differ is listed here with its reason; everything else must be equal. Law 7 in docs/architecture.md.

import type { GuestRecord } from './guest-report.ts'

/** `fd.0.flags`, `limits.nofile`, `status.SigIgn`, `environment`, … */
export type Fingerprint = ReadonlyMap<string, string>

const COMPARED = new Set(['fd', 'termios', 'process', 'argv', 'environment', 'limits', 'status'])

/** Names that legitimately differ, each with the reason. */
export const MAY_DIFFER: readonly (readonly [RegExp, string])[] = [
  [/^fd\.\d+\.dev$/, 'the kernel opens /dev/console on the initramfs or its own root, we on devtmpfs, where nothing pins the initramfs'],
]

/** Collects the fingerprint that a guest reported. */
export function fingerprintOf(records: readonly GuestRecord[]): Fingerprint {
  const found = new Map<string, string>()
  for (const { record, fields } of records) {
    if (!COMPARED.has(record)) continue
    const fd = fields.get('fd')
    const prefix = typeof fd === 'number' ? `${record}.${fd}` : record
    for (const [key, value] of fields) {
      if (key === 'record' || key === 'fd') continue
      const name = key === 'values' ? prefix : `${prefix}.${key}`
      found.set(name, typeof value === 'string' ? value : JSON.stringify(value))
    }
  }
  return found
}

/** F_SETFL cannot clear it, and every open(2) of a 64-bit process sets it; only the kernel's own open does not. */
const O_LARGEFILE = 0o100000

/** A value without what may differ in a part of it. */
function essence(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  if (/^fd\.\d+\.flags$/.test(name)) return `0x${(Number(value) & ~O_LARGEFILE).toString(16)}`
  return value
}

/** The kernel computes these from the memory that is free when it starts: a page more or less moves them by one. */
export const FROM_MEMORY = /^(limits\.(nproc|sigpending)|status\.SigQ)$/

function sameWithinMemory(a: string | undefined, b: string | undefined): boolean {
  const numbers = (text: string | undefined): number[] => (text ?? '').split(/[:/]/).map(Number)
  const [x, y] = [numbers(a), numbers(b)]
  return x.length === y.length && x.every((value, at) => Math.abs(value - (y[at] ?? NaN)) <= value * 0.01)
}

/**
 * The differences that are not allowed, one line each; empty if the hand-over is clean.
 * @param except names that cannot be compared in this boot, because it differs from the reference in more than init
 */
export function compareFingerprints(reference: Fingerprint, actual: Fingerprint, except: readonly RegExp[] = []): string[] {
  const names = [...new Set([...reference.keys(), ...actual.keys()])].sort()
  return names.flatMap((name) => {
    const [expected, got] = [essence(name, reference.get(name)), essence(name, actual.get(name))]
    if (FROM_MEMORY.test(name) && sameWithinMemory(expected, got)) return []
    if (expected === got || except.some((pattern) => pattern.test(name)) || MAY_DIFFER.some(([pattern]) => pattern.test(name))) return []
    return [`${name}: kernel ${expected ?? 'nothing'}, we ${got ?? 'nothing'}`]
  })
}
