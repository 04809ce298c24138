// What PID 1 says on the console.
//
// Every line begins with "fulcrum: ", so that a person (and a test) sees who speaks. Libraries never
// log; this is handed to the phases of the boot. A console that cannot be written to is no reason to
// stop a boot, so failures of write(2) are swallowed here and nowhere else.

import { toFd } from '../kernel/kernel.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { LogLevel } from './parameters.ts'

export interface Log {
  /** Something is wrong or needs attention: printed at every level. */
  warn(line: string): void
  /** The story of the boot: printed unless quiet. */
  info(line: string): void
  /** Every step: printed with debug. */
  debug(line: string): void
  /** Changes how much is printed. */
  setLevel(level: LogLevel): void
}

const CONSOLE = toFd(1)

/** A log on descriptor 1. */
export function createLog(kernel: Pick<Kernel, 'write'>): Log {
  let level: LogLevel = 'normal'
  const print = (line: string): void => {
    try {
      kernel.write(CONSOLE, `fulcrum: ${line}\n`)
    } catch {
      // A serial line that hung up, or no console at all.
    }
  }
  return {
    warn: print,
    info: (line) => {
      if (level !== 'quiet') print(line)
    },
    debug: (line) => {
      if (level === 'debug') print(line)
    },
    setLevel: (to) => {
      level = to
    },
  }
}
