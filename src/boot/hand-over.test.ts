// The hand-over on the model kernel: what is taken back, in which order, and what init would find.
//
// The model throws ExecCalled where the real process is replaced; it carries what the new program inherits.

import t from 'tap'
import { O_NONBLOCK, O_RDWR } from '../abi/process.ts'
import { errnoNumber, type ErrnoName } from '../abi/errno.ts'
import { isErrno, SyscallError } from '../kernel/errors.ts'
import { toFd, type Kernel } from '../kernel/kernel.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { ExecCalled, type Inherited } from '../kernel/model/process-calls.ts'
import type { ExecStep } from '../plan/step.ts'
import { cleanProcess, handOver, keepPriorityToItself, recordStartState, systemdArgv, systemdSerialization, type StartState } from './hand-over.ts'

const F_GETFD = 1
const F_GETFL = 3
const plain: ExecStep = { op: 'exec', path: '/bin/fulcrum', argv: ['/sbin/init', '3'], env: { HOME: '/', TERM: 'linux' }, kind: 'plain' }
const systemd: ExecStep = { ...plain, kind: 'systemd' }

interface Bed {
  readonly model: ModelKernel
  readonly kernel: Kernel
  readonly start: StartState
  /** Calls that the model does not log itself. */
  readonly done: string[]
  readonly terminals: { readonly fd: number; readonly first: number }[]
}

/** A process as Node leaves it: ignored signals, a raised limit, descriptors that close and do not block. */
function bed(changes: Partial<Kernel> = {}): Bed {
  const model = createBootedModel()
  const start = recordStartState({ ...model, tcgetattr: (fd) => Uint8Array.from({ length: 60 }, () => 0x40 + fd) })
  const done: string[] = []
  const terminals: { fd: number; first: number }[] = []
  model.proc.ignoredSignals.add(13).add(25)
  model.proc.blockedSignals.add(10)
  model.setSoftLimit(7, 4096n)
  for (const slot of model.proc.fds.values()) {
    slot.cloexec = true
    slot.file.flags |= O_NONBLOCK
  }
  const kernel: Kernel = {
    ...model,
    resetSignal: (signal) => {
      done.push(`signal ${signal}`)
      model.resetSignal(signal)
    },
    clearSignalMask: () => {
      done.push('mask')
      model.clearSignalMask()
    },
    setSoftLimit: (resource, soft) => {
      done.push(`limit ${resource} ${soft}`)
      model.setSoftLimit(resource, soft)
    },
    setCloexecRange: (first, last) => {
      done.push(`cloexec ${first}-${last}`)
      model.setCloexecRange(first, last)
    },
    tcsetattr: (fd, termios) => {
      done.push(`termios ${fd}`)
      terminals.push({ fd, first: termios[0] ?? 0 })
    },
    ...changes,
  }
  return { model, kernel, start, done, terminals }
}

function failing(call: string, code: ErrnoName): () => never {
  return () => {
    throw new SyscallError(call, [], errnoNumber(code) ?? 0)
  }
}

function execOf(kernel: Kernel, step: ExecStep, start: StartState): Inherited {
  try {
    return handOver(kernel, step, start)
  } catch (error) {
    if (error instanceof ExecCalled) return error.inherited
    throw error
  }
}

t.test('everything that Node changed is taken back, signals first, in one order', async (t) => {
  const { model, kernel, start, done, terminals } = bed()
  cleanProcess(kernel, start)
  const signals = Array.from({ length: 64 }, (_, i) => i + 1).filter((s) => ![9, 19, 32, 33].includes(s))
  t.strictSame(done, [
    ...signals.map((s) => `signal ${s}`), 'mask', 'limit 7 1024', `cloexec 3-${0xffffffff}`, 'termios 0', 'termios 1', 'termios 2',
  ])
  t.strictSame(terminals, [0, 1, 2].map((fd) => ({ fd, first: 0x40 + fd })), 'each terminal as it was found')
  for (const fd of [0, 1, 2].map(toFd)) {
    t.equal(model.fcntl(fd, F_GETFD, 0), 0, `descriptor ${fd} stays open`)
    t.equal(model.fcntl(fd, F_GETFL, 0), O_RDWR, `descriptor ${fd} blocks`)
  }
  t.strictSame([...model.proc.ignoredSignals, ...model.proc.blockedSignals], [])
})

t.test('a plain init inherits three descriptors and nothing else', async (t) => {
  const { model, kernel, start } = bed()
  model.open('/etc/initrd-release', 0)
  const stray = model.open('/etc/initrd-release', 0)
  model.fcntl(stray, 2, 0)
  const inherited = execOf(kernel, plain, start)
  t.strictSame(inherited.argv, ['/sbin/init', '3'])
  t.strictSame(inherited.env, { HOME: '/', TERM: 'linux' })
  t.strictSame(inherited.fds, [[0, '/dev/console'], [1, '/dev/console'], [2, '/dev/console']])
  t.strictSame([inherited.ignoredSignals, inherited.blockedSignals, inherited.nofile], [[], [], 1024n])
})

t.test('systemd gets the time at which the initramfs began', async (t) => {
  const { model, kernel, start } = bed()
  const text = new Uint8Array(100)
  let length = 0
  const execve: Kernel['execve'] = (path, argv, env) => {
    length = model.read(toFd(Number(argv.at(4))), text, null)
    return model.execve(path, argv, env)
  }
  const inherited = execOf({ ...kernel, execve }, systemd, start)
  const fd = Number(inherited.argv.at(4))
  t.strictSame(inherited.argv, ['/sbin/init', '--switched-root', '--system', '--deserialize', String(fd), '3'])
  t.ok(fd > 2)
  t.strictSame(inherited.fds.map(([open]) => open), [0, 1, 2, fd], 'its descriptor stays open, the one that wrote does not')
  t.equal(Buffer.from(text.subarray(0, length)).toString(), `initrd-timestamp=${start.realtimeUs} ${start.monotonicUs}\n\n`, 'read from where the offset stands')
  t.equal(systemdSerialization({ termios: [], realtimeUs: 12n, monotonicUs: 3n }), 'initrd-timestamp=12 3\n\n')
  t.strictSame(systemdArgv([], toFd(5)), ['/sbin/init', '--switched-root', '--system', '--deserialize', '5'])
})

t.test('an execve that fails throws, leaks nothing and can be repeated', async (t) => {
  const { model, kernel, start } = bed()
  const before = [...model.proc.fds.keys()]
  for (const kind of ['systemd', 'systemd', 'plain'] as const) {
    model.failNext('execve', 'ENOMEM')
    t.throws(() => handOver(kernel, { ...plain, kind }, start), { code: 'ENOMEM' })
    t.strictSame([...model.proc.fds.keys()], before, 'no descriptor is left')
  }
  t.equal(execOf(kernel, systemd, start).argv[1], '--switched-root')
})

t.test('a kernel without memfd, or without /proc, starts systemd without times', async (t) => {
  const noMemfd = bed({ memfdCreate: failing('memfd_create', 'ENOSYS') })
  t.strictSame(execOf(noMemfd.kernel, systemd, noMemfd.start).argv, ['/sbin/init', '3'])
  const noProc = bed()
  noProc.model.umount2('/proc', 0)
  const inherited = execOf(noProc.kernel, systemd, noProc.start)
  t.strictSame(inherited.argv, ['/sbin/init', '3'])
  t.strictSame(inherited.fds.map(([fd]) => fd), [0, 1, 2])
})

t.test('a console that hung up keeps no init from starting', async (t) => {
  const hungUp = bed({ tcsetattr: failing('tcsetattr', 'EIO') })
  t.strictSame(execOf(hungUp.kernel, plain, hungUp.start).fds.map(([fd]) => fd), [0, 1, 2], 'the other flags are set all the same')
  const closed = bed()
  closed.model.close(toFd(1))
  t.strictSame(execOf(closed.kernel, plain, closed.start).fds.map(([fd]) => fd), [0, 2])
  const bug = bed({ tcsetattr: () => { throw new TypeError('a bug') } })
  t.throws(() => handOver(bug.kernel, plain, bug.start), TypeError, 'only the kernel is forgiven')
})

t.test('a descriptor that was no terminal at the start is left alone', async (t) => {
  const { kernel, done } = bed()
  cleanProcess(kernel, { termios: [null, null], realtimeUs: 0n, monotonicUs: 0n })
  t.notOk(done.some((act) => act.startsWith('termios')))
  const gone = bed({ tcgetattr: () => null })
  cleanProcess(gone.kernel, gone.start)
  t.notOk(gone.done.some((act) => act.startsWith('termios')), 'nor one that is none any more')
})

t.test('the start state is what the terminals, the clock and the kernel said', async (t) => {
  const state = recordStartState({ tcgetattr: (fd) => (fd === 1 ? null : Uint8Array.of(fd)), realtimeUs: () => 7n, monotonicUs: () => 5n })
  t.strictSame(state, { termios: [Uint8Array.of(0), null, Uint8Array.of(2)], realtimeUs: 7n, monotonicUs: 5n })
  const later = recordStartState({ tcgetattr: () => null, realtimeUs: () => 9000n, monotonicUs: () => 5000n }, 1.5)
  t.match(later, { realtimeUs: 7500n, monotonicUs: 3500n }, 'less what the program had been running by then')
})

t.test('EACCES of execve is a SyscallError', async (t) => {
  const { kernel, start } = bed()
  try {
    handOver(kernel, { ...plain, path: '/etc/initrd-release' }, start)
  } catch (error) {
    t.ok(isErrno(error, 'EACCES'))
    return
  }
  t.fail('execve came back')
})

t.test('the priority that /init of an image asked for is kept from children, and is taken back', async (t) => {
  const { model, kernel, start } = bed()
  model.proc.schedule = { policy: 0, flags: 0, nice: -20 }
  t.equal(keepPriorityToItself(kernel), true)
  t.strictSame(model.proc.schedule, { policy: 0, flags: 1, nice: -20 }, 'children have nice 0')
  t.equal(keepPriorityToItself(kernel), true, 'and a second time, after a crash')
  t.strictSame(execOf(kernel, plain, { ...start, isRaised: true }).schedule, { policy: 0, flags: 0, nice: 0 })
})

t.test('any other priority is none of its business', async (t) => {
  for (const schedule of [{ policy: 0, flags: 0, nice: 5 }, { policy: 0, flags: 0, nice: -19 }, { policy: 3, flags: 0, nice: -20 }, { policy: 0, flags: 0, nice: 0 }]) {
    const { model, kernel, start } = bed()
    model.proc.schedule = schedule
    t.equal(keepPriorityToItself(kernel), false)
    t.strictSame(execOf(kernel, plain, { ...start, isRaised: false }).schedule, schedule)
  }
})

t.test('a priority that children would inherit is given up', async (t) => {
  const { model, kernel } = bed({
    setSchedule: (schedule) => {
      if (schedule.flags !== 0) failing('sched_setattr', 'EINVAL')()
      model.setSchedule(schedule)
    },
  })
  model.proc.schedule = { policy: 0, flags: 0, nice: -20 }
  t.equal(keepPriorityToItself(kernel), false)
  t.equal(model.proc.schedule.nice, 0)
})
