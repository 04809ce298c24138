// The demo's command line: defaults, both spellings of an option with a value, and what is said of a wrong one.
// A wrong option must never start a build, so every error is thrown before anything is done.
// Tests of options.ts only; the demo as a whole is run by people.
import t from 'tap'
import { parseOptions } from './options.ts'

t.test('defaults and every option', async (t) => {
  t.same(parseOptions([]), { series: '7.x', engine: 'auto', keep: null, fast: false })
  t.same(parseOptions(['--kernel', '6.12', '--engine=move', '--keep', 'none', '--fast']), { series: '6.12', engine: 'move', keep: 'none', fast: true })
  t.equal(parseOptions(['--fast', '--help']), null)
})

t.test('what is wrong is said', async (t) => {
  t.throws(() => parseOptions(['--kernel', '5.10']), { message: "Cannot use '--kernel 5.10': expected '6.1' or '6.12' or '7.x'" })
  t.throws(() => parseOptions(['--keep']), /Cannot use '--keep '/)
  t.throws(() => parseOptions(['quick']), /Cannot understand 'quick'/)
})
