// KoffiKernel: the Kernel interface on the running system.
//
// Processes, modules and the hand-over through the C library by koffi; the file calls are koffi-file-calls.ts, those
// on mounts koffi-mount-calls.ts. Sections 2 and 3 of the manual; kernel.ts has the contract of each method.

import {
  CLOSE_RANGE_CLOEXEC, INIT_NOFILE_SOFT, NETLINK_KOBJECT_UEVENT, NETLINK_ROUTE, P_ALL, PR_CAPBSET_DROP, SCHED_ATTR_BYTES, SIG_SETMASK,
  WEXITED, WNOHANG, WNOWAIT,
} from '../abi/process.ts'
import { SyscallError } from './errors.ts'
import { BoundedCalls } from './ffi-bounded.ts'
import { callTables } from './ffi-call-table.ts'
import type { CallTables } from './ffi-call-table.ts'
import type { ChildOptions, Row, StartedTable } from './child-table.ts'
import { armCrashExec } from './ffi-crash.ts'
import { execInProcess } from './ffi-exec-in-process.ts'
import { makeCall } from './make-call.ts'
import { Libc } from './ffi-libc.ts'
import { openNetlinkSocket, probeTcp } from './ffi-sockets.ts'
import { run, spawn } from './ffi-spawn.ts'
import { KoffiMountCalls } from './koffi-mount-calls.ts'
import { toFd } from './kernel.ts'
import type { BoundedCall, BoundedOptions, ChildStatus, Fd, Kernel, RunOptions, RunResult, Schedule, Termios } from './kernel.ts'
import { raw } from './syscall-arg.ts'

const ENOSYS = 38
/** si_pid of siginfo_t on 64-bit Linux. */
const SI_PID = 16
const TERMIOS_BYTES = 64
/** sigset_t of glibc. */
const SIGSET_BYTES = 128
const SCHED_CALL = 'long syscall(long, int, void *, unsigned int, unsigned int)'
const CAP_VERSION_3 = 0x20080522

class KoffiKernel extends KoffiMountCalls implements Kernel {
  readonly #libc: Libc
  readonly #bounded: BoundedCalls | null
  readonly #tables: CallTables | null
  #installCrashExec: (() => void) | null = null

  constructor(libc: Libc) {
    super(libc)
    this.#libc = libc
    this.#tables = callTables(libc, process.arch)
    this.#bounded = this.#tables === null ? null : new BoundedCalls(libc, this.#tables)
  }

  // --- processes, modules, machine ---
  getpid(): number {
    return process.pid
  }
  getuid(): number {
    return process.getuid?.() ?? 0
  }
  kill(pid: number, signal: number): void {
    this.#libc.call('kill', 'int kill(int, int)', [pid, signal], [pid, signal])
  }
  reapOrphan(): ChildStatus | null {
    const info = Buffer.alloc(128)
    const found = this.#libc.raw('int waitid(int, int, void *, int)', P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT)
    const pid = found < 0 ? 0 : info.readInt32LE(SI_PID)
    if (pid === 0) return null
    const status = Buffer.alloc(4)
    this.#libc.raw('int waitpid(int, void *, int)', pid, status, WNOHANG)
    return childStatus(pid, status.readInt32LE(0))
  }
  reap(pid: number): ChildStatus | null {
    const status = Buffer.alloc(4)
    if (this.#libc.raw('int waitpid(int, void *, int)', pid, status, WNOHANG) !== pid) return null
    return childStatus(pid, status.readInt32LE(0))
  }
  pidfdOpen(pid: number): Fd {
    return toFd(this.#libc.syscall('pidfd_open', [pid, 0], [pid, 0]))
  }
  pidfdGetfd(pidfd: Fd, fd: number): Fd {
    return toFd(this.#libc.syscall('pidfd_getfd', [pidfd, fd, 0], [pidfd, fd, 0]))
  }
  pidfdSendSignal(pidfd: Fd, signal: number): void {
    this.#libc.syscall('pidfd_send_signal', [pidfd, signal, 0, 0], [pidfd, signal])
  }
  run(path: string, args: readonly string[], options: RunOptions): RunResult {
    return run(this.#libc, path, args, options, INIT_NOFILE_SOFT)
  }
  spawn(path: string, args: readonly string[], env: Readonly<Record<string, string>>): number {
    return spawn(this.#libc, path, args, env, INIT_NOFILE_SOFT, { output: null, terminal: null, session: true })
  }
  finitModule(fd: Fd, params: string, flags: number): void {
    const definition = 'long syscall(long, int, const char *, int)'
    this.#libc.call('finit_module', definition, [this.#libc.numbers.finit_module, fd, params, flags], [fd, params, flags])
  }
  deleteModule(name: string, flags: number): void {
    this.#libc.call('delete_module', 'long syscall(long, const char *, unsigned int)', [this.#libc.numbers.delete_module, name, flags], [name, flags])
  }
  openUeventSocket(): Fd {
    return openNetlinkSocket(this.#libc, NETLINK_KOBJECT_UEVENT, 1)
  }
  openRouteSocket(groups: number): Fd {
    return openNetlinkSocket(this.#libc, NETLINK_ROUTE, groups)
  }
  probeTcp(address: Uint8Array, port: number, timeoutMs: number): void {
    probeTcp(this.#libc, address, port, timeoutMs)
  }
  prctl(option: number, argument: number): number {
    return this.#libc.call('prctl', 'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)', [option, argument, 0, 0, 0], [option, argument])
  }
  dropCapabilities(numbers: readonly number[]): void {
    for (const n of numbers) this.prctl(PR_CAPBSET_DROP, n)
    const header = Buffer.alloc(8)
    header.writeUInt32LE(CAP_VERSION_3, 0)
    const data = Buffer.alloc(24)
    const definition = 'long syscall(long, void *, void *)'
    this.#libc.call('capget', definition, [this.#libc.numbers.capget, header, data], [])
    for (const n of numbers) {
      // struct __user_cap_data_struct[2]: effective, permitted, inheritable; 32 capabilities each.
      const at = (n >> 5) * 12 + 8
      data.writeUInt32LE((data.readUInt32LE(at) & ~(1 << (n & 31))) >>> 0, at)
    }
    this.#libc.call('capset', definition, [this.#libc.numbers.capset, header, data], [numbers.join(',')])
  }
  reboot(command: number): void {
    this.#libc.call('reboot', 'int reboot(int)', [command | 0], [raw(`0x${command.toString(16)}`)])
  }
  startChild(rows: readonly Row[], options: ChildOptions): StartedTable {
    if (this.#tables === null) throw new SyscallError('clone', [raw(process.arch)], ENOSYS)
    return this.#tables.start(rows, options)
  }
  onReadable(fd: Fd, callback: () => void): () => void {
    return this.#libc.onReadable(fd, callback)
  }
  bounded(call: BoundedCall, options: BoundedOptions): 'done' | 'hung' {
    if (this.#bounded !== null) return this.#bounded.run(call, options)
    // No machine code for this architecture: not bounded.
    makeCall(this, call)
    return 'done'
  }
  execInProcess(pid: number, path: string, argv: readonly string[], env: Readonly<Record<string, string>>): void {
    execInProcess(this.#libc, this, process.arch, { pid, path, argv, env })
  }
  setHostname(name: string): void {
    this.#libc.call('sethostname', 'int sethostname(const char *, size_t)', [name, Buffer.byteLength(name)], [name])
  }
  monotonicUs(): bigint {
    return process.hrtime.bigint() / 1000n
  }
  realtimeUs(): bigint {
    return BigInt(Date.now()) * 1000n
  }
  sleepMs(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  }

  // --- hand-over ---
  tcgetattr(fd: Fd): Termios | null {
    const settings = Buffer.alloc(TERMIOS_BYTES)
    return this.#libc.raw('int tcgetattr(int, void *)', fd, settings) === 0 ? settings : null
  }
  tcsetattr(fd: Fd, termios: Termios): void {
    this.#libc.call('tcsetattr', 'int tcsetattr(int, int, const void *)', [fd, 0, termios], [fd])
  }
  resetSignal(signal: number): void {
    this.#libc.raw('void *signal(int, intptr_t)', signal, 0)
  }
  clearSignalMask(): void {
    this.#libc.call('sigprocmask', 'int sigprocmask(int, const void *, void *)', [SIG_SETMASK, Buffer.alloc(SIGSET_BYTES), null], [raw('SIG_SETMASK, []')])
  }
  getLimit(resource: number): { soft: bigint; hard: bigint } {
    const limit = Buffer.alloc(16)
    this.#libc.call('prlimit64', 'int prlimit64(int, int, const void *, void *)', [0, resource, null, limit], [0, resource])
    return { soft: limit.readBigUInt64LE(0), hard: limit.readBigUInt64LE(8) }
  }
  setSoftLimit(resource: number, soft: bigint): void {
    const { hard } = this.getLimit(resource)
    const limit = Buffer.alloc(16)
    limit.writeBigUInt64LE(soft < hard ? soft : hard, 0)
    limit.writeBigUInt64LE(hard, 8)
    this.#libc.call('prlimit64', 'int prlimit64(int, int, const void *, void *)', [0, resource, limit, null], [0, resource, soft])
  }
  setCloexecRange(first: number, last: number): void {
    this.#libc.syscall('close_range', [first, last, CLOSE_RANGE_CLOEXEC], [first, last, raw('CLOSE_RANGE_CLOEXEC')])
  }
  getSchedule(): Schedule {
    const attributes = Buffer.alloc(SCHED_ATTR_BYTES)
    this.#libc.call('sched_getattr', SCHED_CALL, [this.#libc.numbers.sched_getattr, 0, attributes, SCHED_ATTR_BYTES, 0], [0])
    return { policy: attributes.readUInt32LE(4), flags: Number(attributes.readBigUInt64LE(8)), nice: attributes.readInt32LE(16) }
  }
  setSchedule({ policy, flags, nice }: Schedule): void {
    const attributes = Buffer.alloc(SCHED_ATTR_BYTES)
    attributes.writeUInt32LE(SCHED_ATTR_BYTES, 0)
    attributes.writeUInt32LE(policy, 4)
    attributes.writeBigUInt64LE(BigInt(flags), 8)
    attributes.writeInt32LE(nice, 16)
    this.#libc.call('sched_setattr', SCHED_CALL, [this.#libc.numbers.sched_setattr, 0, attributes, 0, 0], [0, raw(`{policy=${policy}, flags=${flags}, nice=${nice}}`)])
  }
  execve(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): never {
    const variables = Object.entries(env).map(([k, v]) => `${k}=${v}`)
    const definition = 'int execve(const char *, const char **, const char **)'
    try {
      this.#libc.call('execve', definition, [path, [...argv, null], [...variables, null]], [path, raw(JSON.stringify(argv))])
    } finally {
      // Still here: whoever reset the signals for this has to live on, as safe as before.
      this.#installCrashExec?.()
    }
    throw new SyscallError('execve', [path], 0)
  }
  armCrashExec(paths: readonly [string, string], argv: readonly string[], env: Readonly<Record<string, string>>): void {
    this.#installCrashExec = armCrashExec(this.#libc, process.arch, paths, argv, env)
  }
}

/** The status word of waitpid(2), taken apart. */
function childStatus(pid: number, word: number): ChildStatus {
  const signal = word & 0x7f
  return { pid, code: signal === 0 ? (word >> 8) & 0xff : null, signal: signal === 0 ? null : signal }
}

/** Opens the door. Loads the C library; no system call is made yet. */
export function createKoffiKernel(): Kernel {
  return new KoffiKernel(new Libc(process.arch))
}

