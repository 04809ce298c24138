// Resuming from swap: resume= before anything of a root is mounted or checked.
//
// Documentation/power/swsusp.rst, kernel-parameters.txt (resume=, resume_offset=, noresume).

import type { RootContext } from './context.ts'

/** Resumes if the command line asks for it and there is an image to resume from: does not come back then. */
export function resumeFromSwap(_context: RootContext): void {
  // Nothing asks for it yet.
}
