// The command line of fulcrum replace: what it means, and what makes no sense.
//
// In the order of the man page.  fulcrum-replace(1)

import t from 'tap'
import { UsageError } from './option-list.ts'
import { parseReplaceArguments } from './replace-arguments.ts'

function mistakeIn(words: readonly string[]): unknown {
  try {
    return parseReplaceArguments(words)
  } catch (error) {
    return error instanceof UsageError ? error.message : error
  }
}

t.test('what it means', async (t) => {
  t.match(parseReplaceArguments(['/v2', '/usr']), { action: 'replace', source: { kind: 'path', path: '/v2', recursive: false }, dryRun: false, request: { target: '/usr', options: '', submounts: 'carry' } })
  t.match(parseReplaceArguments(['--layer', 'a', '--layer=b', '--base', '/b', '/usr']), { source: { kind: 'layers', layers: ['a', 'b'], base: '/b' }, request: { target: '/usr' } })
  t.match(parseReplaceArguments(['--type=tmpfs', '--options', 'size=1m', '--read-only', 'x', '/opt', '--keep-old', '--keep-for-rollback', '--drop-submounts', '--make-mountpoints', '--allow-window', '--dry-run', '--json']), {
    dryRun: true, json: true,
    request: { fstype: 'tmpfs', options: 'size=1m,ro', keepOld: true, keepForRollback: true, submounts: 'drop', makeMountPoints: true, allowWindow: true },
  })
  t.match(parseReplaceArguments(['--', '-v2', '/usr']), { source: { path: '-v2' } })
  t.same(parseReplaceArguments(['--finish', '/usr', '--json']), { action: 'finish', target: '/usr', json: true })
  t.same(parseReplaceArguments(['--rollback', '/usr']), { action: 'rollback', target: '/usr', json: false })
})

t.test('what makes no sense', async (t) => {
  for (const words of [[], ['/a'], ['/a', '/b', '/c'], ['--layer', 'x'], ['--layer', 'x', '/a', '/b'], ['--layer='], ['--type'], ['--base', 'x', '/a', '/b'], ['--nonsense', '/a', '/b'],
    ['--layer', 'x', '--type', 'y', '/a'], ['--finish', '--rollback', '/a'], ['--finish', '--keep-old', '/a'], ['--finish'], ['--type', 'a', '--type', 'b', '/a', '/b']]) {
    t.match(mistakeIn(words), /^Cannot /, words.join(' '))
  }
})
