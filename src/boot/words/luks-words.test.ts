// The words about encrypted devices: both dialects, and what cannot be understood.
//
// Forms: dracut.cmdline(7), systemd-cryptsetup-generator(8).
import t from 'tap'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { findParameter } from '../parameter-table.ts'
import { luksParameters, readLuksWords } from './luks-words.ts'
import type { LuksWords } from './luks-words.ts'
import { WordReader } from './reader.ts'

const A = '0f0c0000-0000-4000-8000-00000000000a'
const B = '0F0C0000-0000-4000-8000-00000000000B'

function read(text: string): { readonly words: LuksWords; readonly problems: number } {
  const reader = new WordReader(parseCommandLine(text), findParameter)
  return { words: readLuksWords(reader), problems: reader.problems.length }
}

t.test('each word has its effect', async (t) => {
  const cases: readonly (readonly [string, Partial<LuksWords>, number])[] = [
    ['rd.luks=0', { isOn: false }, 0],
    ['luks=no', { isOn: false }, 0],
    [`rd.luks.uuid=luks-${B} luks.uuid=12ab`, { uuids: [B.toLowerCase(), '12ab'] }, 0],
    [`rd.luks.name=${A}=root luks.name=${B}=my.home`, { names: [{ uuid: A, name: 'root' }, { uuid: B.toLowerCase(), name: 'my.home' }] }, 0],
    [`rd.luks.name=${A}`, { names: [] }, 1],
    [`rd.luks.name=${A}=a/b`, { names: [] }, 1],
    ['rd.luks.partuuid=AB-1', { partUuids: ['ab-1'] }, 0],
    ['rd.luks.key=/etc/key', { keys: [{ of: null, path: '/etc/key', device: null }] }, 0],
    [`rd.luks.key=/k:LABEL=stick:UUID=${A}`, { keys: [{ of: A, path: '/k', device: 'LABEL=stick' }] }, 0],
    [`rd.luks.key=${A}=/k:UUID=1234-5678`, { keys: [{ of: A, path: '/k', device: 'UUID=1234-5678' }] }, 0],
    ['luks.key=etc/key', { keys: [] }, 1],
    ['rd.luks.key.tout=3', { keyTimeoutMs: 3000 }, 0],
    ['rd.luks.options=discard,timeout=10', { options: [{ of: null, text: 'discard,timeout=10' }] }, 0],
    [`luks.options=${A}=tries=5`, { options: [{ of: A, text: 'tries=5' }] }, 0],
    ['rd.luks.timeout=30', { timeoutMs: 30_000 }, 0],
    ['rd.luks.timeout=0', { timeoutMs: null }, 0],
    ['rd.luks.crypttab=no', { useCrypttab: false }, 0],
    ['rd.luks.allow-discards', { discards: 'all' }, 0],
    [`rd.luks.allow-discards=${A}`, { discards: [A] }, 0],
  ]
  const defaults = read('').words
  for (const [text, expected, problems] of cases) {
    const seen = read(text)
    t.same(seen.words, { ...defaults, ...expected }, text)
    t.equal(seen.problems, problems, `${text}: problems`)
  }
  const used = new Set(cases.flatMap(([text]) => parseCommandLine(text).words.map((w) => findParameter(w.key)?.key)))
  t.same(luksParameters.filter((p) => !used.has(p.key)).map((p) => p.key), [], 'every word of the table is tried')
})

t.test('defaults', async (t) => {
  t.same(read('root=/dev/mapper/x').words, {
    isOn: true, useCrypttab: true, uuids: [], partUuids: [], names: [], keys: [], options: [], timeoutMs: null, keyTimeoutMs: 10_000, discards: [],
  })
})
