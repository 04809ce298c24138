// The model's process, machine and hand-over calls.
//
// execve and reboot leave by throwing what a test then looks at: ExecCalled carries what the new program
// would have inherited, and its own checks are those of execve(2).

import { RLIMIT_NOFILE } from '../../abi/process.ts'
import type { SyscallArg } from '../syscall-arg.ts'
import type { ChildCalls } from '../child-table.ts'
import type { Fd, HandOverCalls, ProcessCalls, RunResult, Schedule } from '../kernel.ts'
import type { Door } from './door.ts'
import { Errno } from './errno.ts'
import { checkExecutable } from './exec.ts'
import { pathOf, type Loc } from './mount-tree.ts'
import { isDir } from './vfs.ts'

/** What the exec'd program would start with. */
export interface Inherited {
  readonly path: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: Loc
  readonly root: Loc
  /** Descriptors that stay open, each with the path it was opened at. */
  readonly fds: readonly (readonly [number, string])[]
  readonly ignoredSignals: readonly number[]
  readonly blockedSignals: readonly number[]
  readonly droppedCapabilities: readonly number[]
  readonly nofile: bigint
  readonly schedule: Schedule
}

/** The process was replaced: thrown by the model's execve. */
export class ExecCalled extends Error {
  readonly inherited: Inherited
  constructor(inherited: Inherited) {
    super(`execve(${JSON.stringify(inherited.path)})`)
    this.name = 'ExecCalled'
    this.inherited = inherited
  }
}

/** The machine went down: thrown by the model's reboot. */
export class RebootCalled extends Error {
  readonly command: number
  constructor(command: number) {
    super(`reboot(0x${command.toString(16)})`)
    this.name = 'RebootCalled'
    this.command = command
  }
}

const hex = (n: number): SyscallArg => ({ raw: `0x${n.toString(16)}` })
const SIGKILL = 9
const TERMIOS_BYTES = 64

function run(door: Door, path: string, args: readonly string[], options: Parameters<ProcessCalls['run']>[2]): RunResult {
  const { world } = door
  const nothing: RunResult = { code: null, signal: null, stdout: '', stderr: '', error: undefined }
  const program = world.programs.get(path)
  try {
    if (program === undefined) checkExecutable(door, path)
  } catch (error) {
    if (error instanceof Errno) return { ...nothing, error: error.code }
    throw error
  }
  if (program === undefined) throw new Error(`Cannot run '${path}': the test gave no program for it`)
  return { ...nothing, code: 0, ...program(args, options) }
}

export function processCalls(door: Door): Omit<ProcessCalls, 'bounded'> & HandOverCalls & ChildCalls {
  const { world, proc } = door

  const kill = (pid: number, signal: number): void => {
    const target = world.processes.get(pid)
    if (target === undefined) throw new Errno('ESRCH')
    if (signal === SIGKILL && pid !== 1 && !target.kernelThread) world.processes.delete(pid)
  }
  const limit = (resource: number): { soft: bigint; hard: bigint } => {
    const found = proc.limits.get(resource)
    if (found === undefined) throw new Errno('EINVAL')
    return found
  }
  const fdPath = (fd: Fd): string => pathOf(door.file(fd).loc, proc.root).path

  return {
    getpid: () => proc.pid,
    getuid: () => proc.uid,
    kill: (pid, signal) => door.call('kill', [pid, signal], () => kill(pid, signal)),
    reapOrphan: () => world.orphans.shift() ?? null,
    reap: (pid) =>
      door.call('waitpid', [pid], () => {
        const target = world.processes.get(pid)
        if (target === undefined || target.state !== 'Z' || target.ppid !== proc.pid) return null
        world.processes.delete(pid)
        return { pid, code: null, signal: SIGKILL }
      }),
    pidfdOpen: (pid) =>
      door.call('pidfd_open', [pid, 0], () => {
        const process = world.processes.get(pid)
        if (process === undefined) throw new Errno('ESRCH')
        return door.install({ kind: 'pidfd', loc: proc.root, flags: 2, offset: 0, process })
      }),
    pidfdGetfd: (pidfd, fd) =>
      door.call('pidfd_getfd', [pidfd, fd], () => {
        const found = door.file(pidfd).process?.fds.get(fd)
        if (found === undefined) throw new Errno('EBADF')
        return door.install(found.file)
      }),
    pidfdSendSignal: (pidfd, signal) =>
      door.call('pidfd_send_signal', [pidfd, signal], () => {
        const { process } = door.file(pidfd)
        if (process === undefined) throw new Errno('EBADF')
        if (world.processes.get(process.pid) !== process) throw new Errno('ESRCH')
        if (proc.uid !== 0 && proc.uid !== process.uid) throw new Errno('EPERM')
        world.signal(process, signal)
      }),
    run: (path, args, options) => door.call('run', [path, ...args], () => run(door, path, args, options)),
    spawn: (path, args) =>
      door.call('posix_spawn', [path, ...args], () => {
        const exe = checkExecutable(door, path)
        const { ns, root, cwd, uid } = proc
        return world.addProcess({ comm: exe.node.name, argv: [path, ...args], exe, ns, root, cwd, uid, ppid: proc.pid }).pid
      }),
    finitModule: (fd, params, flags) =>
      door.call('finit_module', [fd, params, flags], () => {
        door.needRoot()
        const path = fdPath(fd)
        if (world.loadedModules.some((m) => m.path === path)) throw new Errno('EEXIST')
        world.loadedModules.push({ path, params })
      }),
    deleteModule: (name, flags) =>
      door.call('delete_module', [name, flags], () => {
        door.needRoot()
        const i = world.loadedModules.findIndex((m) => m.path.includes(`/${name}.ko`))
        if (i < 0) throw new Errno('ENOENT')
        world.loadedModules.splice(i, 1)
      }),
    openUeventSocket: () => door.call('socket', [], () => door.install({ kind: 'uevent', loc: proc.root, flags: 2, offset: 0 })),
    openRouteSocket: () => door.call('socket', [], () => { throw new Errno('EAFNOSUPPORT') }),
    probeTcp: () => door.call('connect', [], () => { throw new Errno('ENETUNREACH') }),
    prctl: (option, argument) => door.call('prctl', [option, argument], () => 0),
    dropCapabilities: (numbers) =>
      door.call('capset', [numbers.join(',')], () => {
        door.needRoot()
        for (const n of numbers) proc.droppedCapabilities.add(n)
      }),
    reboot: (command) =>
      door.call('reboot', [hex(command)], () => {
        door.needRoot()
        // RB_DISABLE_CAD and RB_ENABLE_CAD return; the others do not.
        if (command !== 0 && command !== 0x89abcdef) throw new RebootCalled(command)
      }),
    execInProcess: (pid, path, argv) =>
      door.call('ptrace', [pid], () => {
        door.needRoot()
        const target = world.processes.get(pid)
        if (target === undefined) throw new Errno('ESRCH')
        target.exe = checkExecutable(door, path)
        target.argv = argv
        target.comm = target.exe.node.name
      }),
    startChild: (_rows, { flags }) => door.call('clone', [hex(flags)], () => { throw new Errno('ENOSYS') }),
    onReadable: (fd) => door.call('epoll_ctl', [fd], () => { throw new Errno('ENOSYS') }),
    setHostname: (name) => door.call('sethostname', [name], () => { world.hostname = name }),
    monotonicUs: () => world.nowUs,
    realtimeUs: () => 1_700_000_000_000_000n + world.nowUs,
    sleepMs: (ms) => {
      const until = world.nowUs + BigInt(ms) * 1000n
      while (world.nowUs < until) world.advance(until - world.nowUs)
    },

    tcgetattr: (fd) => (proc.fds.get(fd)?.file.kind === 'console' ? new Uint8Array(TERMIOS_BYTES) : null),
    tcsetattr: (fd) => door.call('tcsetattr', [fd], () => { if (door.file(fd).kind !== 'console') throw new Errno('ENOTTY') }),
    resetSignal: (signal) => { proc.ignoredSignals.delete(signal) },
    clearSignalMask: () => { proc.blockedSignals.clear() },
    getLimit: (resource) => door.call('prlimit64', [0, resource], () => limit(resource)),
    setSoftLimit: (resource, soft) =>
      door.call('prlimit64', [0, resource, soft], () => { proc.limits.set(resource, { soft, hard: limit(resource).hard }) }),
    setCloexecRange: (first, last) =>
      door.call('close_range', [first, last], () => {
        for (const [fd, slot] of proc.fds) if (fd >= first && fd <= last) slot.cloexec = true
      }),
    getSchedule: () => proc.schedule,
    setSchedule: (schedule) => door.call('sched_setattr', [0, { raw: `nice=${schedule.nice}` }], () => { proc.schedule = schedule }),
    execve: (path, argv, env) =>
      door.call('execve', [path, { raw: JSON.stringify(argv) }], () => {
        const exe = checkExecutable(door, path)
        if (isDir(exe.node)) throw new Errno('EACCES')
        const kept = [...proc.fds].filter(([, slot]) => !slot.cloexec)
        const inherited: Inherited = {
          path, argv, env, cwd: proc.cwd, root: proc.root,
          fds: kept.map(([fd, slot]) => [fd, pathOf(slot.file.loc, proc.root).path]),
          ignoredSignals: [...proc.ignoredSignals], blockedSignals: [...proc.blockedSignals],
          droppedCapabilities: [...proc.droppedCapabilities], nofile: limit(RLIMIT_NOFILE).soft, schedule: proc.schedule,
        }
        for (const [fd, slot] of [...proc.fds]) if (slot.cloexec) proc.fds.delete(fd)
        proc.exe = exe
        proc.argv = argv
        proc.comm = exe.node.name
        throw new ExecCalled(inherited)
      }),
    armCrashExec: (paths, argv) => door.call('sigaction', [paths[0], { raw: JSON.stringify(argv) }], () => undefined),
  }
}
