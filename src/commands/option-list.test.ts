// Options that repeat, and where the command begins.
import t from 'tap'
import { UsageError, parseOptionList } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

const SPECS: readonly OptionSpec[] = [
  { name: 'bind', kind: 'value', short: 'b', also: ['mount'] }, { name: 'tty', kind: 'optional', short: 't' }, { name: 'json', kind: 'flag', short: 'j' },
]
const parse = (line: string, words?: number): unknown => parseOptionList(line.split(' ').filter((it) => it !== ''), SPECS, words)

t.test('in order, more than once', async (t) => {
  t.strictSame(parse('--bind a --mount=b -b c -bd -jt --tty=no w'), {
    options: [
      { name: 'bind', value: 'a' }, { name: 'bind', value: 'b' }, { name: 'bind', value: 'c' }, { name: 'bind', value: 'd' },
      { name: 'json', value: null }, { name: 'tty', value: null }, { name: 'tty', value: 'no' },
    ],
    words: ['w'], command: null,
  })
  t.match(parse('--bind= x'), { options: [{ name: 'bind', value: '' }], words: ['x'] })
  t.match(parse('--bind a=b=c'), { options: [{ value: 'a=b=c' }] })
})

t.test('the command', async (t) => {
  t.match(parse('-j root ls -l --tty', 1), { options: [{ name: 'json' }], words: ['root'], command: ['ls', '-l', '--tty'] })
  t.match(parse('root -j -- ls -- -l', 1), { options: [{ name: 'json' }], words: ['root'], command: ['ls', '--', '-l'] })
  t.match(parse('-- ls', 1), { words: [], command: ['ls'] })
  t.match(parse('root', 1), { words: ['root'], command: null })
  t.match(parse('root --', 1), { words: ['root'], command: [] })
  t.match(parse('a - b'), { words: ['a', '-', 'b'] })
})

t.test('mistakes', async (t) => {
  t.throws(() => parse('--bin a'), new UsageError("Cannot understand option '--bin': did you mean '--bind'?"))
  t.throws(() => parse('--quite-else'), new UsageError("Cannot understand option '--quite-else'"))
  t.throws(() => parse('-x'), new UsageError("Cannot understand option '-x'"))
  t.throws(() => parse('--bind'), new UsageError("Cannot understand '--bind': expected a value behind it"))
  t.throws(() => parse('-b'), new UsageError("Cannot understand '-b': expected a value behind it"))
  t.throws(() => parse('--json=1'), /takes no value/)
})
