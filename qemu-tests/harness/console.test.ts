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

t.test('what the kernel says in the middle of a line comes behind it', async (t) => {
  const stream = '[    1.000000] first\r\nfulcrum: unmou[   12.345678] EXT4-fs (vda): unmounting\r\n[   12.400000] again\r\nnted /oldroot (ext4)\r\n[   13.000000] sd [sda]\r\n[ ok ] [1/2] x\r\nlogin: [   14.000000] last\r\n'
  const wanted = '[    1.000000] first\r\nfulcrum: unmounted /oldroot (ext4)\r\n[   12.345678] EXT4-fs (vda): unmounting\r\n[   12.400000] again\r\n[   13.000000] sd [sda]\r\n[ ok ] [1/2] x\r\nlogin: [   14.000000] last\r\n'
  for (const size of [1, 2, 3, 5, 7, 1000]) {
    const console = new Console(() => {})
    for (let at = 0; at < stream.length; at += size) console.feed(stream.slice(at, at + size))
    t.equal(console.text, wanted, `in pieces of ${size}`)
  }
})

t.test('a message of the kernel behind a prompt is seen before the line goes on', async (t) => {
  const console = new Console(() => {})
  console.feed('fulcr[    1.000000] one\r\num> ')
  await console.waitFor(/^fulcrum> /m)
  console.feed('[    2.000000] Kernel panic')
  t.match(console.text, /Kernel panic$/)
  await console.waitFor(/Kernel panic/)
  console.feed(' - not syncing\r\nps\r\nfulcrum> ')
  await console.waitFor(/^fulcrum> /m)
  t.match(console.text, /fulcrum> ps\r\n[^]* - not syncing\r\nfulcrum> $/)
})
