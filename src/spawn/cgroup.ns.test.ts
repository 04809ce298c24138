// The cgroup of a run on the running kernel: born in it, limits, what is left in it, failures.
//
// cgroup2 is mounted in the private namespace of the test; its groups are real and are removed.

import t from 'tap'
import { CLONE_NEWNS } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { handle } from '../plan/run/calls.ts'
import { commandTail } from '../plan/run/command-tail.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { makeCgroup, removeCgroup } from './cgroup.ts'
import { Spawner } from './spawner.ts'
import { injectFailures } from './testing/inject-failures.ts'
import { planOf, requestFor } from './testing/plans.ts'

const kernel = createKoffiKernel()
const spawner = new Spawner(kernel)
const mounted = `/tmp/fulcrum-cgroup-${process.pid}`
kernel.mkdir(mounted, 0o700)
kernel.mount('cgroup2', mounted, 'cgroup2', 0, null)
const parent = `${mounted}/fulcrum-test-${process.pid}`
t.teardown(() => {
  spawner.close()
  removeCgroup(kernel, parent)
  kernel.umount2(mounted, 0)
  kernel.rmdir(mounted)
})

const inCgroup = (script: string, files: readonly (readonly [string, string])[] = []): RunPlan => planOf(commandTail(requestFor(['/bin/sh', '-c', script]), '/bin/sh'), {
  clone: CLONE_NEWNS, intoCgroup: handle('cgroup'), host: [{ op: 'cgroup', path: `${parent}/deep/one`, files, as: 'cgroup' }],
})

t.test('born in it; it is gone at the end, its parents stay', async (t) => {
  t.ok(spawner.features.cloneIntoCgroup)
  const child = spawner.start(inCgroup(`read line < /proc/self/cgroup; grep -q ':/fulcrum-test-${process.pid}/deep/one$' /proc/self/cgroup`, [['cgroup.max.depth', '7']]))
  t.equal(kernel.readText(`${parent}/deep/one/cgroup.max.depth`), '7\n')
  t.strictSame(child.wait(), { code: 0, signal: null })
  t.notOk(kernel.exists(`${parent}/deep/one`))
  t.ok(kernel.exists(`${parent}/deep`))
})

t.test('processes that outlive the command are ended with their cgroups', async (t) => {
  const child = spawner.start(inCgroup(`mkdir ${parent}/deep/one/below; (echo 0 > ${parent}/deep/one/below/cgroup.procs; exec sleep 1000) & sleep 1000 & sleep 0.1`))
  t.equal(child.wait()?.code, 0)
  t.notOk(kernel.exists(`${parent}/deep/one`))
})

t.test('one that a killed run has left is taken over, one with processes is not', async (t) => {
  kernel.mkdir(`${parent}/deep/one`, 0o755)
  const child = spawner.start(inCgroup('sleep 1000'))
  t.throws(() => spawner.start(inCgroup('true')), { actor: 'host', cause: { code: 'EEXIST' } })
  t.ok(kernel.exists(`${parent}/deep/one`), 'and stays')
  child.signal(9)
  t.equal(child.wait()?.signal, 9)
  t.throws(() => makeCgroup(kernel, `${parent}/two`, [['cgroup.max.depth', 'many']]), { code: 'EINVAL' })
  t.notOk(kernel.exists(`${parent}/two`))
  t.throws(() => makeCgroup(kernel, `${parent}/two`, [['nothing.max', '1']]), { code: 'EINVAL' }, 'a controller that is not there')
})

t.test('a failure at every step leaves nothing', async (t) => {
  t.strictSame(injectFailures(inCgroup('exit 0'), spawner, kernel).filter(({ wrong }) => wrong.length > 0), [])
})
