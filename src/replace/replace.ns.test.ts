// Replacements on the kernel of this machine: every kind of source and target, what is carried over, who sees it.
//
// Everything twice where it differs: as the kernel does it, and as one before 6.15 has to.  docs/replace.md

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { MNT_DETACH, MS_BIND, MS_PRIVATE, MS_SHARED, MS_SLAVE } from '../abi/mount.ts'
import { REPLACE_DIRECTORY } from '../facts/replace/replace-types.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { finishReplace, replaceMount, rollBackReplace } from './replace.ts'
import type { ReplaceOutcome, ReplaceReport } from './replace.ts'
import { inNamespace, kernel, makeWorld, request, trace, withoutBeneath, withoutDetached } from './world-for-tests.ts'

const ways: readonly (readonly [string, Kernel])[] = [['as this kernel does', kernel], ['by staging', withoutDetached(kernel)]]

function done(outcome: ReplaceOutcome): ReplaceReport {
  if (outcome.report === null) throw new Error(`Cannot: ${outcome.refusal.detail}`)
  return outcome.report
}
const verdicts = (report: ReplaceReport): string[] => report.places.map((one) => `${one.own ? 'own' : 'other'} ${one.verdict}`)
const stackHeight = (path: string): number => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.split(' ')[4] === path).length

for (const [way, k] of ways) {
  await t.test(`${way}: a directory, twice in a row, with the submount, into other namespaces`, async (t) => {
    const w = makeWorld()
    const [slave, peer, alone] = [await inNamespace('slave'), await inNamespace('unchanged'), await inNamespace('private')]
    const first = done(replaceMount(k, request(w.version('2'), w.target), trace()))
    t.strictSame(verdicts(first), ['own flipped', 'other flipped', 'other flipped', 'other private'])
    t.strictSame([w.marker(), slave.read(`${w.target}/marker`), peer.read(`${w.target}/marker`), alone.read(`${w.target}/marker`)], ['2', '2', '2', '1'])
    t.strictSame([w, slave, peer].map((one) => ('read' in one ? one.read(`${w.target}/sub/marker`) : readFileSync(`${w.target}/sub/marker`, 'utf8'))), ['sub', 'sub', 'sub'])
    const second = done(replaceMount(k, request(w.version('3'), w.target), trace()))
    t.strictSame(verdicts(second).filter((one) => one !== 'other private'), ['own flipped', 'other flipped', 'other flipped'])
    t.strictSame([w.marker(), slave.read(`${w.target}/marker`), peer.read(`${w.target}/sub/marker`), alone.read(`${w.target}/marker`)], ['3', '3', 'sub', '1'])
    t.strictSame([slave, peer].map((one) => one.read(`${w.target}/sub/inner/marker`)), ['inner', 'inner'], 'mounts on submounts too')
    t.equal(readFileSync(`${w.target}/sub/inner/marker`, 'utf8'), 'inner')
    t.equal(stackHeight(w.target), 1, 'nothing piles up')
    t.equal(existsSync(REPLACE_DIRECTORY) ? readdirSync(REPLACE_DIRECTORY).length : 0, 0, 'nothing is kept')
    // Links between the copies live on: an event on the new one arrives.
    kernel.mount('event', `${w.target}/sub`, 'tmpfs', 0, null)
    t.match(readFileSync(`/proc/${slave.pid}/mountinfo`, 'utf8'), / - tmpfs event /)
    for (const one of [slave, peer, alone]) await one.end()
    w.end()
  })

  await t.test(`${way}: images, a new file system, a file, layers`, async (t) => {
    const w = makeWorld()
    const image = `${w.base}/image`
    spawnSync('mksquashfs', [w.version('squash'), image, '-quiet', '-no-progress'])
    t.equal(done(replaceMount(k, request(image, w.target), trace())).new.fstype, 'squashfs')
    t.equal(w.marker(), 'squash')
    const fresh = done(replaceMount(k, request({ kind: 'type', fstype: 'tmpfs', source: 'made' }, w.target, { options: 'size=64k,nosuid', makeMountPoints: true }), trace()))
    t.match(fresh.new, { fstype: 'tmpfs', source: 'made' })
    t.match(readFileSync('/proc/self/mountinfo', 'utf8'), / rw,nosuid,relatime .*- tmpfs made rw,size=64k/)
    const file = `${w.base}/file`
    for (const name of ['file', 'one', 'two']) writeFileSync(`${w.base}/${name}`, name)
    kernel.mount(`${w.base}/one`, file, null, MS_BIND, null)
    kernel.mount('none', file, null, MS_PRIVATE, null)
    done(replaceMount(k, request(`${w.base}/two`, file), trace()))
    t.equal(readFileSync(file, 'utf8'), 'two')
    t.match(replaceMount(k, request(w.base, file), trace()).refusal, { reason: 'kind-mismatch' })

    // System extensions: an image whose directory is at the target's own path, and a plain directory.
    const tree = w.version('ext')
    mkdirSync(`${tree}${w.target}`, { recursive: true })
    writeFileSync(`${tree}${w.target}/from-image`, 'ext')
    const extension = `${w.base}/extension`
    spawnSync('mksquashfs', [tree, extension, '-quiet', '-no-progress'])
    const plain = w.version('plain')
    done(replaceMount(k, request(w.version('base'), w.target), trace()))
    done(replaceMount(k, request({ kind: 'layers', layers: [extension], base: null }, w.target), trace()))
    t.strictSame([w.marker(), readFileSync(`${w.target}/from-image`, 'utf8'), readFileSync(`${w.target}/sub/marker`, 'utf8')], ['base', 'ext', 'sub'])
    // Again, with other layers: over the base, not over the overlay.
    const again = done(replaceMount(k, request({ kind: 'layers', layers: [plain], base: null }, w.target), trace()))
    t.equal(again.new.fstype, 'overlay')
    t.strictSame([w.marker(), existsSync(`${w.target}/from-image`)], ['plain', false])
    t.equal(done(rollBackReplace(k, w.target, trace())).action, 'rolled-back')
    t.strictSame([w.marker(), stackHeight(w.target), readdirSync(REPLACE_DIRECTORY).length, stackHeight(REPLACE_DIRECTORY)], ['base', 1, 0, 0])
    w.end()
  })

  await t.test(`${way}: kept old one, finished or rolled back, here and in a service`, async (t) => {
    const w = makeWorld()
    const slave = await inNamespace('slave')
    const pending = done(replaceMount(k, request(w.version('2'), w.target, { keepOld: true }), trace()))
    t.strictSame([pending.action, ...verdicts(pending)], ['pending', 'own pending', 'other pending'])
    t.strictSame([w.marker(), slave.read(`${w.target}/marker`)], ['1', '1'])
    t.equal(done(finishReplace(k, w.target)).action, 'finished')
    t.strictSame([w.marker(), slave.read(`${w.target}/marker`), slave.read(`${w.target}/sub/marker`)], ['2', '2', 'sub'])
    t.match(finishReplace(k, w.target).refusal, { reason: 'nothing-to-finish' })
    t.match(rollBackReplace(k, w.target, trace()).refusal, { reason: 'nothing-to-roll-back' })

    const before = w.tree()
    done(replaceMount(k, request(w.version('3'), w.target, { keepOld: true }), trace()))
    const back = done(rollBackReplace(k, w.target, trace()))
    t.strictSame([back.action, ...verdicts(back)], ['rolled-back', 'own flipped', 'other flipped'])
    t.equal(w.tree(), before, 'the same mounts, ids and groups')
    t.equal(slave.read(`${w.target}/marker`), '2')

    // A service that lifts it itself: nobody else does.
    done(replaceMount(k, request(w.version('4'), w.target, { keepOld: true, keepForRollback: true }), trace()))
    const lift = spawnSync('nsenter', ['-t', String(slave.pid), '-m', process.execPath, '--no-warnings', `${import.meta.dirname}/../main.ts`, 'replace', '--finish', w.target], { encoding: 'utf8' })
    t.match(lift.stdout, /replaced by/, lift.stderr)
    t.strictSame([w.marker(), slave.read(`${w.target}/marker`)], ['2', '4'])
    // Taking it back now: the service must not see what lies below.
    const mixed = done(rollBackReplace(k, w.target, trace()))
    t.match(mixed.notes.join(), /stays hidden below/)
    t.strictSame([w.marker(), slave.read(`${w.target}/marker`), slave.read(`${w.target}/sub/marker`)], ['2', '2', 'sub'])
    await slave.end()
    w.end()
  })

  await t.test(`${way}: rolled back after it was done`, async (t) => {
    const w = makeWorld('private')
    done(replaceMount(k, request(w.version('2'), w.target, { keepForRollback: true }), trace()))
    done(replaceMount(k, request(w.version('3'), w.target, { keepForRollback: true }), trace()))
    t.equal(w.marker(), '3')
    const back = done(rollBackReplace(k, w.target, trace()))
    t.strictSame([w.marker(), readFileSync(`${w.target}/sub/marker`, 'utf8'), back.action], ['2', 'sub', 'rolled-back'])
    t.strictSame([stackHeight(w.target), stackHeight(REPLACE_DIRECTORY)], [1, 0])
    t.match(rollBackReplace(k, w.target, trace()).refusal, { reason: 'nothing-to-roll-back' })
    w.end()
  })
}

t.test('stacks, and mounts of a service that lie on top', async (t) => {
  const w = makeWorld()
  kernel.mount('top', w.target, 'tmpfs', 0, null)
  writeFileSync(`${w.target}/marker`, 'top')
  const service = await inNamespace('slave')
  spawnSync('nsenter', ['-t', String(service.pid), '-m', 'mount', '-t', 'tmpfs', 'own', w.target])
  const report = done(replaceMount(kernel, request(w.version('2'), w.target), trace()))
  t.strictSame(verdicts(report), ['own flipped', 'other covered'])
  t.match(report.places[1]?.why, /tmpfs own/)
  t.equal(w.marker(), '2')
  kernel.umount2(w.target, MNT_DETACH)
  t.equal(w.marker(), '1', 'only the topmost was lifted')
  spawnSync('nsenter', ['-t', String(service.pid), '-m', 'umount', w.target])
  t.equal(service.read(`${w.target}/marker`), '1')
  await service.end()
  w.end()
})

t.test('submounts in stacks and below each other', async (t) => {
  const w = makeWorld()
  mkdirSync(`${w.target}/a/b`, { recursive: true })
  kernel.mount('hidden', `${w.target}/a/b`, 'tmpfs', 0, null)
  kernel.mount('above', `${w.target}/a`, 'tmpfs', 0, null)
  kernel.mount('stacked', `${w.target}/a`, 'tmpfs', 0, null)
  const source = w.version('2')
  mkdirSync(`${source}/a`)
  done(replaceMount(kernel, request(source, w.target), trace()))
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`${w.target}/a`))
  t.equal(lines.length, 1)
  t.match(lines[0], / - tmpfs stacked /)
  w.end()
})

t.test('what is refused, and why', async (t) => {
  const w = makeWorld()
  const refusal = (source: string, target: string, more = {}): unknown => replaceMount(kernel, request(source, target, more), trace()).refusal
  const before = w.tree()
  t.match(refusal(w.base, `${w.base}/nothing`), { reason: 'target-missing' })
  t.match(refusal(w.base, w.version('x')), { reason: 'not-mount-point', remedy: /--make-private/ })
  t.match(refusal(`${w.base}/nothing`, w.target), { reason: 'source-unusable', detail: /does not exist/ })
  writeFileSync(`${w.base}/text`, 'no file system')
  t.match(refusal(`${w.base}/text`, w.target), { reason: 'source-unusable', detail: /no file system/ })
  t.match(refusal('/dev/null', w.target), { reason: 'source-unusable' })
  const bare = w.version('bare')
  kernel.rmdir(`${bare}/sub`)
  kernel.symlink('/tmp', `${bare}/sub`)
  t.match(refusal(bare, w.target), { reason: 'submount-place-missing', detail: /'sub'/ }, 'a link is no place')
  kernel.unlink(`${bare}/sub`)
  t.match(refusal(bare, w.target), { reason: 'submount-place-missing', detail: /'sub'/ })
  const old = replaceMount(withoutBeneath(kernel), request(bare, w.target), trace())
  t.match(old.refusal, { reason: 'beneath-impossible', detail: /6\.5/, remedy: /--allow-window/ })
  t.equal(w.tree(), before)
  // A bind of its own shared parent: the kernel would mount it on itself.
  const self = w.version('self')
  kernel.mount(self, self, null, MS_BIND, null)
  t.match(refusal(bare, self), { reason: 'beneath-impossible', remedy: /make-private/ })
  kernel.mount('none', self, null, MS_PRIVATE, null)
  t.equal(refusal(bare, self), null)
  t.equal(refusal(bare, w.target, { submounts: 'drop' }), null)
  t.equal(readFileSync(`${w.target}/marker`, 'utf8'), 'bare')
  w.end()
})

t.test('with a window where it cannot be done otherwise', async (t) => {
  for (const [way, base] of ways) {
    const w = makeWorld()
    const said: string[] = []
    const report = done(replaceMount(withoutBeneath(base), request(w.version('2'), w.target, { allowWindow: true }), trace(), (plan) => said.push(...plan.notes)))
    t.match(said.join(), /readers see what lies below/, way)
    t.strictSame([report.window, w.marker(), readFileSync(`${w.target}/sub/marker`, 'utf8'), stackHeight(w.target)], [true, '2', 'sub', 1])
    w.end()
  }
})

t.test('the new one hears of others as the old one did', async (t) => {
  const w = makeWorld('private')
  kernel.mount('none', w.target, null, MS_SHARED, null)
  done(replaceMount(kernel, request(w.version('2'), w.target), trace()))
  const line = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((one) => one.split(' ')[4] === w.target)
  t.match(line, / shared:/)
  kernel.mount('none', w.target, null, MS_SLAVE, null)
  w.end()
})
