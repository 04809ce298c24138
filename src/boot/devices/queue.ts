// The initqueue of hooks written for dracut, as the wait for the root sees it. src/boot/dracut/hook-shell.ts has one.

/** Jobs that run while the root is not there. */
export interface Queue {
  /** Whether a job came since the last pass. */
  hasWork(): boolean
  /** Runs a pass; true when nothing more is waited for. `isLate`: two thirds of the time are over. */
  pass(isLate: boolean): boolean
}
