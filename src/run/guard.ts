// A guard: a child that does nothing until `fulcrum run` has died, and then ends what that has started.
//
// Not PR_SET_PDEATHSIG: that is lost when the command changes its user or runs a program with capabilities, and speaks
// for one process only. The guard waits for our pidfd in a session of its own with every signal blocked; then it kills the
// container or the cgroup, puts the terminal back and removes what is left. It is machine code on a table of calls
// (src/kernel/ffi-call-table.ts) and shares our memory, so it costs next to nothing. With a cgroup it is there before
// the command is.

import { CLONE_VM, O_WRONLY, POLLIN, SIGKILL } from '../abi/process.ts'
import { RAW_CALLS, SYS_NANOSLEEP, SYS_PIDFD_SEND_SIGNAL, SYS_POLL, SYS_UNLINKAT } from '../abi/raw-syscalls.ts'
import { AT_FDCWD } from '../abi/mount.ts'
import { attempt } from '../kernel/errors.ts'
import type { Row } from '../kernel/child-table.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { waitReadable } from '../kernel/wait-readable.ts'

const F_DUPFD_CLOEXEC = 1030
const AT_REMOVEDIR = 0x200
const LAST_DESCRIPTOR = 0xffffffff
/** What the guard has open, in this order. */
const OWN = 0
const CHILD = 1
const TERMINAL = 2
const NUMBER_OF = 3
/** How long the end of a killed container may take. */
const END_MS = 10_000
/** How often it is tried to remove the cgroup, and the time between. */
const REMOVE_TRIES = 20
const PAUSE_NS = 10_000_000n

/** ioctl(2) on terminals with struct termios as the kernel has it; asm-generic/ioctls.h. */
const TCGETS = 0x5401
const TCSETS = 0x5402
const TERMIOS_BYTES = 64

export interface Guarded {
  /** What is killed, or null: what is in the cgroup. */
  readonly pidfd: Fd | null
  /** Directory of its cgroup, which need not be there yet, or null. */
  readonly cgroup: string | null
  /** Its file in the registry, or null. */
  readonly entry: string | null
  /** A terminal whose settings of now are put back, or null. */
  readonly terminal: Fd | null
}

type Doors = Pick<Kernel, 'startChild' | 'pidfdOpen' | 'getpid' | 'fcntl' | 'open' | 'close' | 'ioctl' | 'pidfdSendSignal' | 'reap' | 'poll'>

/** struct pollfd. */
function pollfd(fd: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, fd, true)
  view.setInt16(4, POLLIN, true)
  return bytes
}

/** Ten milliseconds as struct timespec. */
function pause(): Uint8Array {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setBigInt64(8, PAUSE_NS, true)
  return bytes
}

/** Kills by the cgroup and removes it: a path, because it is made when the guard waits already. */
function endCgroup(cgroup: string, row: number): Row[] {
  const remove: readonly Row[] = [
    { nr: SYS_UNLINKAT, args: [AT_FDCWD, cgroup, AT_REMOVEDIR], goOn: true },
    { nr: SYS_NANOSLEEP, args: [pause(), null], goOn: true },
  ]
  return [
    { nr: RAW_CALLS.openat, args: [AT_FDCWD, `${cgroup}/cgroup.kill`, O_WRONLY, 0], goOn: true },
    { nr: RAW_CALLS.write, args: [{ resultOf: row }, '1', 1], goOn: true },
    ...Array.from({ length: REMOVE_TRIES }, () => remove).flat(),
  ]
}

/** Starts one. The answer ends it. Throws SyscallError. */
export function startGuard(kernel: Doors, guarded: Guarded): () => void {
  const own = kernel.pidfdOpen(kernel.getpid())
  const settings = new Uint8Array(TERMIOS_BYTES)
  const isTerminal = guarded.terminal !== null && attempt(() => kernel.ioctl(guarded.terminal ?? toFd(0), TCGETS, settings)) !== null
  // Out of the way of 0 to 2.
  const sources = [own, guarded.pidfd ?? own, (isTerminal ? guarded.terminal : null) ?? own].map((fd) => toFd(kernel.fcntl(fd, F_DUPFD_CLOEXEC, 10)))
  const rows: Row[] = [
    // Whoever kills our process group, or session, does not mean the guard.
    { nr: RAW_CALLS.setsid, args: [], goOn: true },
    ...sources.map((fd, to): Row => ({ nr: RAW_CALLS.dup3, args: [fd, to, 0] })),
    { nr: RAW_CALLS.close_range, args: [NUMBER_OF, LAST_DESCRIPTOR, 0] },
    { nr: SYS_POLL, args: [pollfd(OWN), 1, -1] },
    // Every signal is blocked: the terminal takes it from the background as well.
    ...(isTerminal ? [{ nr: RAW_CALLS.ioctl, args: [TERMINAL, TCSETS, settings], goOn: true }] : []),
    ...(guarded.pidfd === null ? [] : [{ nr: SYS_PIDFD_SEND_SIGNAL, args: [CHILD, SIGKILL, 0, 0], goOn: true }, { nr: SYS_POLL, args: [pollfd(CHILD), 1, END_MS], goOn: true }]),
  ]
  if (guarded.cgroup !== null) rows.push(...endCgroup(guarded.cgroup, rows.length))
  if (guarded.entry !== null) rows.push({ nr: SYS_UNLINKAT, args: [AT_FDCWD, guarded.entry, 0], goOn: true })
  try {
    const table = kernel.startChild(rows, { flags: CLONE_VM })
    return () => {
      kernel.pidfdSendSignal(table.pidfd, SIGKILL)
      waitReadable(kernel, table.pidfd, END_MS)
      kernel.reap(table.pid)
      kernel.close(table.pidfd)
      table.release()
    }
  } finally {
    for (const fd of [...sources, own]) kernel.close(fd)
  }
}
