// Asking a person for a passphrase on the console of PID 1.
//
// The terminal's own echo and line editing are off while it is typed: a star for each character, or none after Tab.
// What was typed is in one buffer, which is overwritten; whoever gets the answer overwrites that. What came before the
// question is thrown away.  termios(3), tty_ioctl(4), console_codes(4)

import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel, Termios } from '../kernel/kernel.ts'

export type Answer =
  | { readonly kind: 'typed'; readonly bytes: Uint8Array }
  /** ^C, or ^D without anything before it. */
  | { readonly kind: 'skipped' }
  /** No key for that long. */
  | { readonly kind: 'timeout' }
  /** There is no console, or it is at its end. */
  | { readonly kind: 'gone' }

export type AskKernel = Pick<Kernel, 'poll' | 'read' | 'write' | 'ioctl' | 'tcgetattr' | 'tcsetattr' | 'monotonicUs' | 'reapOrphan'>

const stdin = toFd(0)
const stdout = toFd(1)

/** struct termios: c_lflag behind three 32-bit words; ISIG, ICANON, ECHO, IEXTEN of <asm-generic/termbits.h>. */
const LFLAG_OFFSET = 12
const LINE_FLAGS = 0o1 | 0o2 | 0o10 | 0o100000
/** ioctl_tty(2): what was received and not read is thrown away. */
const TCFLSH = 0x540b
const TCIFLUSH = 0
/** cryptsetup's own limit for what is typed. */
const MOST_BYTES = 512
const REAP_EVERY_MS = 5000

const CTRL_C = 3
const CTRL_D = 4
const BACKSPACE = 8
const TAB = 9
const NEWLINE = 10
const RETURN = 13
const CTRL_U = 21
const CTRL_W = 23
const ESCAPE = 27
const DELETE = 127

/** The bytes of what is being typed, and what the screen shows of it. */
class Line {
  readonly #bytes = new Uint8Array(MOST_BYTES)
  #length = 0
  #isShown = true

  get length(): number {
    return this.#length
  }

  /** Takes a byte; returns what is to be printed for it. */
  add(byte: number): string {
    if (this.#length === MOST_BYTES) return '\x07'
    this.#bytes[this.#length++] = byte
    return this.#isShown && isFirst(byte) ? '*' : ''
  }

  /** Takes back one character. */
  erase(): string {
    while (this.#length > 0) {
      const byte = this.#bytes[--this.#length] ?? 0
      this.#bytes[this.#length] = 0
      if (isFirst(byte)) return this.#isShown ? '\b \b' : ''
    }
    return ''
  }

  eraseAll(): string {
    let text = ''
    while (this.#length > 0) text += this.erase()
    return text
  }

  /** No stars any more. */
  hide(): string {
    if (!this.#isShown) return ''
    const text = '\b \b'.repeat([...this.#bytes.subarray(0, this.#length)].filter(isFirst).length)
    this.#isShown = false
    return `${text}(not shown) `
  }

  /** A copy for the caller; nothing is left here. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length)
    this.wipe()
    return bytes
  }

  wipe(): void {
    this.#bytes.fill(0)
    this.#length = 0
  }
}

/** Whether a character of UTF-8 begins with this byte. */
function isFirst(byte: number): boolean {
  return (byte & 0xc0) !== 0x80
}

/** Swallows the sequences that cursor and function keys send. */
class EscapeFilter {
  #state: 'none' | 'escape' | 'sequence' = 'none'

  /** True when the byte is part of one. */
  swallows(byte: number): boolean {
    if (this.#state === 'none') {
      if (byte !== ESCAPE) return false
      this.#state = 'escape'
    } else if (this.#state === 'escape') {
      this.#state = byte === 0x5b || byte === 0x4f ? 'sequence' : 'none'
    } else if (byte >= 0x40 && byte <= 0x7e) this.#state = 'none'
    return true
  }
}

/** What one byte does: text to print, or the end. */
function press(line: Line, byte: number): string | 'typed' | 'skipped' {
  switch (byte) {
    case NEWLINE:
    case RETURN:
      return 'typed'
    case CTRL_C:
      return 'skipped'
    case CTRL_D:
      return line.length === 0 ? 'skipped' : ''
    case BACKSPACE:
    case DELETE:
      return line.erase()
    case CTRL_U:
    case CTRL_W:
      return line.eraseAll()
    case TAB:
      return line.hide()
    default:
      return byte < 32 ? '' : line.add(byte)
  }
}

/** Turns echo and line editing off; what was set before, or null when this is no terminal. */
function setUp(kernel: AskKernel): Termios | null {
  const saved = kernel.tcgetattr(stdin)
  if (saved === null) return null
  const changed = Uint8Array.from(saved)
  const view = new DataView(changed.buffer)
  view.setUint32(LFLAG_OFFSET, view.getUint32(LFLAG_OFFSET, true) & ~LINE_FLAGS, true)
  kernel.tcsetattr(stdin, changed)
  kernel.ioctl(stdin, TCFLSH, TCIFLUSH)
  return saved
}

function reapOrphans(kernel: AskKernel): void {
  try {
    while (kernel.reapOrphan() !== null) continue
  } catch {
    // ECHILD: there are no children.
  }
}

/** Waits for input, no longer than `timeoutMs` since the last key. */
function waitForKey(kernel: AskKernel, fd: Fd, timeoutMs: number | null): boolean {
  const end = timeoutMs === null ? null : Number(kernel.monotonicUs()) / 1000 + timeoutMs
  for (;;) {
    const left = end === null ? REAP_EVERY_MS : Math.ceil(end - Number(kernel.monotonicUs()) / 1000)
    if (left <= 0) return false
    if (kernel.poll([fd], Math.min(left, REAP_EVERY_MS)).some(({ revents }) => revents !== 0)) return true
    reapOrphans(kernel)
  }
}

function readAnswer(kernel: AskKernel, line: Line, timeoutMs: number | null, print: (text: string) => void): Answer {
  const chunk = new Uint8Array(256)
  const filter = new EscapeFilter()
  try {
    for (;;) {
      if (!waitForKey(kernel, stdin, timeoutMs)) return { kind: 'timeout' }
      const count = kernel.read(stdin, chunk, null)
      if (count === 0) return { kind: 'gone' }
      for (const byte of chunk.subarray(0, count)) {
        const effect = filter.swallows(byte) ? '' : press(line, byte)
        if (effect === 'skipped') return { kind: 'skipped' }
        if (effect === 'typed') return { kind: 'typed', bytes: line.take() }
        if (effect !== '') print(effect)
      }
    }
  } finally {
    chunk.fill(0)
    line.wipe()
  }
}

/**
 * Asks on descriptors 0 and 1 (or `output`) and waits for Enter. `timeoutMs`: without a key for that long it gives up; null never.
 * Never throws. The caller overwrites the bytes when it has used them.
 */
export function askPassphrase(kernel: AskKernel, question: string, timeoutMs: number | null, output: Fd = stdout): Answer {
  const print = (text: string): void => {
    try {
      kernel.write(output, text)
    } catch {
      // A console that only reads, or none: the answer says so.
    }
  }
  let saved: Termios | null = null
  try {
    saved = setUp(kernel)
    print(question)
    return readAnswer(kernel, new Line(), timeoutMs, print)
  } catch {
    return { kind: 'gone' }
  } finally {
    print('\n')
    try {
      if (saved !== null) kernel.tcsetattr(stdin, saved)
    } catch {
      // The terminal is gone.
    }
  }
}
