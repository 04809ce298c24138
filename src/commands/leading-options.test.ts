// Option parsing of the drop-in tools, and capability names.

import fc from 'fast-check'
import t from 'tap'
import { capabilityNumber, parseCapabilities } from '../abi/capabilities.ts'
import { parseLeadingOptions } from './leading-options.ts'

const table = { flags: ['n', 'p', 'help'], values: ['c', 'engine'] }
const parse = (...args: string[]): unknown => {
  const { flags, values, rest, problem } = parseLeadingOptions(args, table)
  return { flags: [...flags], values: Object.fromEntries(values), rest, problem }
}
const result = (more: object): object => ({ flags: [], values: {}, rest: [], problem: null, ...more })

t.test('spellings', async (t) => {
  t.strictSame(parse('-np', '-cDEV', 'a'), result({ flags: ['n', 'p'], values: { c: 'DEV' }, rest: ['a'] }))
  t.strictSame(parse('-nc', 'DEV', 'a'), result({ flags: ['n'], values: { c: 'DEV' }, rest: ['a'] }))
  t.strictSame(parse('--engine=x=y', '--help'), result({ flags: ['help'], values: { engine: 'x=y' } }))
  t.strictSame(parse('--engine', '-n', '-'), result({ values: { engine: '-n' }, rest: ['-'] }))
  t.strictSame(parse('-n', '--', '-p'), result({ flags: ['n'], rest: ['-p'] }))
  t.strictSame(parse('a', '-n'), result({ rest: ['a', '-n'] }), 'the rest belongs to init')
})

t.test('mistakes', async (t) => {
  const problems = [['-x'], ['--bogus'], ['-c'], ['--engine'], ['--help=1'], ['--n']].map((args) => parseLeadingOptions(args, table).problem)
  t.strictSame(problems, [
    "invalid option -- 'x'", "unrecognized option '--bogus'", "option requires an argument -- 'c'", "option '--engine' requires an argument",
    "option '--help' doesn't allow an argument", "unrecognized option '--n'",
  ])
})

t.test('property: whatever follows the first plain word comes back as it is', async (t) => {
  fc.assert(fc.property(fc.array(fc.string()), (args) => {
    const { rest } = parseLeadingOptions(['-n', '/sysroot', ...args], table)
    return JSON.stringify(rest) === JSON.stringify(['/sysroot', ...args])
  }))
  t.pass('holds')
})

t.test('capabilities', async (t) => {
  t.strictSame(['CAP_CHOWN', 'cap_sys_admin', 'SYS_MODULE', 'cap_checkpoint_restore', '63'].map(capabilityNumber), [0, 21, 16, 40, 63])
  t.strictSame(['64', '', 'cap_', 'nonsense'].map(capabilityNumber), [undefined, undefined, undefined, undefined])
  t.strictSame(parseCapabilities('sys_boot,,mknod'), { numbers: [22, 27], unknown: null })
  t.equal(parseCapabilities('mknod,bogus').unknown, 'bogus')
})
