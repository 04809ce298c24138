// A replacement that fails at any call leaves what was: the same mounts with the same ids, no loop device, descriptor
// or file. Each call in turn throws EIO once, in the middle and in the swap itself.
//
// What the old one had is looked at by mountinfo as text: ids, parents, peer groups.  docs/replace.md

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { MS_BIND, MS_REMOUNT, MS_SHARED, MS_SLAVE } from '../abi/mount.ts'
import { CLONE_NEWNS } from '../abi/process.ts'
import { readReplaceFacts } from '../facts/replace/read-replace-facts.ts'
import type { ReplaceRequest } from '../facts/replace/replace-types.ts'
import { planReplace } from '../plan/replace.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { executeReplace, ReplaceError } from './execute-replace.ts'
import { failingKernel, footprint, inNamespace, kernel, makeWorld, request, trace, withoutBeneath, withoutDetached } from './world-for-tests.ts'
import type { World } from './world-for-tests.ts'

interface Case {
  readonly name: string
  readonly parent?: 'shared' | 'private' | 'slave'
  readonly as?: (kernel: Kernel) => Kernel
  readonly more?: Partial<ReplaceRequest>
  readonly source: (w: World) => ReplaceRequest['source'] | string
  /** After a failure the old mount is a clone of itself: ids differ. */
  readonly plain?: true
}

const image = (w: World): string => {
  if (!existsSync(`${w.base}/image`)) spawnSync('mksquashfs', [w.version('9'), `${w.base}/image`, '-quiet', '-no-progress'])
  return `${w.base}/image`
}

const cases: readonly Case[] = [
  { name: 'a directory', source: (w) => w.version('2') },
  { name: 'a directory, nothing shared', parent: 'private', source: (w) => w.version('2') },
  { name: 'an image on a slave, kept for rollback', parent: 'slave', source: image, more: { keepForRollback: true } },
  { name: 'an image, by staging', as: withoutDetached, source: image },
  { name: 'layers', source: (w) => ({ kind: 'layers', layers: [image(w)], base: null }) },
  { name: 'layers, by staging', as: withoutDetached, source: (w) => ({ kind: 'layers', layers: [image(w)], base: null }) },
  { name: 'a new file system with new places, the old one kept', source: () => ({ kind: 'type', fstype: 'tmpfs', source: 'x' }), more: { makeMountPoints: true, keepOld: true } },
  { name: 'with a window', as: (of) => withoutBeneath(withoutDetached(of)), source: image, more: { allowWindow: true }, plain: true },
]

/** The world, a service that hears of it, and what is asked for. */
async function prepare(one: Case): Promise<{ readonly w: World; readonly asked: ReplaceRequest; readonly look: () => string; readonly end: () => Promise<void> }> {
  const w = makeWorld(one.parent === 'private' ? 'private' : 'shared')
  const service = await inNamespace('slave')
  if (one.parent === 'slave') {
    // In a copy of the world whose mounts hear of the first one.
    kernel.unshare(CLONE_NEWNS)
    kernel.mount('none', w.base, null, MS_SLAVE, null)
  }
  if (one.parent === 'private') kernel.mount('none', w.target, null, MS_SHARED, null)
  const source = one.source(w)
  const asked = request(source, w.target, { ...one.more, source: typeof source === 'string' ? { kind: 'path', path: source, recursive: false } : source })
  const theirs = (): string => readFileSync(`/proc/${service.pid}/mountinfo`, 'utf8').split('\n').filter((line) => line.includes(w.base)).map((line) => (one.plain ? line.replaceAll(/\d+/g, '') : line)).sort().join('\n')
  const end = async (): Promise<void> => {
    await service.end()
    w.end()
  }
  return { w, asked, look: () => `${footprint(w, one.plain)}\n${theirs()}`, end }
}

for (const one of cases) {
  await t.test(one.name, async (t) => {
    const calls: string[] = []
    let tolerated = 0
    let scene = await prepare(one)
    let before = scene.look()
    for (let at = 0; ; at += 1) {
      const { w, asked, look } = scene
      const failing = failingKernel(at)
      const k = one.as?.(failing.kernel) ?? failing.kernel
      const { plan } = planReplace(asked, readReplaceFacts(k, asked))
      if (plan === null) throw new Error('Cannot happen: refused')
      failing.arm()
      let error: unknown = null
      try {
        executeReplace(k, plan, trace())
      } catch (thrown) {
        error = thrown
      }
      const failed = failing.failed()
      if (failed === null) {
        t.equal(error, null)
        if (!one.more?.keepOld) t.not(w.marker(), '1')
        t.equal(readFileSync(`${w.target}/sub/inner/marker`, 'utf8'), 'inner')
        break
      }
      if (error === null) {
        // A call that may fail: it was done nevertheless.
        tolerated += 1
        await scene.end()
        scene = await prepare(one)
        before = scene.look()
        continue
      }
      calls.push(failed)
      const what = `call ${at}, ${failed}`
      if (!(error instanceof ReplaceError)) t.fail(`${what}: ${String(error)}`)
      else if (error.left.length > 0) t.fail(`${what}: left ${error.left.join('; ')}`)
      for (let wait = 0; wait < 3000 && look() !== before; wait += 1) kernel.sleepMs(10)
      if (look() !== before) {
        t.strictSame(look(), before, what)
        break
      }
      if (w.marker() !== '1') t.fail(`${what}: the old one is not to be seen`)
    }
    t.ok(calls.length > 10, `taken back after each of ${calls.length} failures; ${tolerated} calls may fail`)
    for (const call of one.more?.keepOld ? ['moveMount', 'openTree'] : ['moveMount', 'umount2', 'openTree']) t.ok(calls.includes(call), `${call} among them`)
    await scene.end()
  })
}

await t.test('the lift on top of a stack: the new one stays hidden, and it is said', async (t) => {
  const w = makeWorld()
  kernel.mount('top', w.target, 'tmpfs', 0, null)
  const asked = request(w.version('2'), w.target)
  const { plan } = planReplace(asked, readReplaceFacts(kernel, asked))
  if (plan === null) throw new Error('Cannot happen: refused')
  const failing = failingKernel(0, 'umount2')
  failing.arm()
  t.throws(() => executeReplace(failing.kernel, plan, trace()), { name: 'ReplaceError', left: [/it lies in a stack/] })
  t.match(readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.split(' ')[4] === w.target).length, 3)
  t.notOk(existsSync(`${w.target}/marker`), 'the one on top is still there')
  w.end()
})

await t.test('"/", up to its last step', async (t) => {
  const w = makeWorld('private')
  const asked = request('/', '/', { options: 'ro' })
  const look = (): string => [...readFileSync('/proc/self/mountinfo', 'utf8').split('\n').sort(), footprint(w), String(existsSync('/run/fulcrum'))].join('\n')
  const before = look()
  const calls: string[] = []
  for (let at = 0; ; at += 1) {
    const failing = failingKernel(at)
    const { plan } = planReplace(asked, readReplaceFacts(failing.kernel, asked))
    if (plan === null) throw new Error('Cannot happen: refused')
    failing.arm()
    let error: unknown = null
    try {
      executeReplace(failing.kernel, plan, trace())
    } catch (thrown) {
      error = thrown
    }
    const failed = failing.failed()
    if (failed === null) break
    if (error === null) break
    calls.push(failed)
    if (error instanceof ReplaceError && error.left.length > 0) t.fail(`call ${at}, ${failed}: left ${error.left.join('; ')}`)
    if (look() === before) continue
    t.equal(look(), before, `call ${at}, ${failed}`)
    break
  }
  t.ok(calls.includes('pivotRoot') && calls.at(-1) === 'umount2', `taken back after each of ${calls.length} failures`)
  t.throws(() => kernel.mkdir(`/tmp/fulcrum-read-only-${kernel.getpid()}`, 0o700), { code: 'EROFS' })
  t.equal(w.marker(), '1')
  kernel.mount('none', '/', null, MS_REMOUNT | MS_BIND, null)
  w.end()
})
