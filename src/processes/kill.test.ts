// Killing on the model: who ends how, who is left alone, what is reaped, and that every signal goes by pidfd.

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import { modelKernelFor } from '../kernel/model/model-kernel.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { killProcesses } from './kill.ts'
import type { KillReport } from './kill.ts'
import type { ProcessFacts } from './process-facts.ts'
import { readOriginContext } from './read-origin.ts'
import { readProcesses } from './read-processes.ts'

const TIMES = { timeoutMs: 500, killTimeoutMs: 200 }

/** A machine with `count` processes of the initramfs, and the facts of each. */
function machine(count: number): { k: ModelKernel; pids: number[]; facts: () => ProcessFacts[] } {
  const k = createBootedModel()
  const pids = Array.from({ length: count }, () => k.spawn('/bin/fulcrum', [], {}))
  return { k, pids, facts: () => readProcesses(k, readOriginContext(k)).filter((p) => pids.includes(p.pid)) }
}

const outcomes = (reports: readonly KillReport[]): string[] => reports.map((it) => it.outcome)
function modelled(k: ModelKernel, pid: number | undefined): NonNullable<ReturnType<ModelKernel['world']['processes']['get']>> {
  const found = k.world.processes.get(pid ?? -1)
  if (found === undefined) throw new Error(`no process ${pid}`)
  return found
}

t.test('SIGTERM, SIGKILL, survivors, in the time that was given', async (t) => {
  const { k, pids, facts } = machine(4)
  modelled(k, pids[1]).endsAfterUs = 300_000n
  modelled(k, pids[2]).endsAfterUs = null
  modelled(k, pids[3]).endsAfterUs = 'never'
  const descriptors = k.proc.fds.size
  const start = k.monotonicUs()
  const reports = killProcesses(k, facts(), TIMES)
  t.strictSame(outcomes(reports), ['terminated', 'terminated', 'killed', 'survived'])
  t.match(reports[3]?.detail, /SIGKILL had no effect in 200 ms \(state S\)/)
  t.strictSame(reports.map((it) => it.tookUs), [0, 300_000, 500_000, 700_000])
  t.equal(k.monotonicUs() - start, 700_000n, 'the sum of both deadlines, however many survive')
  t.equal(k.proc.fds.size, descriptors, 'no pidfd is left open')
  t.strictSame([...k.world.processes.keys()].sort((a, b) => a - b), [1, 2, pids[3]], 'and no zombie')
  t.notOk(k.calls.some((call) => call.syscall === 'kill'), 'never by pid')
})

t.test('however many there are, few descriptors are open at a time', async (t) => {
  const { k, facts } = machine(1200)
  const victims = facts()
  const descriptors = k.proc.fds.size
  let most = 0
  const watched = new Proxy(k, {
    get: (target, key): unknown => {
      most = Math.max(most, target.proc.fds.size)
      const found: unknown = Reflect.get(target, key)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
  const reports = killProcesses(watched, victims, TIMES)
  t.ok(reports.length === 1200 && reports.every((it) => it.outcome === 'terminated'))
  t.strictSame(reports.map((it) => it.pid), victims.map((it) => it.pid), 'each has its report')
  t.ok(most > 100 && most < 600, `${most} open at the most`)
  t.equal(k.proc.fds.size, descriptors)
})

t.test('with no time for SIGTERM there is none', async (t) => {
  const { k, facts } = machine(1)
  t.strictSame(outcomes(killProcesses(k, facts(), { timeoutMs: 0, killTimeoutMs: 10 })), ['killed'])
  t.strictSame(k.calls.filter((call) => call.syscall === 'pidfd_send_signal').map((call) => call.args[1]), [9])
})

t.test('a pid that was given to another process is left alone', async (t) => {
  const { k, pids, facts } = machine(2)
  const before = facts()
  const old = modelled(k, pids[0])
  k.world.processes.delete(old.pid)
  k.world.nowUs += 50_000n
  k.world.addProcess({ ...old, startUs: k.world.nowUs })
  k.world.processes.delete(pids[1] ?? -1)
  t.strictSame(outcomes(killProcesses(k, before, TIMES)), ['gone', 'gone'])
  t.equal(modelled(k, pids[0]).state, 'S')
})

t.test('one that is given the pid between the look and the signal cannot be hit: the pidfd means the first', async (t) => {
  const { k, pids, facts } = machine(1)
  const before = facts()
  const old = modelled(k, pids[0])
  const racing: ModelKernel = {
    ...k,
    pidfdSendSignal: (fd, signal) => {
      if (k.world.processes.get(old.pid) === old) {
        k.world.processes.delete(old.pid)
        old.state = 'Z'
        k.world.addProcess({ ...old, startUs: k.world.nowUs })
      }
      k.pidfdSendSignal(fd, signal)
    },
  }
  t.strictSame(outcomes(killProcesses(racing, before, TIMES)), ['terminated'])
  t.equal(modelled(k, old.pid).state, 'S', 'the new one lives')
})

t.test('one that executes another program by then was not judged', async (t) => {
  const { k, pids, facts } = machine(1)
  const before = facts()
  const process = modelled(k, pids[0])
  const node = k.world.nodeAt(k.world.initramfs, '/lib/libc.so.6')
  if (node === undefined || process.exe === null) throw new Error('no file')
  process.exe = { mnt: process.exe.mnt, node }
  t.strictSame(outcomes(killProcesses(k, before, TIMES)), ['changed'])
  t.equal(process.state, 'S')
})

t.test('a signal that is refused is told, and nothing is waited for', async (t) => {
  const { k, facts } = machine(1)
  const nobody = k.world.addProcess({ comm: 'x', argv: [], exe: k.proc.exe, ns: k.proc.ns, root: k.proc.root, cwd: k.proc.cwd, uid: 1000 })
  const reports = killProcesses(modelKernelFor(k.world, nobody.pid), facts(), TIMES)
  t.match(reports, [{ outcome: 'changed' }], 'it may not even look at the executable')
  const [first] = facts()
  k.failNext('pidfd_send_signal', 'EPERM')
  const start = k.monotonicUs()
  t.match(killProcesses(k, first === undefined ? [] : [first], TIMES), [{ outcome: 'survived', detail: /pidfd_send_signal.*EPERM/ }])
  t.equal(k.monotonicUs(), start)
})

t.test('a pidfd that cannot be opened is told of its process only', async (t) => {
  const { k, facts } = machine(2)
  k.failNext('pidfd_open', 'EMFILE')
  t.match(killProcesses(k, facts(), TIMES), [{ outcome: 'survived', detail: /EMFILE/ }, { outcome: 'terminated' }])
})
