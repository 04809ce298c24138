// The splitting of the kernel command line, against what lib/cmdline.c does with the same text: quotes,
// repeats, '--', and any garbage. Cases with awkward quoting are those that dracut's own test thought of.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import fc from 'fast-check'
import { lastValue, lastWord, moduleParameters, parseBoolean, parseCommandLine, withSettings, wordText, wordsOf } from './cmdline.ts'

const pairs = (text: string): (readonly [string, string | null])[] => parseCommandLine(text).words.map((w) => [w.key, w.value])

t.test('words are split as next_arg() of the kernel splits them', async (t) => {
  const cases: readonly (readonly [string, readonly (readonly [string, string | null])[]])[] = [
    ['', []],
    ['  \n', []],
    ['a\tb\n', [['a', null], ['b', null]]],
    ['a= b', [['a', ''], ['b', null]]],
    ['a=b=c', [['a', 'b=c']]],
    ['=a', [['=a', null]]],
    ['=a=b', [['=a', 'b']]],
    ['a="b c"', [['a', 'b c']]],
    ['"a=b c"', [['a', 'b c']]],
    ['"a b"=c', [['a b"', 'c']]],
    ['"a b"', [['a b', null]]],
    ['a="', [['a', '']]],
    ['a="b c', [['a', 'b c']]],
    ['a=""', [['a', '']]],
    ['""', [['', null]]],
    // Quotes inside a word keep it together and stay.
    ['a=b"c d"e', [['a', 'b"c d"e']]],
    ['root=LABEL="my disk"', [['root', 'LABEL="my disk"']]],
    ['dyndbg="file a.c +p; func b +p"', [['dyndbg', 'file a.c +p; func b +p']]],
  ]
  for (const [text, expected] of cases) t.same(pairs(text), expected, JSON.stringify(text))
})

t.test('awkward quoting: the cases that dracut checks its own parser with', async (t) => {
  const line = parseCommandLine(
    'one=0 two=x two=y three="  in  3  " "  four  ="in4 "fi  ve=in  5" "six 6=""in  6" seven="foo"bar" baz="end "  eight  =  in 8  "\n"nine 9"="in 9"',
  )
  t.equal(lastValue(line, 'one'), '0')
  t.equal(lastValue(line, 'two'), 'y', 'the last one wins')
  t.same(wordsOf(line, 'two').map((w) => w.value), ['x', 'y'], 'repeats are kept')
  t.equal(lastValue(line, 'three'), '  in  3  ')
  t.equal(lastValue(line, '  four  '), 'in4')
  t.equal(lastValue(line, 'fi  ve'), 'in  5')
  t.equal(lastValue(line, 'six 6'), '"in  6')
  t.equal(lastValue(line, 'seven'), 'foo"bar" baz="end')
  t.equal(lastValue(line, '  eight  '), '  in 8  ')
  t.equal(lastValue(line, 'nine 9"'), 'in 9')
  for (const key of ['on', '4', 've', 'six', 'eight', '9', '"', 'baz']) t.equal(lastWord(line, key), undefined, `no '${key}'`)
})

t.test('"--" ends the kernel\'s words, a second one ends everything', async (t) => {
  const line = parseCommandLine('a -- b=c "d e" -x -- lost')
  t.same(line.words.map(wordText), ['a'])
  t.same(line.initWords.map(wordText), ['b=c', 'd e', '-x'])
  t.same(parseCommandLine('a --x').words.map(wordText), ['a', '--x'], 'a word that begins with -- is a word')
})

t.test('dash and underscore are equal in keys', async (t) => {
  const line = parseCommandLine('rd.dry-run module_blacklist=a')
  t.ok(lastWord(line, 'rd.dry_run'))
  t.equal(lastValue(line, 'module-blacklist'), 'a')
})

t.test('booleans', async (t) => {
  for (const text of [null, '1', 'yes', 'on', 'TRUE', 'y', 't']) t.equal(parseBoolean(text), true, String(text))
  for (const text of ['0', 'no', 'Off', 'false', 'n', 'f']) t.equal(parseBoolean(text), false, text)
  for (const text of ['', '2', 'maybe']) t.equal(parseBoolean(text), undefined, JSON.stringify(text))
})

t.test('module parameters are collected in order and quoted again', async (t) => {
  const line = parseCommandLine('snd-hda-intel.model=x snd_hda_intel.power=1 loop.max_loop=8 dm.x="a b" dm.flag dm.')
  t.equal(moduleParameters(line, 'snd_hda_intel'), 'model=x power=1')
  t.equal(moduleParameters(line, 'snd-hda-intel'), 'model=x power=1')
  t.equal(moduleParameters(line, 'dm'), 'x="a b" flag')
  t.equal(moduleParameters(line, 'nvme'), '')
})

t.test('settings win over the line', async (t) => {
  const line = withSettings(parseCommandLine('root=/dev/a ro'), { root: 'LABEL=b c', rw: true })
  t.equal(lastValue(line, 'root'), 'LABEL=b c')
  t.equal(lastWord(line, 'ro', 'rw')?.key, 'rw')
})

t.test('properties', async (t) => {
  const plain = fc.stringMatching(/^[a-z0-9._:/,-]{1,8}$/).filter((s) => s !== '--')
  const value = fc.stringMatching(/^[a-z0-9 =.\t-]{0,8}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(plain, fc.option(value))), fc.stringMatching(/^[ \t\n]{1,3}$/), (words, gap) => {
      const text = words.map(([k, v]) => (v === null ? k : `${k}="${v}"`)).join(gap)
      t.same(pairs(text), words, text)
    }),
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      const line = parseCommandLine(text)
      // Raw words of the line give the same line again, for any garbage.
      const again = parseCommandLine(line.words.map((w) => w.raw).join(' '))
      t.same(again.words, line.words, JSON.stringify(text))
    }),
  )
  t.end()
})
