// Starting programs without child_process: posix_spawn(3) and a blocking wait on the calling thread.
//
// PID 1's boot is synchronous from end to end, so libuv's children are of no use to it, and loading
// child_process costs 14 virtual ms. fork and vfork are out of the question: V8 marks its heap
// MADV_DONTFORK and the child would die on return to JavaScript (docs/node-as-pid1.md). posix_spawn(3), poll(2), pidfd_open(2).

import * as koffi from 'koffi'
import { MFD_CLOEXEC, O_CLOEXEC, O_RDONLY, O_RDWR, POLLIN, RLIMIT_NOFILE, SIGKILL } from '../abi/process.ts'
import { SyscallError } from './errors.ts'
import type { RunOptions, RunResult } from './kernel.ts'
import type { Libc } from './ffi-libc.ts'

const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
/** Larger than glibc's posix_spawn_file_actions_t (80) and posix_spawnattr_t (336). */
const OPAQUE_BYTES = 512
/** sigset_t of glibc, of which the kernel has the first 64 bits. */
const SIGSET_BYTES = 128
const SIGNALS = 64
/** What a pipe holds: one read empties it. */
const READ_CHUNK = 65536
const POLLFD_BYTES = 8

const signalNames: Readonly<Record<number, string>> = { 1: 'SIGHUP', 2: 'SIGINT', 6: 'SIGABRT', 9: 'SIGKILL', 11: 'SIGSEGV', 15: 'SIGTERM' }

interface Wiring {
  /** Descriptors for 1 and 2 of the child, or null to inherit. */
  readonly output: { readonly out: number; readonly err: number; readonly input: number | null } | null
  readonly terminal: string | null
  readonly session: boolean
}

/** Starts a program; returns its pid. `softNofile` is the RLIMIT_NOFILE that the child shall see: Node raised its own. */
export function spawn(
  libc: Libc,
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  softNofile: bigint,
  wiring: Wiring,
): number {
  const actions = Buffer.alloc(OPAQUE_BYTES)
  const attributes = Buffer.alloc(OPAQUE_BYTES)
  libc.raw('int posix_spawn_file_actions_init(void *)', actions)
  libc.raw('int posix_spawnattr_init(void *)', attributes)
  const saved = Buffer.alloc(16)
  try {
    const dup2 = (from: number, to: number): void => {
      libc.raw('int posix_spawn_file_actions_adddup2(void *, int, int)', actions, from, to)
    }
    if (wiring.terminal !== null) {
      // A session leader that opens a terminal without O_NOCTTY gets it as controlling terminal.
      libc.raw('int posix_spawn_file_actions_addopen(void *, int, const char *, int, int)', actions, 0, wiring.terminal, O_RDWR, 0)
      dup2(0, 1)
      dup2(0, 2)
    } else {
      // dup2 onto itself clears close-on-exec in posix_spawn: Node marks 0 to 2 that way.
      if (wiring.output === null) for (const fd of [0, 1, 2]) dup2(fd, fd)
      else {
        if (wiring.output.input !== null) dup2(wiring.output.input, 0)
        else libc.raw('int posix_spawn_file_actions_addopen(void *, int, const char *, int, int)', actions, 0, '/dev/null', O_RDONLY, 0)
        dup2(wiring.output.out, 1)
        dup2(wiring.output.err, 2)
      }
    }
    // All 64 signals, by their bits: Node ignores SIGPIPE and SIGXFSZ, and posix_spawn itself leaves 32 and 33
    // ignored, which sigaddset(3) refuses to name.
    const defaults = Buffer.alloc(SIGSET_BYTES)
    defaults.fill(0xff, 0, SIGNALS / 8)
    libc.raw('int posix_spawnattr_setsigdefault(void *, const void *)', attributes, defaults)
    libc.raw('int posix_spawnattr_setsigmask(void *, const void *)', attributes, Buffer.alloc(SIGSET_BYTES))
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (wiring.session ? POSIX_SPAWN_SETSID : 0)
    libc.raw('int posix_spawnattr_setflags(void *, short)', attributes, flags)
    libc.raw('int prlimit64(int, int, const void *, void *)', 0, RLIMIT_NOFILE, null, saved)
    const limit = Buffer.from(saved)
    limit.writeBigUInt64LE(softNofile, 0)
    libc.raw('int prlimit64(int, int, const void *, void *)', 0, RLIMIT_NOFILE, limit, null)
    const pid = Buffer.alloc(4)
    const variables = Object.entries(env).map(([k, v]) => `${k}=${v}`)
    const error = libc.raw(
      'int posix_spawn(void *, const char *, const void *, const void *, const char **, const char **)',
      pid, path, actions, attributes, [path, ...args, null], [...variables, null],
    )
    if (error !== 0) throw new SyscallError('execve', [path], error)
    return pid.readInt32LE(0)
  } finally {
    if (saved.some((byte) => byte !== 0)) libc.raw('int prlimit64(int, int, const void *, void *)', 0, RLIMIT_NOFILE, saved, null)
    libc.raw('int posix_spawn_file_actions_destroy(void *)', actions)
    libc.raw('int posix_spawnattr_destroy(void *)', attributes)
  }
}

function pipe(libc: Libc): { read: number; write: number } {
  const pair = Buffer.alloc(8)
  libc.call('pipe2', 'int pipe2(void *, int)', [pair, O_CLOEXEC], [])
  return { read: pair.readInt32LE(0), write: pair.readInt32LE(4) }
}

/** poll(2) for reading: the descriptors that answered, or null when the time was over. Negative ones are left out. */
function ready(libc: Libc, fds: readonly number[], waitMs: number): readonly number[] | null {
  const polled = Buffer.alloc(POLLFD_BYTES * fds.length)
  fds.forEach((fd, i) => {
    polled.writeInt32LE(fd, i * POLLFD_BYTES)
    polled.writeInt16LE(POLLIN, i * POLLFD_BYTES + 4)
  })
  const count = libc.raw('int poll(void *, unsigned long, int)', polled, fds.length, waitMs)
  if (count === 0) return null
  // EINTR leaves the answers as they were, all zero.
  return fds.filter((_, i) => polled.readInt16LE(i * POLLFD_BYTES + 6) !== 0)
}

const left = (deadline: number | null): number => (deadline === null ? -1 : Math.max(0, Math.ceil(deadline - performance.now())))

/**
 * Reads the pipes until both are closed or the child has ended: a daemon that it left behind may hold them for
 * ever. Returns whether the deadline passed.
 */
function drain(libc: Libc, pidfd: number, fds: readonly number[], sinks: readonly Buffer[][], deadline: number | null): boolean {
  const open = new Set(fds)
  const chunk = Buffer.alloc(READ_CHUNK)
  const read = (fd: number): void => {
    const n = libc.raw('long read(int, void *, size_t)', fd, chunk, READ_CHUNK)
    if (n > 0) sinks[fds.indexOf(fd)]?.push(Buffer.from(chunk.subarray(0, n)))
    else if (n === 0) open.delete(fd)
  }
  while (open.size > 0) {
    const found = ready(libc, [...open, pidfd], left(deadline))
    if (found === null) return true
    for (const fd of found) if (fd !== pidfd) read(fd)
    if (!found.includes(pidfd)) continue
    // What was written between the look at a pipe and the end of the child.
    for (const fd of ready(libc, [...open], 0) ?? []) read(fd)
    return false
  }
  return false
}

function waitsTooLong(libc: Libc, pidfd: number, deadline: number): boolean {
  for (;;) {
    const found = ready(libc, [pidfd], left(deadline))
    if (found === null) return true
    if (found.length > 0) return false
  }
}

function notStarted(error: unknown): RunResult {
  return { code: null, signal: null, stdout: '', stderr: '', error: error instanceof Error ? error.message : String(error) }
}

/** A file in memory with these bytes, at its beginning: unlike a pipe it never makes the writer wait. */
function inputFile(libc: Libc, bytes: Uint8Array): number {
  const fd = libc.call('memfd_create', 'int memfd_create(const char *, unsigned int)', ['input', MFD_CLOEXEC], [])
  // At an offset of its own, so that the child's reading begins at 0.
  libc.call('pwrite', 'long pwrite64(int, const void *, size_t, long)', [fd, bytes, bytes.length, 0], [fd, bytes.length])
  return fd
}

/** What was in it may be a passphrase: pages that are freed keep their contents. */
function wipeInput(libc: Libc, fd: number, bytes: number): void {
  libc.raw('long pwrite64(int, const void *, size_t, long)', fd, Buffer.alloc(bytes), bytes, 0)
  libc.raw('int close(int)', fd)
}

/** Runs a program to its end; see Kernel.run. */
export function run(libc: Libc, path: string, args: readonly string[], options: RunOptions, softNofile: bigint): RunResult {
  const capture = (options.stdio ?? 'capture') === 'capture' && options.terminal === undefined
  const pipes: { read: number; write: number }[] = []
  const close = (fd: number): void => void libc.raw('int close(int)', fd)
  const sinks: Buffer[][] = [[], []]
  const deadline = options.timeoutMs === undefined ? null : performance.now() + options.timeoutMs
  let pid: number
  let input: number | null = null
  try {
    if (capture) for (const _ of sinks) pipes.push(pipe(libc))
    const [out, err] = pipes
    if (capture && options.input !== undefined) input = inputFile(libc, options.input)
    const output = out === undefined || err === undefined ? null : { out: out.write, err: err.write, input }
    const terminal = options.terminal ?? null
    pid = spawn(libc, path, args, options.env, softNofile, { output, terminal, session: terminal !== null })
  } catch (error) {
    for (const { read, write } of pipes) [read, write].forEach(close)
    if (input !== null) close(input)
    return notStarted(error)
  }
  for (const { write } of pipes) close(write)
  // KERNEL(5.3): -1 on older ones, which poll(2) leaves out.
  const pidfd = libc.raw('long syscall(long, long, long, long, long, long, long)', libc.numbers.pidfd_open, pid, 0, 0, 0, 0, 0)
  let late = drain(libc, pidfd, pipes.map((p) => p.read), sinks, deadline)
  if (!late && deadline !== null && pidfd >= 0) late = waitsTooLong(libc, pidfd, deadline)
  if (pidfd >= 0) close(pidfd)
  if (late) libc.raw('int kill(int, int)', pid, SIGKILL)
  const status = Buffer.alloc(4)
  let waited: number
  do waited = libc.raw('int waitpid(int, void *, int)', pid, status, 0)
  while (waited === -1 && libc.errno() === koffi.os.errno['EINTR'])
  const waitErrno = waited === -1 ? libc.errno() : null
  for (const { read } of pipes) close(read)
  if (input !== null) wipeInput(libc, input, options.input?.length ?? 0)
  // Somebody else took the status (SIGCHLD ignored): never to be mistaken for success.
  if (waitErrno !== null) return notStarted(new SyscallError('waitpid', [pid], waitErrno))
  const word = status.readInt32LE(0)
  const signal = word & 0x7f
  const text = (sink: Buffer[] | undefined): string => Buffer.concat(sink ?? []).toString()
  return {
    code: signal === 0 ? (word >> 8) & 0xff : null,
    signal: signal === 0 ? null : (signalNames[signal] ?? `signal ${signal}`),
    stdout: text(sinks[0]),
    stderr: text(sinks[1]),
    error: late ? `timed out after ${options.timeoutMs} ms` : undefined,
  }
}
