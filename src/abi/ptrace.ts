// ptrace(2) as the kernel has it on x86-64: requests, events, and the registers of a stopped process.
//
// Sources: include/uapi/linux/ptrace.h, arch/x86/include/asm/user_64.h (struct user_regs_struct).

export const PTRACE_CONT = 7
export const PTRACE_GETREGS = 12
export const PTRACE_SETREGS = 13
export const PTRACE_DETACH = 17
export const PTRACE_SYSCALL = 24
/** since Linux 3.4 */
export const PTRACE_SEIZE = 0x4206
/** since Linux 3.4 */
export const PTRACE_INTERRUPT = 0x4207
/** since Linux 3.11 */
export const PTRACE_GETSIGMASK = 0x420a
/** since Linux 3.11 */
export const PTRACE_SETSIGMASK = 0x420b

/** Stops at a system call have SIGTRAP|0x80. */
export const PTRACE_O_TRACESYSGOOD = 1
export const PTRACE_O_TRACEEXEC = 0x10
export const PTRACE_EVENT_EXEC = 4
export const PTRACE_EVENT_STOP = 128

/** Registers are 27 words of 8 bytes; these are the indices of those that fulcrum reads or writes. */
export const REGISTERS = 27
export const R10 = 7
export const R9 = 8
export const R8 = 9
export const RAX = 10
export const RDX = 12
export const RSI = 13
export const RDI = 14
/** Number of the call that was made, -1 outside of one. */
export const ORIG_RAX = 15
export const RIP = 16
export const CS = 17
/** Code segment of 64-bit programs; 32-bit ones have 0x23. */
export const CS_64 = 0x33n

/** Result of an interrupted call that the kernel makes again unless a handler runs, which then sees EINTR. include/linux/errno.h */
export const ERESTARTNOHAND = 514
