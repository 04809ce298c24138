// The wait for the root while hooks of an initqueue run: who may end it, how often they run, what the time-out counts.

import t from 'tap'
import { parseRootSpec, type RootSpec } from '../../facts/block/root-spec.ts'
import { ext4Disk, FakeDeviceKernel } from './fake-kernel-for-tests.ts'
import { createModuleLoader } from './module-loader.ts'
import type { Queue } from './queue.ts'
import { waitForRoot, type RootWait } from './wait-for-root.ts'

const uuid = '0d4dbbf5-3b2d-4a36-a0a5-19c6ad0c0c3a'

interface Waited {
  readonly result: RootWait
  /** When each pass began, milliseconds, and whether it was late. */
  readonly passes: readonly (readonly [number, boolean])[]
}

const vda = ((): RootSpec => {
  const { spec } = parseRootSpec('/dev/vda', null)
  if (spec === null) throw new Error('not a spec')
  return spec
})()

function wait(kernel: FakeDeviceKernel, spec: RootSpec, pass: (count: number) => boolean, more: Partial<Queue> = {}): Waited {
  const passes: [number, boolean][] = []
  const now = (): number => Math.round(Number(kernel.monotonicUs()) / 1000)
  const begin = now()
  const queue: Queue = {
    hasWork: () => false,
    pass: (isLate) => {
      passes.push([now() - begin, isLate])
      return pass(passes.length)
    },
    ...more,
  }
  const result = waitForRoot(kernel, createModuleLoader(kernel, 'K'), spec, { timeoutMs: 6000, rootdelayMs: 0, queue, onProgress: () => undefined })
  return { result, passes }
}

const withDisk = (): FakeDeviceKernel => new FakeDeviceKernel().addBlock('vda', '254:0', ext4Disk(uuid, 'root'))

t.test('a root that is there waits for the hooks of finished', async (t) => {
  const { result, passes } = wait(withDisk(), vda, (count) => count >= 4)
  t.equal(result.outcome, 'block')
  t.equal(passes.length, 4)
  t.ok(passes.every(([at], i) => i === 0 || at - (passes[i - 1]?.[0] ?? 0) >= 500), 'not more often than twice a second')
})

t.test('hooks that are done do not end the wait for a device', async (t) => {
  const { result, passes } = wait(new FakeDeviceKernel(), vda, () => true)
  t.equal(result.outcome, 'timeout')
  t.ok(passes.length > 5, 'they run all the time')
})

t.test('a device that a hook makes is found at once', async (t) => {
  const kernel = new FakeDeviceKernel()
  const { result, passes } = wait(kernel, vda, (count) => {
    if (count === 2) kernel.addBlock('vda', '254:0', ext4Disk(uuid, 'root'))
    return true
  })
  t.equal(result.outcome, 'block')
  t.equal(passes.length, 2)
})

t.test("'hooks': nothing but the queue ends it, and the time", async (t) => {
  t.equal(wait(new FakeDeviceKernel(), { kind: 'hooks' }, (count) => count === 3).result.outcome, 'hooks')
  const { result, passes } = wait(new FakeDeviceKernel(), { kind: 'hooks' }, () => false)
  t.match(result, { outcome: 'timeout' })
  t.same(passes.filter(([at, isLate]) => isLate !== (at >= 4000)), [], "hooks of 'timeout' after two thirds of the time")
  t.ok(passes.some(([, isLate]) => isLate))
})

t.test('a job that was queued runs at once, and one that queues itself for ever does not keep the time from running', async (t) => {
  const kernel = new FakeDeviceKernel()
  let works = 3
  const { passes } = wait(kernel, { kind: 'hooks' }, (count) => {
    works -= 1
    return count === 5
  }, { hasWork: () => works > 0 })
  t.ok((passes[2]?.[0] ?? 1000) < 500)
  t.ok((passes[4]?.[0] ?? 0) >= 1000)
  const endless = new FakeDeviceKernel()
  const { result } = wait(endless, vda, () => {
    endless.nowUs += 20_000n
    return true
  }, { hasWork: () => true })
  t.equal(result.outcome, 'timeout')
})
