// The rules file: what is taken means the same to a full TOML parser, and what is not is told with its line.

import * as fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import t from 'tap'
import { parseRulesFile, RulesFileError } from './rules-file.ts'

const FILE = '/etc/fulcrum/processes.toml'

t.test('an example', async (t) => {
  const text = `# what to keep
default = "kill" # the rest
timeout-ms = 3000

[[rule]]
action = 'keep'
exe = "/bin/multipathd"

[[ rule ]]   # a script
action = "kill"
argument = "*/dhcp \\"x\\" \\u0041"
uid = 0
name = 'sh'\r
`
  t.strictSame(parseRulesFile(text, FILE), {
    default: 'kill', timeoutMs: 3000,
    rules: [
      { action: 'keep', exe: '/bin/multipathd', where: `'${FILE}', line 5` },
      { action: 'kill', name: 'sh', argument: '*/dhcp "x" A', uid: 0, where: `'${FILE}', line 9` },
    ],
  })
  t.strictSame(parseRulesFile('', FILE), { default: null, timeoutMs: null, rules: [] })
})

t.test('errors name the line and what is expected', async (t) => {
  const rows: readonly (readonly [string, number, RegExp])[] = [
    ['default = "spare"', 1, /expected 'keep' or 'kill', not 'spare'/],
    ['default = keep', 1, /Cannot understand the value 'keep'/],
    ['\ntimeout-ms = "5"', 2, /expected a whole number/],
    ['timeout-ms = -1', 1, /Cannot understand the value/],
    ['timeout-ms = 1_000', 1, /Cannot understand the value/],
    ['timeout-ms = 007', 1, /Cannot understand the value/],
    ['action = "keep"', 1, /there is no key 'action' here, there are 'default', 'timeout-ms'/],
    ['[[rule]]\nexe = "x"', 1, /needs an 'action'/],
    ['[[rule]]\naction = "keep"', 1, /needs one of 'exe'/],
    ['[[rule]]\naction = "keep"\nexec = "x"', 3, /there is no key 'exec' here, there are 'action', 'exe'/],
    ['[[rule]]\naction = "keep"\nexe = ""', 3, /expected a pattern in quotes/],
    ['[[rule]]\naction = "keep"\nexe = 7', 3, /expected a pattern/],
    ['[[rule]]\naction = "keep"\nuid = "0"', 3, /expected a whole number/],
    ['[[rule]]\naction = "keep"\nname = "a"\nname = "b"', 4, /given twice/],
    ['[rule]', 1, /there is no table '\[rule\]'/],
    ['[[rules]]', 1, /only \[\[rule\]\]/],
    ['nonsense', 1, /expected KEY = VALUE/],
    ['[[rule]]\naction = "keep"\nexe = "a\\q"', 3, /escape/],
    ['[[rule]]\naction = "keep"\nexe = "a\\ud800"', 3, /escape/],
    ['[[rule]]\naction = "keep"\nexe = "a\0"', 3, /control/],
  ]
  for (const [text, line, detail] of rows) {
    t.throws(() => parseRulesFile(text, FILE), { name: 'RulesFileError', message: new RegExp(`^Cannot read '${FILE}', line ${line}: .*${detail.source}`) }, JSON.stringify(text))
  }
})

t.test('what is taken, a full TOML parser takes and reads the same', async (t) => {
  const piece = fc.constantFrom(
    'default = "keep"', 'default = \'kill\'', 'timeout-ms = 0', 'timeout-ms = 15', '[[rule]]', '[[rule]] # x', 'action = "keep"', 'action="kill"',
    'exe = "/bin/x*"', "exe = 'C:\\y'", 'exe = "\\t\\\\\\u00e9#"', 'name = "#no comment" # comment', 'uid = 1000', 'argument = "a\tb"', '', '# "', '  \t', "name = ''' '''",
    'name = """x"""', 'uid = 0x10', 'uid = 1.5', 'exe = ["a"]', 'a.b = 1', '"exe" = "q"', 'exe = "x" y', 'uid = true',
  )
  let taken = 0
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (lines) => {
      const text = lines.join('\n')
      let own: ReturnType<typeof parseRulesFile>
      try {
        own = parseRulesFile(text, FILE)
      } catch (error) {
        if (error instanceof RulesFileError) return
        throw error
      }
      taken += 1
      const full = parseToml(text)
      const rules = own.rules.map(({ where: _, ...rule }) => rule)
      const expected = { ...(own.default === null ? {} : { default: own.default }), ...(own.timeoutMs === null ? {} : { 'timeout-ms': own.timeoutMs }), ...(rules.length === 0 ? {} : { rule: rules }) }
      if (JSON.stringify(sorted(full)) !== JSON.stringify(sorted(expected))) throw new Error(`${text}\n${JSON.stringify(full)}\n${JSON.stringify(expected)}`)
    }),
    { numRuns: 3000, seed: 7 },
  )
  t.ok(taken > 100, `${taken} files were taken`)
})

/** Keys in order, so that texts can be compared. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]))
}
