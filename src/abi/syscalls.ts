// System call numbers of the calls that fulcrum makes without a C library wrapper.
//
// Only calls that the oldest supported glibc (2.28) lacks are here.
// Sources: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h (arm64, riscv64).

export interface SyscallNumbers {
  readonly pivot_root: number
  readonly finit_module: number
  readonly delete_module: number
  readonly capget: number
  readonly capset: number
  /** since Linux 3.14; glibc has had no wrapper until 2.41 */
  readonly sched_getattr: number
  readonly sched_setattr: number
  /** since Linux 5.2 */
  readonly open_tree: number
  /** since Linux 5.2 */
  readonly move_mount: number
  /** since Linux 5.2 */
  readonly fsopen: number
  /** since Linux 5.2 */
  readonly fsconfig: number
  /** since Linux 5.2 */
  readonly fsmount: number
  /** since Linux 5.12 */
  readonly mount_setattr: number
  /** since Linux 5.1 */
  readonly pidfd_send_signal: number
  /** since Linux 5.3 */
  readonly pidfd_open: number
  /** since Linux 5.6 */
  readonly pidfd_getfd: number
  /** since Linux 5.9 */
  readonly close_range: number
  /** since Linux 6.8 */
  readonly statmount: number
  /** since Linux 6.8 */
  readonly listmount: number
}

const unified = { pidfd_send_signal: 424, open_tree: 428, move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, mount_setattr: 442, pidfd_open: 434, pidfd_getfd: 438, close_range: 436, statmount: 457, listmount: 458 }

const tables: Readonly<Record<string, SyscallNumbers>> = {
  x64: { pivot_root: 155, finit_module: 313, delete_module: 176, capget: 125, capset: 126, sched_getattr: 315, sched_setattr: 314, ...unified },
  arm64: { pivot_root: 41, finit_module: 273, delete_module: 106, capget: 90, capset: 91, sched_getattr: 275, sched_setattr: 274, ...unified },
  riscv64: { pivot_root: 41, finit_module: 273, delete_module: 106, capget: 90, capset: 91, sched_getattr: 275, sched_setattr: 274, ...unified },
}

/** The table for a Node architecture name (process.arch), or undefined. */
export function syscallNumbers(arch: string): SyscallNumbers | undefined {
  return tables[arch]
}
