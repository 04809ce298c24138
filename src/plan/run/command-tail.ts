// The end of every child's table: what makes a clean process of it, and the execve.
//
// A child has everything of this process, which is Node: signals that are ignored, a soft limit of descriptors that is the hard
// one, every signal blocked (ffi-call-table.ts), all capabilities. commandTail and initTail put back what a program may
// expect.  credentials(7), capabilities(7), signal(7)

import { CLOSE_RANGE_CLOEXEC, INIT_NOFILE_SOFT, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, RLIMIT_NOFILE, SIG_SETMASK, SIGPIPE, SIGXFSZ, TIOCSCTTY } from '../../abi/process.ts'
import { capabilityNumber } from '../../abi/capabilities.ts'
import type { RunRequest } from '../../facts/run/run-types.ts'
import { calls, makeCall } from './calls.ts'
import type { Descriptor } from './calls.ts'
import type { ChildCall } from './run-plan.ts'

/** The newest capability that every supported kernel (6.1) has: CAP_CHECKPOINT_RESTORE. A newer kernel may have more. */
const LAST_CAPABILITY = 40
const CAP_KILL = 5
/** The kernel's masks have room for these. */
const CAPABILITIES = 64
const SIGNAL_BYTES = 8
const LAST_DESCRIPTOR = 0xffffffff
const F_DUPFD_CLOEXEC = 1030
/** Above what is put in place. */
const ASIDE = 10
const CAP_VERSION_3 = 0x20080522
const ALL_CAPABILITIES = (1n << 64n) - 1n

export interface TailOptions {
  /** A terminal that the child has open: it becomes 0, 1 and 2 and the controlling terminal of a new session. */
  readonly terminal?: Descriptor
  /** A session of its own (setsid(2)), also without a terminal. */
  readonly session?: boolean
}

function bytes32(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  values.forEach((value, i) => new DataView(bytes.buffer).setUint32(4 * i, value, true))
  return bytes
}

/** dup3(2) to 0, 1 and 2, also where one of them is the source of another. */
function standardDescriptors(stdio: readonly Descriptor[]): ChildCall[] {
  // One that is in the way of another, 1 for 0 for instance, goes aside first.
  const inTheWay = (from: Descriptor, to: number): boolean => typeof from === 'number' && from < stdio.length && from !== to
  const aside = stdio.flatMap((from, to) => (inTheWay(from, to) ? [makeCall('fcntl', [from, F_DUPFD_CLOEXEC, ASIDE], { label: `stdio-${to}` }, [undefined, 'F_DUPFD_CLOEXEC'])] : []))
  const placed = stdio.map((from, to) => {
    if (from === to) return makeCall('fcntl', [to, 2, 0], {}, [undefined, 'F_SETFD'])
    return calls.dup3(inTheWay(from, to) ? { result: `stdio-${to}` } : from, to)
  })
  return [...aside, ...placed]
}

/** sigset_t of the kernel with one signal. */
function signalSet(signal: number): Uint8Array {
  const bytes = new Uint8Array(SIGNAL_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, 1n << BigInt(signal - 1), true)
  return bytes
}

/** Signals that Node ignores, back to their default; those with a handler are so since the clone (CLONE_CLEAR_SIGHAND). */
const signalsToDefault: readonly ChildCall[] = [SIGPIPE, SIGXFSZ].map((signal) =>
  makeCall('rt_sigaction', [signal, new Uint8Array(32), null, SIGNAL_BYTES], {}, [signal === SIGPIPE ? 'SIGPIPE' : 'SIGXFSZ', 'SIG_DFL']))

const emptyMask = makeCall('rt_sigprocmask', [SIG_SETMASK, new Uint8Array(SIGNAL_BYTES), null, SIGNAL_BYTES], {}, ['SIG_SETMASK', '[]'])
const closeOnExec = makeCall('close_range', [3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC], {}, [undefined, '~0', 'CLOSE_RANGE_CLOEXEC'])

/** prctl(2) for each capability. A kernel that does not know one says EINVAL, which for the newest ones is fine. */
const drops: readonly ChildCall[] = Array.from({ length: CAPABILITIES }, (_, n) => calls.prctl(PR_CAPBSET_DROP, n, 'PR_CAPBSET_DROP', n > LAST_CAPABILITY ? { goOn: true } : {}))
const NONE: ReadonlySet<number> = new Set<number>()
const KILL_ONLY: ReadonlySet<number> = new Set([CAP_KILL])

/** Takes all but these out of the bounding set; `gone` are out of it already. */
function boundingSet(kept: ReadonlySet<number>, gone: ReadonlySet<number>): readonly ChildCall[] {
  return drops.filter((_, n) => !kept.has(n) && !gone.has(n))
}

/** Numbers of the capabilities that are kept; null for all. */
function keptOf({ capabilities }: RunRequest): ReadonlySet<number> | null {
  return capabilities === null ? null : new Set(capabilities.map(capabilityNumber).filter((n) => n !== undefined))
}

/** capset(2): effective and permitted are what this process has of the mask; nothing is inheritable, nothing ambient. */
function capabilitySets(mask: bigint): ChildCall[] {
  return [
    calls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 'PR_CAP_AMBIENT'),
    makeCall('capset', [bytes32([CAP_VERSION_3, 0]), { capabilities: mask }], {}, ['{_LINUX_CAPABILITY_VERSION_3, 0}', mask === 0n ? '{0}' : '{kept ones}']),
  ]
}

const noNewPrivileges = calls.prctl(PR_SET_NO_NEW_PRIVS, 1, 'PR_SET_NO_NEW_PRIVS')

/** Everything from the standard descriptors to the execve of `program`, a path in the root. */
export function commandTail(request: RunRequest, program: string, options: TailOptions = {}): ChildCall[] {
  return tail(request, program, options, NONE)
}

function tail(request: RunRequest, program: string, options: TailOptions, gone: ReadonlySet<number>): ChildCall[] {
  const { user } = request
  const { terminal } = options
  const kept = keptOf(request)
  const mask = kept === null ? ALL_CAPABILITIES : [...kept].reduce((all, n) => all | (1n << BigInt(n)), 0n)
  return [
    ...(options.session === true || request.session === true || terminal !== undefined ? [calls.setsid()] : []),
    ...(terminal === undefined ? standardDescriptors(request.stdio) : [calls.ioctl(terminal, TIOCSCTTY, 0), ...standardDescriptors([terminal, terminal, terminal])]),
    closeOnExec,
    makeCall('umask', [0o022], {}, ['022']),
    makeCall('prlimit64', [0, RLIMIT_NOFILE, { softLimit: { resource: RLIMIT_NOFILE, soft: INIT_NOFILE_SOFT } }, null], {}, [undefined, 'RLIMIT_NOFILE', `{rlim_cur=${INIT_NOFILE_SOFT}}`]),
    ...(kept === null ? [] : boundingSet(kept, gone)),
    makeCall('setgroups', [user.groups.length, bytes32(user.groups)], {}, [undefined, `[${user.groups.join(', ')}]`]),
    makeCall('setresgid', [user.gid, user.gid, user.gid]),
    makeCall('setresuid', [user.uid, user.uid, user.uid]),
    // The uid has taken them already where it is not 0.
    ...capabilitySets(user.uid === 0 ? mask : 0n),
    ...(request.noNewPrivileges ? [noNewPrivileges] : []),
    calls.chdir(request.workingDirectory),
    ...signalsToDefault,
    emptyMask,
    calls.execve(program, request.command, request.env, { role: 'command' }),
  ]
}

/** What the init sends its main child when it is the init: SIGRTMAX. */
const GO = 64
/** Process 1 still is what we are, until then: the command must not see that. */
const waitForInit = makeCall('rt_sigtimedwait', [signalSet(GO), null, null, SIGNAL_BYTES], {}, ['[SIGRTMAX]'])

/**
 * The rows of PID 1 of a container, from the clone of its main child on: it becomes `init`, and the main child the command, as
 * soon as that has happened. Their labels are 'command' and 'main-child'.
 */
export function withInit(request: RunRequest, program: string, init: Descriptor, options: TailOptions = {}): ChildCall[] {
  const kept = keptOf(request)
  // What neither of them keeps is taken once, before the clone.
  const both: ReadonlySet<number> = kept === null ? NONE : new Set([...drops.keys()].filter((n) => n !== CAP_KILL && !kept.has(n)))
  const [first, ...rest] = tail(request, program, options, both)
  const last = rest.splice(rest.findIndex((it) => it === emptyMask))
  const beginning = first === undefined ? [] : [{ ...first, label: 'command' }]
  return [...drops.filter((_, n) => both.has(n)), calls.cloneBeside(0, { label: 'main-child', ifZero: 'command' }), ...initTail(init, both), ...beginning, ...rest, waitForInit, ...last]
}

/**
 * What PID 1 of a container does once its main child (the clone before, process 2) runs the command: it becomes `init`, the
 * program of src/spawn/init-program.ts. Signals stay blocked: that one waits for them.
 */
function initTail(init: Descriptor, gone: ReadonlySet<number>): ChildCall[] {
  return [
    closeOnExec,
    makeCall('umask', [0o022], {}, ['022']),
    calls.chdir('/'),
    // It signals a main child of any user.
    ...boundingSet(KILL_ONLY, gone),
    ...capabilitySets(1n << BigInt(CAP_KILL)),
    noNewPrivileges,
    ...signalsToDefault,
    calls.execFd(init, ['init'], { role: 'init' }),
  ]
}
