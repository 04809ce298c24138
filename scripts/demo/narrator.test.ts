// What the demo prints must be readable in a log file: no escape codes of its own unless the screen can show them,
// none of the guest's ever, and no word lost when a line is broken.
// The screen is a list of strings here.
import t from 'tap'
import { Narrator, plainText, wrap } from './narrator.ts'

function recorded(colour: boolean): { readonly narrator: Narrator; readonly text: () => string } {
  const parts: string[] = []
  return { narrator: new Narrator({ write: (part) => void parts.push(part), colour, unicode: false, columns: 40 }), text: () => parts.join('') }
}

t.test('a pipe gets no escape codes, a terminal does', async (t) => {
  for (const colour of [false, true]) {
    const { narrator, text } = recorded(colour)
    narrator.section('A title', 'about it')
    narrator.console('fulcrum: line')
    narrator.check(false, 'something')
    await narrator.step('work', () => 3, (n) => `made ${n}`)
    t.equal(text().includes('\x1b['), colour)
    t.match(text(), /1\. A title/)
    t.match(text(), /made 3/)
    t.match(text(), /FAILED/)
  }
})

t.test('sections are numbered', async (t) => {
  const { narrator, text } = recorded(false)
  narrator.section('one')
  narrator.section('two')
  t.match(text(), /1\. one\n[^]*2\. two\n/)
})

t.test('wrap keeps every word and never loses indentation', async (t) => {
  t.same(wrap('short', 10), ['short'])
  t.same(wrap('one two three four', 10), ['one two', '    three', '    four'])
  t.same(wrap('anunbreakablewordofmanyletters', 10), ['anunbreakablewordofmanyletters'])
  t.same(wrap('   indentedandverylong x', 10), ['   indentedandverylong', '    x'])
})

t.test('plainText takes away what moves the cursor', async (t) => {
  t.equal(plainText('[\x1b[0;32m  OK  \x1b[0m] Started\r'), '[  OK  ] Started')
  t.equal(plainText('\x1b[!p\x1b]104\x07\x1b[?7hDebian'), 'Debian')
})
