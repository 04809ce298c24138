// Tests of waiting and answering on a console.
import t from 'tap'
import { Console } from './console.ts'

t.test('text split anywhere is found, and only once', async (t) => {
  const sent: string[] = []
  const console = new Console((text) => sent.push(text))
  const found = console.waitFor(/rescue> $/)
  console.feed('boot\r\nres')
  console.feed('cue> ')
  t.equal((await found)[0], 'rescue> ')
  console.send('ps\r')
  t.same(sent, ['ps\r'])
  const next = console.waitFor(/(\d+) processes/)
  console.feed('ps\r\n12 processes\r\nrescue> ')
  t.equal((await next)[1], '12')
  t.equal((await console.waitFor(/rescue> /)).index >= 0, true)
})

t.test('the end of the guest fails a wait at once', async (t) => {
  const console = new Console(() => {})
  const wait = console.waitFor(/never/, 60_000)
  console.feed('something else')
  console.close()
  await t.rejects(wait, /the guest ended, last was "something else"/)
})

t.test('a pattern that half a line would match is a mistake', async (t) => {
  const console = new Console(() => {})
  await t.rejects(console.waitFor(/^init: .*$/m, 1), TypeError)
  const whole = console.waitFor(/^init: .*\r?\n/m)
  console.feed('init: half')
  console.feed(' and half\r\n')
  t.equal((await whole)[0], 'init: half and half\r\n')
})

t.test('time runs out', async (t) => {
  await t.rejects(new Console(() => {}).waitFor(/x/, 1), /1 ms are over/)
})
