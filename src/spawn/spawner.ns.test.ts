// The spawner on the running kernel: what a child looks like, errors, waiting, failures at every step, many children.
//
// Plans are made by hand (testing/plans.ts). Needs root and a private mount namespace, which the test runner makes.

import { spawn } from 'node:child_process'
import { pbkdf2 } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { PR_GET_DUMPABLE, RLIMIT_NOFILE, SIGKILL } from '../abi/process.ts'
import type { Fd } from '../kernel/kernel.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { SpawnError } from './spawn-error.ts'
import { Spawner } from './spawner.ts'
import type { ExitStatus, RunningChild } from './spawner-types.ts'
import { injectFailures } from './testing/inject-failures.ts'
import { leaks, snapshot } from './testing/leaks.ts'
import { container, plain, planOf, twoChildren } from './testing/plans.ts'
import { calls } from '../plan/run/calls.ts'

const kernel = createKoffiKernel()
const spawner = new Spawner(kernel)
t.teardown(() => spawner.close())
/** What the spawner keeps is made by the first container. */
spawner.start(container(['/bin/true'])).wait()

/** What the plan that `make` answers for an output descriptor writes there. */
function outputOf(make: (stdio: readonly [number, number, number]) => RunPlan): { text: string; status: ExitStatus | null } {
  const out = kernel.memfdCreate('out', 0)
  try {
    const status = spawner.start(make([0, out, out])).wait()
    return { text: kernel.readText(`/proc/self/fd/${out}`), status }
  } finally {
    kernel.close(out)
  }
}
const errorOf = (body: () => unknown): SpawnError => {
  try {
    body()
  } catch (error) {
    if (error instanceof SpawnError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}
const sh = (script: string): string[] => ['/bin/sh', '-c', script]
const STATUS = sh('grep -E "^(SigBlk|SigIgn|SigPnd|CapInh|CapPrm|CapBnd|CapAmb|NoNewPrivs|Uid|Gid|Groups):" /proc/self/status; ulimit -n; umask; pwd; env; echo $(ls /proc/self/fd)')

t.test('a clean process: no signal blocked or ignored, descriptors, limits, environment', async (t) => {
  const { text, status } = outputOf((stdio) => plain(STATUS, { stdio, env: { PATH: '/bin', A: 'ä b' }, workingDirectory: '/tmp' }))
  t.strictSame(status, { code: 0, signal: null })
  for (const line of ['SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000', 'SigPnd:\t0000000000000000', 'CapInh:\t0000000000000000', 'CapAmb:\t0000000000000000', 'NoNewPrivs:\t0', 'Uid:\t0\t0\t0\t0', '1024', '0022', '/tmp', 'A=ä b']) {
    t.ok(text.split('\n').includes(line), line)
  }
  t.equal(text.trimEnd().split('\n').at(-1), '0 1 2 3', 'and the one that ls has opened')
})

t.test('another user, groups, some capabilities, no new privileges', async (t) => {
  const { text } = outputOf((stdio) => plain(STATUS, { stdio, user: { uid: 1234, gid: 567, groups: [8, 9] }, capabilities: ['CAP_KILL'], noNewPrivileges: true }))
  t.match(text, /Uid:\t1234\t1234\t1234\t1234\nGid:\t567\t567\t567\t567\nGroups:\t8 9/)
  t.match(text, /CapPrm:\t0000000000000000\nCapBnd:\t0000000000000020\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1/)
  const root = outputOf((stdio) => plain(STATUS, { stdio, capabilities: ['kill', 'chown'] }))
  t.match(root.text, /CapPrm:\t0000000000000021\nCapBnd:\t0000000000000021/)
})

t.test('standard descriptors that are in the way of each other', async (t) => {
  const [one, two] = [kernel.memfdCreate('one', 0), kernel.memfdCreate('two', 0)]
  t.strictSame(spawner.start(plain(sh('echo out; echo err >&2; test ! -t 0'), { stdio: [2, two, one] })).wait(), { code: 0, signal: null })
  t.equal(kernel.readText(`/proc/self/fd/${two}`), 'out\n')
  t.equal(kernel.readText(`/proc/self/fd/${one}`), 'err\n')
  t.equal(spawner.start(plain(sh('exit 3'), { stdio: [1, 2, 0] })).wait()?.code, 3)
  kernel.close(one)
  kernel.close(two)
})

t.test('how it ended', async (t) => {
  t.strictSame(spawner.start(plain(sh('exit 7'))).wait(), { code: 7, signal: null })
  t.strictSame(spawner.start(plain(sh('kill -9 $$'))).wait(), { code: null, signal: 9 })
  const sleeping = spawner.start(plain(['/bin/sleep', '100']))
  t.equal(sleeping.wait(0), null)
  t.equal(sleeping.wait(30), null, 'not yet')
  sleeping.signal(15)
  t.strictSame(sleeping.wait(), { code: null, signal: 15 })
  t.strictSame(sleeping.wait(), { code: null, signal: 15 }, 'and again')
  t.strictSame(await sleeping.ended, { code: null, signal: 15 })
  sleeping.signal(SIGKILL)
  t.equal(sleeping.handle('root'), null)
})

t.test('ended: from the event loop', async (t) => {
  const before = snapshot(kernel)
  const children = Array.from({ length: 20 }, (_, i) => spawner.start(container(sh(`sleep 0.0${i % 10}; exit ${i}`))))
  const codes = await Promise.all(children.map(async (child) => (await child.ended).code))
  t.strictSame(codes, codes.map((_, i) => i))
  const both = spawner.start(plain(sh('exit 5')))
  const { ended } = both
  t.equal(both.wait()?.code, 5)
  t.equal((await ended).code, 5, 'wait() came first')
  t.strictSame(leaks(kernel, before), [])
})

t.test('the container: PID 1 is our init, its namespaces are its own', async (t) => {
  const { text, status } = outputOf((stdio) => container(sh('cat /proc/1/comm; echo $$; wc -l < /proc/self/mountinfo; exit 6'), { stdio }))
  t.strictSame(status, { code: 6, signal: null })
  t.equal(text, 'init\n2\n2\n')
  const inner = outputOf((stdio) => twoChildren(sh('hostname; echo $$; wc -l < /proc/self/mountinfo; exit 6'), { stdio }))
  t.strictSame([inner.text, inner.status], ['inner\n1\n2\n', { code: 6, signal: null }])
})

t.test('errors say which call of whom', async (t) => {
  const command = errorOf(() => spawner.start(container(['/nonexistent/program', 'x'])))
  t.match(command, { actor: 'child', role: 'command', cause: { code: 'ENOENT' }, shown: 'execve("/nonexistent/program", ["/nonexistent/program","x"], [1 variables])' })
  t.match(command.message, /^Cannot start the command \(plan 'container'\): execve\(.*\), by the new process: ENOENT \(No such file/)
  const host = errorOf(() => spawner.start({ ...plain(sh('')), host: [{ op: 'open-tree', from: '/nonexistent', flags: 1, as: 'x' }] }))
  t.match(host, { actor: 'host', index: 0, role: null, shown: 'open_tree("/nonexistent", OPEN_TREE_CLONE) = x', cause: { code: 'ENOENT' } })
  const option = errorOf(() => spawner.start({ ...plain(sh('')), host: [{ op: 'new-mount', fstype: 'tmpfs', options: [['size', 'many']], attributes: 0, as: 'x' }] }))
  t.match(option, { index: 0, shown: 'fsmount("tmpfs", "size=many", 0) = x', cause: { syscall: 'fsconfig', code: 'EINVAL', hint: /tmpfs: Bad value for 'size'/ } })
  const clone = errorOf(() => spawner.start({ ...plain(sh('')), clone: 0x10000 }))
  t.match(clone, { actor: 'child', index: -1, role: 'clone', cause: { code: 'EINVAL', syscall: 'clone3' } })
  t.throws(() => spawner.start(planOf([calls.fchdir({ handle: 'nobody' })])), RangeError)
  t.equal(kernel.prctl(PR_GET_DUMPABLE, 0), 1, 'and this process is as it was')
})

for (const [name, plan] of [['one child', plain(['/bin/true'])], ['container', container(['/bin/true'], { capabilities: ['chown'], noNewPrivileges: true })], ['two children', twoChildren(['/bin/true'])]] as const) {
  t.test(`a failure at every step leaves nothing: ${name}`, async (t) => {
    const injected = injectFailures(plan, spawner, kernel)
    t.ok(injected.length > 15)
    t.strictSame(injected.filter(({ wrong }) => wrong.length > 0), [])
  })
}

t.test('2,000 in a row, while this process collects garbage, its threads work, and it has other children', async (t) => {
  const before = snapshot(kernel)
  let noise = true
  let others = 0
  let lastOther: Promise<unknown> = Promise.resolve()
  const hash = (): void => void pbkdf2('a', 'b', 20_000, 64, 'sha512', () => noise && hash())
  const child = (): void => {
    const other = spawn('/bin/sh', ['-c', 'exit 9'])
    // Its descriptors are closed by then.
    lastOther = once(other, 'close')
    other.on('exit', (code) => {
      if (code === 9) others += 1
      if (noise) child()
    })
  }
  hash()
  hash()
  child()
  const plans = [plain(['/bin/true']), container(['/bin/true']), twoChildren(['/bin/true']), plain(['/bin/true'])]
  const failures: (ExitStatus | null)[] = []
  let garbage: unknown[] = []
  for (let i = 0; i < 2000; i += 8) {
    const four = spawner.startAll(plans).flatMap((it) => (it instanceof SpawnError ? [] : [it]))
    const eight: RunningChild[] = [...four, ...plans.map((plan) => spawner.start(plan))]
    if (eight.length < 8) failures.push(null)
    garbage = Array.from({ length: 20_000 }, (_, n) => ({ n, text: `${n}` }))
    failures.push(...eight.map((it) => it.wait()).filter((status) => status?.code !== 0))
    if (i % 80 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  noise = false
  t.strictSame([failures, garbage.length], [[], 20_000])
  await lastOther
  t.ok(others > 5, `${others} children of Node ended as they should`)
  t.strictSame(leaks(kernel, before), [])
})

t.test('many at once: one answer for each, whatever the others do', async (t) => {
  const before = snapshot(kernel)
  const started = spawner.startAll([container(sh('exit 1')), plain(['/nonexistent']), twoChildren(sh('exit 3')), { ...plain(sh('')), host: [{ op: 'open', path: '/nonexistent', flags: 0, as: 'x' }] }, plain(sh('exit 5'))])
  t.strictSame(started.map((it) => (it instanceof SpawnError ? `${it.actor} ${it.cause.code}` : it.wait()?.code)), [1, 'child ENOENT', 3, 'host ENOENT', 5])
  t.throws(() => spawner.startAll([container(['/bin/sleep', '1000']), planOf([calls.fchdir({ handle: 'nobody' })])]), RangeError)
  t.strictSame(spawner.startAll([]), [])
  t.strictSame(leaks(kernel, before), [])
  t.equal(kernel.prctl(PR_GET_DUMPABLE, 0), 1)
})

t.test('no descriptor left: wherever that happens, an error and no leak', async (t) => {
  const plans = [plain(['/bin/true']), container(['/bin/true']), twoChildren(['/bin/true'])]
  const before = snapshot(kernel)
  const { soft } = kernel.getLimit(RLIMIT_NOFILE)
  const highest = Math.max(...kernel.readdir('/proc/self/fd').map(Number))
  const outcomes: string[] = []
  for (const plan of plans) for (let free = 0; free < 8; free++) {
    kernel.setSoftLimit(RLIMIT_NOFILE, BigInt(highest + 1))
    const taken: Fd[] = []
    const take = (): void => {
      for (;;) {
        try {
          taken.push(kernel.open('/', 0))
        } catch {
          return
        }
      }
    }
    take()
    for (let i = 0; i < free && taken.length > 0; i++) taken.splice(-1).forEach((fd) => kernel.close(fd))
    try {
      outcomes.push(`${spawner.start(plan).wait()?.code}`)
    } catch (error) {
      outcomes.push(error instanceof SpawnError ? error.cause.code : String(error))
    }
    taken.forEach((fd) => kernel.close(fd))
    kernel.setSoftLimit(RLIMIT_NOFILE, soft)
  }
  t.strictSame([...new Set(outcomes)].sort(), ['0', 'EMFILE'])
  t.strictSame(leaks(kernel, before), [])
})

t.test('64 at once', async (t) => {
  const before = snapshot(kernel)
  const many = Array.from({ length: 64 }, (_, i) => spawner.start(container(sh(`exit ${i}`))))
  t.strictSame(many.map((it) => it.wait()?.code), many.map((_, i) => i))
  t.strictSame(leaks(kernel, before), [])
})

t.test('what runs share: one user namespace for each map, one template; closed with the spawner', async (t) => {
  const own = new Spawner(kernel)
  const before = snapshot(kernel)
  const inside = (map: string): string => {
    const out = kernel.memfdCreate('out', 0)
    const [first, ...rest] = plain(sh('cat /proc/self/uid_map; readlink /proc/self/ns/user'), { stdio: [0, out, out] }).calls
    const list = [calls.setns({ handle: 'user' }, 0x10000000), ...(first === undefined ? [] : [first]), ...rest]
    own.start(planOf(list, { host: [{ op: 'user-namespace', uidMap: map, gidMap: map, as: 'user' }, { op: 'template-namespace', as: 'template' }] })).wait()
    const text = kernel.readText(`/proc/self/fd/${out}`)
    kernel.close(out)
    return text
  }
  const [one, again, other] = [inside('0 0 1000\n'), inside('0 0 1000\n'), inside('0 0 10\n20 100000 5\n')]
  t.match(one, /^ +0 +0 +1000\nuser:\[\d+\]\n$/)
  t.equal(again, one)
  t.match(other, /^ +0 +0 +10\n +20 +100000 +5\nuser:/)
  t.not(other.split('user:')[1], one.split('user:')[1])
  t.equal(leaks(kernel, before).length, 3, 'two of users, one of mounts')
  own.close()
  t.strictSame(leaks(kernel, before), [])
  t.match(inside('0 0 1000\n'), /user:/, 'and are made again')
  own.close()
  const wrong = errorOf(() => own.start(planOf([], { host: [{ op: 'user-namespace', uidMap: '0 0 0\n', gidMap: '0 0 1\n', as: 'user' }] })))
  t.match(wrong, { actor: 'host', index: 0, cause: { code: 'EINVAL' } })
  t.strictSame(leaks(kernel, before), [])
})
