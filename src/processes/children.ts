// Whether there is anybody at all besides PID 1 and kernel threads.
//
// Everything else descends from PID 1, so that its children say it, for a tenth of what reading all processes costs.
// Most boots and most shutdowns end here.  proc_tid_children(5).

import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** False when there is nothing but PID 1 and kernel threads. True where it cannot be said (CONFIG_PROC_CHILDREN). */
export function mayHaveProcesses(kernel: Pick<Kernel, 'readdir' | 'readText'>): boolean {
  const threads = attempt(() => kernel.readdir('/proc/1/task'))
  return threads === null || threads.some((tid) => attempt(() => kernel.readText(`/proc/1/task/${tid}/children`).trim()) !== '')
}
