// Signals by name and number, as signal(7) has them and as people write them.
import t from 'tap'
import { signalName, signalNumber } from './signals.ts'

t.test('numbers', async (t) => {
  for (const [text, number] of [['TERM', 15], ['SIGTERM', 15], ['sigterm', 15], ['15', 15], ['64', 64], ['RTMIN', 34], ['SIGRTMIN+3', 37], ['rtmax-1', 63], ['WINCH', 28], ['SYS', 31]] as const) {
    t.equal(signalNumber(text), number, text)
  }
  for (const text of ['', '0', '65', 'SIG', 'NOPE', 'RTMIN-1', 'RTMAX+1', 'RTMIN+31', '-9', 'TERM ']) t.equal(signalNumber(text), null, `'${text}'`)
})

t.test('names', async (t) => {
  t.strictSame([9, 34, 37, 64, 32, 99].map(signalName), ['SIGKILL', 'SIGRTMIN', 'SIGRTMIN+3', 'SIGRTMIN+30', 'signal 32', 'signal 99'])
  for (let n = 1; n <= 31; n += 1) t.equal(signalNumber(signalName(n)), n)
})
