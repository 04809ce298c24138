// The terminal and the signals of this process, for supervise.ts.
//
// Asked for as late as possible: node:process makes descriptor 0 non-blocking the moment that its stream is looked at.

import { toFd } from '../kernel/kernel.ts'
import type { Surroundings } from './supervise.ts'

export function processSurroundings(): Surroundings {
  return {
    signals: process,
    streams: {
      get input() {
        return process.stdin
      },
      get output() {
        return process.stdout
      },
      inputFd: toFd(0),
      outputFd: toFd(1),
    },
  }
}
