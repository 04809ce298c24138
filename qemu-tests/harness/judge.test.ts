// Tests of the judgement: every way of going wrong must be seen, and only a real pass may pass.
import t from 'tap'
import { GOOD_BOOT, diedBeforeInit, findPanic, judge } from './judge.ts'
import type { Observation } from './judge.ts'

const good: Observation = {
  console: '[    1.0] Run /init as init process\nfulcrum: 0.1.0\n',
  tap: '1..2\nok 1 - a\nok 2 - b\n{"record":"done","scriptStatus":0}\n',
  exitStatus: 0,
  shutdown: 'guest-shutdown',
  timedOut: false,
  qemuErrors: '',
}

t.test('a good boot', async (t) => t.same(judge(good, GOOD_BOOT), []))

t.test('each flaw alone is enough', async (t) => {
  const flaws: readonly (readonly [RegExp, Partial<Observation>])[] = [
    [/out of time/, { timedOut: true }],
    [/Kernel in trouble: Kernel panic/, { console: `${good.console}Kernel panic - not syncing: x\n` }],
    [/Kernel in trouble: BUG/, { console: `${good.console}[ 2.0] BUG: kernel NULL pointer\n` }],
    [/point 2 failed: b/, { tap: good.tap.replace('ok 2', 'not ok 2') }],
    [/no plan/, { tap: good.tap.replace('1..2\n', '') }],
    [/planned 3 points and sent 2/, { tap: good.tap.replace('1..2', '1..3') }],
    [/planned nothing/, { tap: '1..0\n{"record":"done","scriptStatus":0}\n' }],
    [/did not say/, { tap: good.tap.replace(/\{.*\}/, '') }],
    [/status 2/, { tap: good.tap.replace('"scriptStatus":0', '"scriptStatus":2') }],
    [/bailed out: x/, { tap: `${good.tap}Bail out! x\n` }],
    [/did not end by poweroff: guest-reset/, { shutdown: 'guest-reset' }],
    [/QEMU ended with status 1: boom/, { exitStatus: 1, qemuErrors: 'boom\n' }],
    [/never spoke/, { conversation: 'Console never spoke' }],
    [/no plan/, { tap: '' }],
  ]
  for (const [pattern, flaw] of flaws) {
    const complaints = judge({ ...good, ...flaw }, GOOD_BOOT)
    t.ok(complaints.some((complaint) => pattern.test(complaint)), `${pattern}`)
  }
})

t.test('an expected panic and console patterns', async (t) => {
  const panicked = { ...good, console: `${good.console}Kernel panic - not syncing: y`, tap: '' }
  t.same(judge(panicked, { report: 'none', end: 'panic' }), [])
  t.same(judge(good, { report: 'none', end: 'panic' }), ['Kernel did not panic'])
  t.same(judge(good, { ...GOOD_BOOT, consoleHas: [/0\.1\.0/], consoleLacks: [/rescue/] }), [])
  t.equal(judge(good, { ...GOOD_BOOT, consoleHas: [/rescue/], consoleLacks: [/fulcrum/] }).length, 2)
})

t.test('only a death before PID 1 may be retried', async (t) => {
  const early = { ...good, console: '[    0.5] double fault: 0000\n', tap: '' }
  t.equal(diedBeforeInit(early), true)
  t.equal(diedBeforeInit({ ...early, timedOut: true }), false, 'a hang is not retried')
  t.equal(diedBeforeInit({ ...early, console: `${early.console}Run /init as init process` }), false)
  t.equal(diedBeforeInit({ ...early, console: 'fulcrum: 0.1.0' }), false, 'quiet boots show our first line only')
  t.equal(diedBeforeInit({ ...early, tap: '1..1' }), false)
  const { shutdown, ...silent } = { ...early, console: '' }
  t.equal(shutdown, 'guest-shutdown')
  t.equal(diedBeforeInit(silent), false, 'QEMU that never started the guest')
})

t.test('panic lines', async (t) => {
  t.equal(findPanic('x\n[ 1] Kernel panic - not syncing: VFS\r\n'), 'Kernel panic - not syncing: VFS')
  t.equal(findPanic('DEBUG: all is well'), undefined)
})
