// The console as the rescue prompt sees it: lines in, text out, nothing that can throw.
//
// The terminal stays in canonical mode, so the kernel does echo, erase and ^U. Reading never spins and
// never gives up: a console that is gone or always at its end makes PID 1 sleep.
// Man pages: termios(3), tty_ioctl(4), poll(2).

import { POLLIN } from '../../abi/process.ts'
import { toFd } from '../../kernel/kernel.ts'
import type { Kernel, Termios } from '../../kernel/kernel.ts'

const stdin = toFd(0)
const stdout = toFd(1)

/** How often a waiting PID 1 looks after orphans. */
const reapEveryMs = 5000
const shortestPauseMs = 1000
const longestPauseMs = 60_000

/** struct termios: c_lflag behind three 32-bit words; ICANON and ECHO, <asm-generic/termbits.h>. */
const lflagOffset = 12
const ICANON = 0o2
const ECHO = 0o10

export interface Console {
  /** Prints lines; errors of the terminal are ignored: there is nobody else to tell. */
  print(...lines: readonly string[]): void
  /** Prints without a newline. */
  prompt(text: string): void
  /** The next line without its newline, or null when input ended (^D, or no console); waits as long as it takes. */
  readLine(): string | null
  /** Waits, for 1 s at first and up to a minute when this repeats without input in between. */
  pause(): void
  /** True when descriptor 0 is a terminal that still answers. */
  isTerminal(): boolean
  /** Waits up to `ms` for a key; consumes it. */
  keyPressed(ms: number): boolean
}

function reapOrphans(kernel: Kernel): void {
  try {
    while (kernel.reapOrphan() !== null) continue
  } catch {
    // ECHILD: there are no children.
  }
}

/** A console over descriptors 0 and 1. */
export function openConsole(kernel: Kernel): Console {
  let pending = Buffer.alloc(0)
  let pauseMs = shortestPauseMs
  const chunk = new Uint8Array(4096)

  const write = (text: string): void => {
    try {
      kernel.write(stdout, text)
    } catch {
      // No console: the boot's log has the same text.
    }
  }

  /** Bytes that arrived, empty at the end of input or when the console cannot be read. */
  const readSome = (): Uint8Array => {
    try {
      while (kernel.poll([stdin], reapEveryMs).every((result) => result.revents === 0)) reapOrphans(kernel)
      return chunk.slice(0, kernel.read(stdin, chunk, null))
    } catch {
      return new Uint8Array(0)
    }
  }

  return {
    print: (...lines) => write(lines.map((line) => `${line}\n`).join('')),
    prompt: write,
    readLine() {
      for (;;) {
        const end = pending.indexOf(10)
        if (end >= 0) {
          const line = pending.subarray(0, end).toString('utf8')
          pending = pending.subarray(end + 1)
          return line.replace(/\r$/, '')
        }
        const bytes = readSome()
        if (bytes.length === 0) {
          if (pending.length === 0) return null
          // ^D behind some text: the terminal hands over an unfinished line.
          const line = pending.toString('utf8')
          pending = Buffer.alloc(0)
          return line
        }
        pauseMs = shortestPauseMs
        pending = Buffer.concat([pending, bytes])
      }
    },
    pause() {
      reapOrphans(kernel)
      kernel.sleepMs(pauseMs)
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    },
    isTerminal() {
      try {
        return kernel.tcgetattr(stdin) !== null
      } catch {
        return false
      }
    },
    keyPressed(ms) {
      const saved = singleKeys(kernel)
      try {
        const ready = kernel.poll([stdin], ms).some((result) => (result.revents & POLLIN) !== 0)
        if (ready && kernel.read(stdin, chunk, null) > 0) return true
        // Nothing behind a readable descriptor: it is at its end, and poll did not wait.
        if (ready) kernel.sleepMs(ms)
        return false
      } catch {
        kernel.sleepMs(ms)
        return false
      } finally {
        if (saved !== null) restore(kernel, saved)
      }
    },
  }
}

/** Lets single keys through instead of lines; returns what was set before, null when this is no terminal. */
function singleKeys(kernel: Kernel): Termios | null {
  try {
    const saved = kernel.tcgetattr(stdin)
    if (saved === null) return null
    const changed = Uint8Array.from(saved)
    const view = new DataView(changed.buffer)
    view.setUint32(lflagOffset, view.getUint32(lflagOffset, true) & ~(ICANON | ECHO), true)
    kernel.tcsetattr(stdin, changed)
    return saved
  } catch {
    return null
  }
}

function restore(kernel: Kernel, saved: Termios): void {
  try {
    kernel.tcsetattr(stdin, saved)
  } catch {
    // The terminal is gone.
  }
}
