// The promise, on the kernel of this machine: readers in the host's, a peer, a slave and a pivoted namespace open and
// read a marker without pause while it is replaced again and again; none sees what lies below, a step back or an error.
//
// Beside it unmount and mount, which they must see: otherwise the readers prove nothing.  docs/replace.md

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { guestProgram } from '../../qemu-tests/harness/guest-programs.ts'
import { MNT_DETACH, MS_BIND } from '../abi/mount.ts'
import { readReplaceFacts } from '../facts/replace/read-replace-facts.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { planReplace } from '../plan/replace.ts'
import { executeReplace } from './execute-replace.ts'
import { finishReplace, replaceMount, rollBackReplace } from './replace.ts'
import type { ReplaceOutcome } from './replace.ts'
import { kernel, makeWorld, request, trace, withoutDetached } from './world-for-tests.ts'
import type { World } from './world-for-tests.ts'

const program = guestProgram('marker-reader')
const MODES = ['host', 'peer', 'slave', 'pivot'] as const
const READS = 100_000

interface Counts {
  readonly reads: number
  readonly errors: number
  readonly below: number
  readonly back: number
  readonly newest: number
}

function parse(line: string): Counts {
  const field = (name: string): number => Number(new RegExp(` ${name} (\\d+)`).exec(line)?.[1])
  return { reads: field('reads'), errors: field('errors'), below: field('below'), back: field('back'), newest: field('newest') }
}

/** Starts a reader; the result ends it and tells what it saw. */
async function reader(mode: string, path: string): Promise<() => Promise<Counts>> {
  const child = spawn(program, [mode, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  await new Promise((resolve) => child.stdout.on('data', (data: string) => {
    text += data
    if (text.includes('ready\n')) resolve(undefined)
  }))
  return () => new Promise((resolve) => {
    child.once('close', () => resolve(parse(text)))
    child.kill('SIGTERM')
  })
}

async function underReaders(w: World, path: string, swap: (version: number) => void): Promise<{ readonly counts: Counts[]; readonly swaps: number }> {
  const readers = await Promise.all(MODES.map((mode) => reader(mode, path)))
  let swaps = 0
  for (const start = Date.now(); swaps < 20 || Date.now() - start < 1500; swaps += 1) {
    swap(swaps + 2)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  // The last one is seen by all before they are stopped.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  return { counts: await Promise.all(readers.map((end) => end())), swaps }
}

const sum = (counts: readonly Counts[], of: keyof Counts): number => counts.reduce((all, one) => all + one[of], 0)

for (const [name, k] of [['beneath', kernel], ['beneath, by staging', withoutDetached(kernel)]] satisfies [string, Kernel][]) {
  for (const path of ['marker', 'sub/inner/marker']) {
    await t.test(`${name}: ${path}`, async (t) => {
      const w = makeWorld()
      // The carried mount has a number too, which stays.
      writeFileSync(`${w.target}/sub/inner/marker`, '1')
      const { counts, swaps } = await underReaders(w, `${w.target}/${path}`, (version) => {
        const asked = request(w.version(String(version)), w.target)
        const { plan, refusal } = planReplace(asked, readReplaceFacts(k, asked))
        if (plan === null) throw new Error(refusal.detail)
        executeReplace(k, plan, trace())
      })
      t.comment(`${swaps} swaps, ${sum(counts, 'reads')} reads`)
      t.ok(sum(counts, 'reads') >= READS, `${sum(counts, 'reads')} reads`)
      t.ok(swaps >= 20, `${swaps} swaps`)
      t.strictSame(counts.map(({ errors, below, back }) => [errors, below, back]), counts.map(() => [0, 0, 0]), `no wrong read in ${MODES.join(', ')}`)
      if (path === 'marker') t.strictSame(counts.map((one) => one.newest), counts.map(() => swaps + 1), 'all have seen the last one')
      t.equal(readFileSync(`${w.target}/marker`, 'utf8'), String(swaps + 1))
      w.end()
    })
  }
}

await t.test('waiting, finished, rolled back', async (t) => {
  const w = makeWorld()
  const rounds: (() => ReplaceOutcome)[] = [
    () => replaceMount(kernel, request(w.version('2'), w.target, { keepOld: true }), trace()),
    () => rollBackReplace(kernel, w.target, trace()),
    () => replaceMount(kernel, request(w.version('2'), w.target, { keepOld: true }), trace()),
    () => finishReplace(kernel, w.target),
    () => replaceMount(kernel, request(w.version('3'), w.target, { keepForRollback: true }), trace()),
    () => rollBackReplace(kernel, w.target, trace()),
    () => replaceMount(kernel, request({ kind: 'layers', layers: [w.version('4')], base: null }, w.target), trace()),
    () => rollBackReplace(kernel, w.target, trace()),
  ]
  const { counts } = await underReaders(w, `${w.target}/marker`, (version) => {
    const { refusal } = rounds[(version - 2) % rounds.length]?.() ?? {}
    if (refusal !== null) throw new Error(refusal?.detail)
  })
  // They do step back here: that is what a rollback is.
  t.strictSame(counts.map(({ errors, below }) => [errors, below]), counts.map(() => [0, 0]), `no wrong read of ${sum(counts, 'reads')}`)
  w.end()
})

await t.test('"/", by pivot_root: readers of this namespace', async (t) => {
  const w = makeWorld('private')
  const readers = await Promise.all([1, 2, 3].map(() => reader('host', `${w.target}/marker`)))
  const root = kernel.uniqueMountId('/')
  for (let i = 0; i < 20; i += 1) {
    const asked = request('/', '/')
    const { plan, refusal } = planReplace(asked, readReplaceFacts(kernel, asked))
    if (plan === null) throw new Error(refusal.detail)
    executeReplace(kernel, plan, trace())
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const counts = await Promise.all(readers.map((end) => end()))
  t.not(kernel.uniqueMountId('/'), root)
  t.comment(`20 swaps, ${sum(counts, 'reads')} reads`)
  t.strictSame(counts.map(({ errors, below, back }) => [errors, below, back]), counts.map(() => [0, 0, 0]), 'no wrong read')
  w.end()
})

t.test('unmount and mount: they see it', async (t) => {
  let wrong = 0
  // Who gets the processor when is not for this test to say: once is enough.
  for (let round = 0; round < 20 && wrong === 0; round += 1) {
    const w = makeWorld()
    const { counts, swaps } = await underReaders(w, `${w.target}/marker`, (version) => {
      const source = w.version(String(version))
      kernel.umount2(w.target, MNT_DETACH)
      kernel.mount(source, w.target, null, MS_BIND, null)
    })
    wrong = sum(counts, 'below') + sum(counts, 'errors')
    t.comment(`${swaps} swaps, ${sum(counts, 'reads')} reads, ${wrong} wrong`)
    w.end()
  }
  t.ok(wrong > 0, 'the readers see a window where there is one')
})
