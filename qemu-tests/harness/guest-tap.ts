// TAP for programs that run in a guest, or in a child of a test on the host: points as they come, the plan at the
// end, so that a program that dies in the middle has none and is red. parseGuestReport() reads it on the other side.
// Format: the Test Anything Protocol, version 14.
import { isDeepStrictEqual } from 'node:util'

export interface GuestTap {
  point(ok: boolean, name: string, notes?: readonly string[]): boolean
  /** Deep equality, with both sides as notes where they differ. */
  same(name: string, got: unknown, wanted: unknown): boolean
  like(name: string, got: string, wanted: RegExp): boolean
  /** What is thrown inside is a failed point of that name. */
  attempt(name: string, body: () => void): void
  /** Something to be seen in the log, also of a good run. */
  note(text: string): void
  /** Writes the plan. Nothing may follow. */
  end(): void
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one)) ?? String(value)
}

/** `write` is handed whole lines: (text) => kernel.write(toFd(1), text). */
export function guestTap(write: (text: string) => void): GuestTap {
  let count = 0
  const note = (text: string): void => write(text.split('\n').map((line) => `# ${line}\n`).join(''))
  const point = (ok: boolean, name: string, notes: readonly string[] = []): boolean => {
    count += 1
    // A "#" in a name would begin a directive.
    write(`${ok ? 'ok' : 'not ok'} ${count} - ${name.replaceAll('#', '\\#').replaceAll('\n', ' ')}\n`)
    if (!ok) notes.forEach(note)
    return ok
  }
  return {
    point,
    same: (name, got, wanted) => point(isDeepStrictEqual(got, wanted), name, [`got ${show(got)}`, `wanted ${show(wanted)}`]),
    like: (name, got, wanted) => point(wanted.test(got), name, [`got ${show(got)}`, `wanted ${String(wanted)}`]),
    attempt(name, body) {
      try {
        body()
      } catch (error) {
        point(false, name, [error instanceof Error ? (error.stack ?? error.message) : String(error)])
      }
    },
    note,
    end: () => write(`1..${count}\n`),
  }
}
