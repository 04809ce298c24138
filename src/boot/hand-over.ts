// The hand-over: exec of the real init with nothing of Node left behind.
//
// What the new init inherits is what the kernel gives its first init: default signal dispositions,
// an empty mask, RLIMIT_NOFILE 1024, descriptors 0 to 2 open across exec and blocking, the terminal as
// it was found, nothing else open (law 7; docs/hand-over.md has the table of what Node changes).
// systemd learns when the initramfs began: a serialization with its initrd-timestamp, passed as it
// passes its own state across a re-exec.  execve(2), systemd(1).

import { F_GETFL, F_SETFD, F_SETFL, INIT_NOFILE_SOFT, MFD_CLOEXEC, O_NONBLOCK, O_RDONLY, RLIMIT_NOFILE, SCHED_FLAG_RESET_ON_FORK, SCHED_OTHER, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK, SIGKILL, SIGSTOP } from '../abi/process.ts'
import { attempt, SyscallError } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel, Schedule, Termios } from '../kernel/kernel.ts'
import type { ExecStep } from '../plan/step.ts'

const STANDARD: readonly Fd[] = [toFd(0), toFd(1), toFd(2)]
const LAST_SIGNAL = 64
/** glibc keeps 32 and 33 for itself and refuses to touch them. */
const RESERVED_SIGNALS: readonly number[] = [SIGKILL, SIGSTOP, 32, 33]
const MAX_FD = 0xffffffff
/** How far to look where /proc does not list them. */
const UNLISTED_FDS = 64

/** What was true when this process started, before Node or the rescue console changed anything. */
export interface StartState {
  readonly termios: readonly (Termios | null)[]
  /** CLOCK_REALTIME and CLOCK_MONOTONIC, microseconds. */
  readonly realtimeUs: bigint
  readonly monotonicUs: bigint
  /** Descriptors from 3 on that init is handed as well; none by default. */
  readonly inherited?: readonly Fd[]
  /** The priority is to be taken back: see keepPriorityToItself. */
  readonly isRaised?: boolean
}

/** What the kernel gives its init. */
const NORMAL: Schedule = { policy: SCHED_OTHER, flags: 0, nice: 0 }
/** What /init of an image asks for (initrd-builder/image/init-stub.S). */
const RAISED_NICE = -20

/**
 * For PID 1 of a boot, before it starts anything: whether it runs at the priority that /init of the image asked for. If so,
 * what it starts from here on begins with nice 0 (sched(7), SCHED_RESET_ON_FORK). Node's own threads keep what they
 * have: the main one waits for them, and they end with the exec.
 */
export function keepPriorityToItself(kernel: Pick<Kernel, 'getSchedule' | 'setSchedule'>): boolean {
  const now = attempt(() => kernel.getSchedule())
  if (now === null || now.policy !== SCHED_OTHER || now.nice !== RAISED_NICE) return false
  try {
    kernel.setSchedule({ ...now, flags: SCHED_FLAG_RESET_ON_FORK })
    return true
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    // Else hooks and daemons would run at -20.
    attempt(() => kernel.setSchedule(NORMAL))
    return false
  }
}

/** Records the state. To be called first thing; `sinceStartMs` is how long the program has been running by then. */
export function recordStartState(kernel: Pick<Kernel, 'tcgetattr' | 'realtimeUs' | 'monotonicUs'>, sinceStartMs = 0): StartState {
  const sinceUs = BigInt(Math.round(sinceStartMs * 1000))
  return {
    termios: STANDARD.map((fd) => kernel.tcgetattr(fd)),
    realtimeUs: kernel.realtimeUs() - sinceUs,
    monotonicUs: kernel.monotonicUs() - sinceUs,
  }
}

/** A pipe of which Node holds both ends is its own, as are all files without a type: epoll, eventfd, io_uring. */
const INHERITABLE: readonly number[] = [S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFSOCK]

/**
 * Descriptors from 3 on that this program was started with. Node has made them close-on-exec at its start, so they are
 * told apart by what they are: to be asked before anything is opened here. For tools that hand theirs on.
 */
export function inheritedDescriptors(kernel: Pick<Kernel, 'readdir' | 'fstat'>): Fd[] {
  const open = attempt(() => kernel.readdir('/proc/self/fd').map(Number)) ?? Array.from({ length: UNLISTED_FDS }, (_, fd) => fd)
  const found = open.filter((fd) => fd > 2).flatMap((fd) => {
    const stat = attempt(() => kernel.fstat(toFd(fd)))
    return stat === null ? [] : [{ fd: toFd(fd), type: stat.mode & S_IFMT, id: `${stat.dev}:${stat.ino}` }]
  })
  const pipes = found.filter(({ type }) => type === S_IFIFO)
  return found.filter(({ type, id }) => INHERITABLE.includes(type) || (type === S_IFIFO && pipes.filter((pipe) => pipe.id === id).length === 1)).map(({ fd }) => fd)
}

/** The manager state that systemd reads with --deserialize: only the time at which the initramfs began. */
export function systemdSerialization(start: StartState): string {
  return `initrd-timestamp=${start.realtimeUs} ${start.monotonicUs}\n\n`
}

/** argv for systemd behind argv[0]: the options of its own switch-root, then what the kernel passed. */
export function systemdArgv(argv: readonly string[], fd: Fd): string[] {
  const [name = '/sbin/init', ...args] = argv
  return [name, '--switched-root', '--system', '--deserialize', String(fd), ...args]
}

/** Takes back what Node and this program changed in the process. Idempotent: exec may fail and be tried again. */
export function cleanProcess(kernel: Kernel, start: StartState): void {
  for (let signal = 1; signal <= LAST_SIGNAL; signal += 1) {
    if (!RESERVED_SIGNALS.includes(signal)) kernel.resetSignal(signal)
  }
  kernel.clearSignalMask()
  kernel.setSoftLimit(RLIMIT_NOFILE, INIT_NOFILE_SOFT)
  kernel.setCloexecRange(3, MAX_FD)
  for (const fd of start.inherited ?? []) attempt(() => kernel.fcntl(fd, F_SETFD, 0))
  STANDARD.forEach((fd, i) => restoreDescriptor(kernel, fd, start.termios[i] ?? null))
}

/** A descriptor that hung up or is closed keeps no init from starting, so its errors are nobody's business. */
function restoreDescriptor(kernel: Kernel, fd: Fd, termios: Termios | null): void {
  const attempts = [
    (): void => {
      if (termios !== null && kernel.tcgetattr(fd) !== null) kernel.tcsetattr(fd, termios)
    },
    (): void => void kernel.fcntl(fd, F_SETFL, kernel.fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK),
    (): void => void kernel.fcntl(fd, F_SETFD, 0),
  ]
  for (const attempt of attempts) {
    try {
      attempt()
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
    }
  }
}

/** A descriptor from which init reads when the initramfs began; null where the kernel has no memfd or no /proc. */
function openSerialization(kernel: Kernel, start: StartState): Fd | null {
  try {
    const writer = kernel.memfdCreate('fulcrum-serialization', MFD_CLOEXEC)
    try {
      kernel.write(writer, systemdSerialization(start))
      // systemd reads from where the offset stands: a second opening stands at 0.
      const reader = kernel.open(`/proc/self/fd/${writer}`, O_RDONLY)
      kernel.fcntl(reader, F_SETFD, 0)
      return reader
    } finally {
      kernel.close(writer)
    }
  } catch (error) {
    // Times are not worth a boot: systemd starts without them.
    if (error instanceof SyscallError) return null
    throw error
  }
}

/**
 * Replaces this process by init. Returns only by throwing SyscallError (execve), and then the process
 * still works: Node's own handlers are gone, so a caller goes on synchronously; those of armCrashExec stay.
 */
export function handOver(kernel: Kernel, step: ExecStep, start: StartState): never {
  cleanProcess(kernel, start)
  const serialization = step.kind === 'systemd' ? openSerialization(kernel, start) : null
  // Last: from here on the kernel's own threads have their turn.
  if (start.isRaised === true) attempt(() => kernel.setSchedule(NORMAL))
  if (serialization === null) return kernel.execve(step.path, step.argv, step.env)
  try {
    return kernel.execve(step.path, systemdArgv(step.argv, serialization), step.env)
  } catch (error) {
    // Not close-on-exec: a shell of the rescue console would inherit it.
    kernel.close(serialization)
    throw error
  }
}
