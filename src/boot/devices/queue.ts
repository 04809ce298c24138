// The initqueue of hooks written for dracut, as the wait for the root sees it.
//
// A type only, so that waiting knows nothing of shells: src/boot/dracut/hook-shell.ts has the one that there is.

/** Jobs that run while the root is not there. */
export interface Queue {
  /** Whether a job came since the last pass. */
  hasWork(): boolean
  /** Runs a pass; true when nothing more is waited for. `isLate`: two thirds of the time are over. */
  pass(isLate: boolean): boolean
}
