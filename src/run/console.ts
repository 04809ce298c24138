// Our terminal and that of the command joined together: bytes both ways, the window size, raw mode while it lasts.
//
// Every way out of here goes through stop(), and the guard puts the terminal back where there is none (guard.ts). Three
// times Ctrl-] within a second gets away from a command that listens to nothing.  termios(3), ioctl_tty(2)

import { ReadStream } from 'node:tty'
import { attempt } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel, Termios } from '../kernel/kernel.ts'

const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414
const WINSIZE_BYTES = 8
const F_DUPFD_CLOEXEC = 1030
const ESCAPE_BYTE = 0x1d
const ESCAPE_COUNT = 3
const ESCAPE_MS = 1000
/** Nothing for so long after the end is the end of the output. */
const LAST_OUTPUT_MS = 200

/** Bits that cfmakeraw(3) clears and sets, at their place in struct termios; asm-generic/termbits.h. */
const RAW = [
  { at: 0, clear: 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000, set: 0 }, // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  { at: 4, clear: 0o1, set: 0 }, // OPOST
  { at: 8, clear: 0o60 | 0o400, set: 0o60 }, // CSIZE PARENB, CS8
  { at: 12, clear: 0o10 | 0o100 | 0o2 | 0o1 | 0o100000, set: 0 }, // ECHO ECHONL ICANON ISIG IEXTEN
] as const
const VMIN_AT = 17 + 6
const VTIME_AT = 17 + 5

/** The same settings, raw. */
export function rawTermios(settings: Termios): Termios {
  const raw = Uint8Array.from(settings)
  const view = new DataView(raw.buffer)
  for (const { at, clear, set } of RAW) view.setUint32(at, ((view.getUint32(at, true) & ~clear) | set) >>> 0, true)
  raw[VMIN_AT] = 1
  raw[VTIME_AT] = 0
  return raw
}

/** Watches for three of the byte in a row within a second; null for a time that does not matter. */
export function escapeWatch(nowMs: () => number): (bytes: Uint8Array) => boolean {
  let times: number[] = []
  return (bytes) => {
    for (const byte of bytes) {
      times = byte === ESCAPE_BYTE ? [...times.filter((it) => nowMs() - it <= ESCAPE_MS), nowMs()] : []
      if (times.length >= ESCAPE_COUNT) return true
    }
    return false
  }
}

type Doors = Pick<Kernel, 'fcntl' | 'ioctl' | 'tcgetattr' | 'tcsetattr' | 'monotonicUs'>

/** What node:process has of a terminal, or a test in its place. */
export interface ConsoleStreams {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  /** Descriptors of both: settings and size are of these. */
  readonly inputFd: Fd
  readonly outputFd: Fd
}

export class Console {
  readonly #kernel: Doors
  readonly #streams: ConsoleStreams
  readonly #master: Fd
  readonly #link: ReadStream
  readonly #isEscape: (bytes: Uint8Array) => boolean
  #saved: Termios | null = null
  /** Something has come since it was last looked. */
  #busy = false
  /** Nobody sees what comes. */
  #deaf = false
  readonly #closed: Promise<void>

  /** `escape` is called when the user wants to get away. */
  constructor(kernel: Doors, streams: ConsoleStreams, master: Fd, escape: () => void) {
    this.#kernel = kernel
    this.#streams = streams
    // The stream closes what it is given; the master is closed with the run.
    this.#master = toFd(kernel.fcntl(master, F_DUPFD_CLOEXEC, 10))
    this.#link = new ReadStream(this.#master)
    this.#isEscape = escapeWatch(() => Number(kernel.monotonicUs()) / 1000)
    this.#closed = new Promise((resolve) => void this.#link.once('close', resolve))
    // EIO is how a terminal says that nobody has its other end any more.
    this.#link.on('error', () => this.#link.destroy())
    this.#link.on('end', () => this.#link.destroy())
    this.#link.on('data', (bytes) => {
      this.#busy = true
      if (this.#deaf || streams.output.write(bytes)) return
      this.#link.pause()
      streams.output.once('drain', () => this.#link.resume())
    })
    this.#onOutputError = () => {
      // Our terminal has been hung up: the command goes on, as it would with nohup(1).
      this.#deaf = true
      this.#link.resume()
    }
    this.#onInput = (bytes) => {
      const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      if (this.#isEscape(data)) escape()
      if (!this.#link.destroyed) writeTo(this.#link, data)
    }
    this.#onEnd = () => {
      // Ctrl-D, as the end of a file reads on a terminal.
      if (!this.#link.destroyed) writeTo(this.#link, Buffer.from([4]))
    }
  }
  readonly #onInput: (bytes: Uint8Array | string) => void
  readonly #onEnd: () => void
  readonly #onOutputError: () => void

  start(): void {
    this.enterRaw()
    this.resize()
    this.#streams.output.on('error', this.#onOutputError)
    this.#streams.input.on('data', this.#onInput)
    this.#streams.input.on('end', this.#onEnd)
    this.#streams.input.on('error', this.#onEnd)
  }

  enterRaw(): void {
    // Raw already: SIGCONT without a stop before it.
    if (this.#saved !== null) return
    const settings = this.#kernel.tcgetattr(this.#streams.inputFd)
    this.#saved = settings === null ? null : Uint8Array.from(settings)
    if (settings !== null) attempt(() => this.#kernel.tcsetattr(this.#streams.inputFd, rawTermios(settings)))
  }
  leaveRaw(): void {
    const saved = this.#saved
    this.#saved = null
    if (saved !== null) attempt(() => this.#kernel.tcsetattr(this.#streams.inputFd, saved))
  }

  /** The command's terminal gets the size of ours. */
  resize(): void {
    const size = new Uint8Array(WINSIZE_BYTES)
    if (attempt(() => this.#kernel.ioctl(this.#streams.outputFd, TIOCGWINSZ, size)) !== null) attempt(() => this.#kernel.ioctl(this.#master, TIOCSWINSZ, size))
  }

  /** After the end of the command: what it wrote last is shown, and the terminal is as it was. */
  async stop(): Promise<void> {
    this.#streams.input.off('data', this.#onInput)
    this.#streams.input.off('end', this.#onEnd)
    this.#streams.input.off('error', this.#onEnd)
    this.#streams.input.pause()
    // A reader of ours that is slow gets all of it; one who has the other end for ever does not keep us.
    const timer = setInterval(() => {
      if (!this.#busy && !this.#link.isPaused()) this.#link.destroy()
      this.#busy = false
    }, LAST_OUTPUT_MS)
    await this.#closed
    clearInterval(timer)
    this.leaveRaw()
  }
}

/** A terminal takes what is written to it as one that reads: node:tty calls the class after one direction only. */
function writeTo(link: ReadStream, data: Uint8Array): void {
  link.write(data)
}
