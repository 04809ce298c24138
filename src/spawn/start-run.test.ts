// Which plan comes after one that failed: a spawner that fails as it is told says in which order they came.
//
// What really happens is in services.ns.test.ts; here are also cases that this machine cannot have.

import t from 'tap'
import { runFacts, serviceRequest } from '../facts/run/request-for-tests.ts'
import type { ServiceRequest } from '../facts/run/run-types.ts'
import { SyscallError } from '../kernel/errors.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { RunPlan } from '../plan/run/run-plan.ts'
import { MOUNTS_CHANGED } from '../plan/run/service.ts'
import { SpawnError } from './spawn-error.ts'
import { RunRefused, startRun, startRuns } from './start-run.ts'
import { kernelWith } from './testing/service-bed.ts'

const EINVAL = 22
const ENOMEM = 12
type Failure = (plan: RunPlan) => { readonly actor: 'host' | 'child'; readonly index: number; readonly errno: number } | null

const changed: Failure = ({ calls }) => ({ actor: 'child', index: calls.findIndex(({ label }) => label === MOUNTS_CHANGED), errno: 9 })
const atStep = (op: string, errno: number): Failure => ({ host }) => {
  const index = host.findIndex((step) => step.op === op)
  return index < 0 ? null : { actor: 'host', index, errno }
}

/** Names of the plans that were tried, and how it ended. */
function tried(changes: Partial<ServiceRequest>, failure: Failure, facts: { readonly absolute?: boolean; readonly openTreeNamespace?: boolean } = {}): { plans: string[]; end: unknown } {
  const kernel = createKoffiKernel()
  const info = facts.absolute === true ? '1 1 0:2 / / rw - rootfs rootfs rw\n' : '2 1 0:3 / / rw - ext4 /dev/vda rw\n'
  const older = kernelWith(kernel, { getuid: () => 0, readText: () => info, uniqueMountId: () => { throw new SyscallError('statx', [], 38) } })
  const plans: string[] = []
  const features = { ...runFacts.features, openTreeNamespace: facts.openTreeNamespace === true }
  const start = (plan: RunPlan): never => {
    plans.push(plan.name)
    const failed = failure(plan)
    if (failed === null) throw new Error('started')
    throw new SpawnError(plan, { ...failed, shown: 'x', cause: new SyscallError('x', [], failed.errno), role: null })
  }
  try {
    startRun(older, { features, start }, { ...serviceRequest, root: '/', command: ['sh'], ...changes })
  } catch (error) {
    return { plans, end: error instanceof SpawnError ? error.cause.code : error instanceof RunRefused ? error.refusal.reason : error instanceof Error ? error.message : error }
  }
  throw new Error('cannot happen')
}

const repeated = (name: string, times: number): string[] => Array.from({ length: times }, () => name)

t.test('mounts that change', async (t) => {
  const once = (name: string): Failure => (plan) => (plan.name === name ? changed(plan) : null)
  t.strictSame(tried({}, once('service-pivot-template')), { plans: [...repeated('service-pivot-template', 3), 'service-pivot'], end: 'started' })
  let left = 2
  t.strictSame(tried({}, (plan) => (left-- > 0 ? changed(plan) : null)), { plans: repeated('service-pivot-template', 3), end: 'started' })
  const binds = [{ source: '/', target: '/', readOnly: false, recursive: true }]
  t.strictSame(tried({ binds }, changed, { openTreeNamespace: true }), { plans: repeated('service-namespace', 30), end: 'EBADF' })
})

t.test('no template: in the initramfs before Linux 7.0', async (t) => {
  t.strictSame(tried({}, atStep('template-namespace', EINVAL), { absolute: true }), { plans: ['service-pivot-template', 'service-move'], end: 'started' })
  t.strictSame(tried({}, atStep('template-namespace', ENOMEM)), { plans: ['service-pivot-template'], end: 'ENOMEM' }, 'for any other reason that is the end')
  t.strictSame(tried({ engine: 'pivot' }, () => null, { absolute: true }), { plans: [], end: 'pivot-impossible' })
})

t.test('an unbindable root', async (t) => {
  t.strictSame(tried({}, atStep('open-tree', EINVAL)), { plans: ['service-pivot-template', 'service-pivot'], end: 'started' })
  t.strictSame(tried({}, atStep('open-tree', EINVAL), { openTreeNamespace: true }), { plans: ['service-namespace', 'service-pivot'], end: 'started' })
  t.strictSame(tried({ engine: 'namespace' }, atStep('open-tree', EINVAL), { openTreeNamespace: true }), { plans: ['service-namespace'], end: 'EINVAL' }, 'only where it was left to us')
})

t.test('any other failure is the end', async (t) => {
  const command: Failure = ({ calls }) => ({ actor: 'child', index: calls.length - 1, errno: 2 })
  t.strictSame(tried({}, command), { plans: ['service-pivot-template'], end: 'ENOENT' })
})

t.test('many at once: each has its own answer, and those that were overtaken are tried again one by one', async (t) => {
  const kernel = kernelWith(createKoffiKernel(), { getuid: () => 0, readText: () => '2 1 0:3 / / rw - ext4 /dev/vda rw\n', uniqueMountId: () => { throw new SyscallError('statx', [], 38) } })
  const acts: string[] = []
  const overtaken = (plan: RunPlan): SpawnError => new SpawnError(plan, { ...(changed(plan) ?? { actor: 'child', index: 0, errno: 0 }), shown: 'x', cause: new SyscallError('poll', [], 9), role: null })
  const start = (plan: RunPlan): never => {
    acts.push(`start ${plan.name}`)
    throw new Error('started')
  }
  const startAll = (plans: readonly RunPlan[]): SpawnError[] => {
    acts.push(`all ${plans.map(({ name }) => name).join(' ')}`)
    return plans.map(overtaken)
  }
  const wish = { ...serviceRequest, root: '/', command: ['sh'] }
  const answers = startRuns(kernel, { features: { ...runFacts.features, openTreeNamespace: false }, start, startAll }, [wish, { ...wish, root: '/nonexistent' }, { ...wish, engine: 'move' }])
  t.strictSame(acts, ['all service-pivot-template service-move', 'start service-pivot-template'])
  t.match(answers, [{ message: 'started' }, RunRefused, SpawnError])
  t.match(answers[1], { refusal: { reason: 'new-root-missing' } })
})
