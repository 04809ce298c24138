// The rounds of hooks in /shutdown: how often, with which word, and that nothing they do stops the way down.

import t from 'tap'
import { createModelKernel } from '../kernel/model/model-kernel.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { file } from '../kernel/model/vfs.ts'
import { shutdownHooks } from './dracut-hooks.ts'

const RUNNER = '/lib/fulcrum/run-hooks'

interface Played {
  readonly model: ModelKernel
  readonly calls: string[]
  readonly problems: string[]
  readonly hooks: ReturnType<typeof shutdownHooks>
}

function play(points: readonly string[], answer: (call: number) => number | null): Played {
  const calls: string[] = []
  const problems: string[] = []
  const hooked = Object.fromEntries(points.map((point) => [`/var/lib/dracut/hooks/${point}/50-a.sh`, file('')]))
  const model = createModelKernel({ absoluteRoot: false, files: { [RUNNER]: file('#!/bin/sh\n', 0o755), ...hooked } })
  model.world.programs.set(RUNNER, (args) => {
    calls.push(args.join(' '))
    return { code: answer(calls.length) }
  })
  const watchdog = { feed: () => undefined, intervalMs: 1000, note: null }
  return { model, calls, problems, hooks: shutdownHooks(model, 'poweroff', watchdog, (line) => problems.push(line)) }
}

t.test('rounds until all answer 0', async (t) => {
  const { hooks, calls, problems } = play(['pre-shutdown', 'shutdown'], (call) => (call < 4 ? 10 : 0))
  hooks.before()
  t.equal(hooks.after(), true)
  t.same(calls, ['round pre-shutdown', 'round shutdown', 'round shutdown', 'round shutdown'])
  t.same(problems, [])
})

t.test('the last of forty rounds says final, and then it is told', async (t) => {
  const { hooks, calls, problems } = play(['shutdown'], () => 10)
  t.equal(hooks.after(), true)
  t.equal(calls.length, 40)
  t.equal(calls.at(-1), 'round shutdown final')
  t.notMatch(calls.slice(0, -1).join(), 'final')
  t.match(problems, [/did not answer 0/])
})

t.test('a hook that cannot be run is told once; points without hooks start nothing', async (t) => {
  const { hooks, calls, problems } = play(['shutdown'], () => 2)
  hooks.before()
  t.equal(hooks.after(), true)
  t.same(calls, ['round shutdown'])
  t.match(problems, [/Cannot run the hooks of 'shutdown': exit status 2/])
  t.equal(play([], () => 0).hooks.after(), false)
})
