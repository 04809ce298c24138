// The tables of made-up answers: which columns are merged, what a cell says of a tool that failed, what fulcrum is
// not forgiven. The answers of real tools are in conformance.ns.test.ts.
import t from 'tap'
import { parseMountInfo } from '../../src/facts/mountinfo.ts'
import type { Implementation } from './implementations.ts'
import type { Observation } from './observation.ts'
import { cellText, complaintsOf, messageOf } from './outcome.ts'
import type { Answer } from './run-scenarios.ts'
import type { Scenario } from './scenario.ts'
import { differences, onlyFulcrum, tables } from './table.ts'

const BEFORE = parseMountInfo('10 1 0:1 / / rw - tmpfs old rw\n11 10 0:2 / /proc rw - proc proc rw\n12 10 0:3 / /newroot rw - tmpfs new rw\n')
const OLD = ['/init', '/marker/', '/marker/other']

function seen(more: Partial<Observation> = {}): Observation {
  return {
    end: 'exit', status: 1, ms: 1, out: '', err: 'switch_root: no\nmore\n', console: '', filesAtEnd: 3, oldTree: OLD, newTree: ['/sbin/init'], keepTree: ['/seen'], others: [],
    mountsBefore: BEFORE, mountsAfter: BEFORE, boundingBefore: 0n, process: null, isChild: false, ...more,
  }
}

const refused: Scenario = { id: 'a', group: 'Group', title: 'a | title', tools: ['switch_root'], expect: { end: 'refusal', says: /no/ } }
const implementation = (name: string, key: string): Implementation => ({ name, key, programs: { switch_root: 'x' }, files: {} })
const answer = (name: string, key: string, observation: Observation | null): Answer => ({ scenario: refused, tool: 'switch_root', implementation: implementation(name, key), observation })

t.test('cells', async (t) => {
  const text = (one: Observation | null, more: Partial<Scenario> = {}): string => cellText({ ...refused, ...more }, 'switch_root', one, null)
  t.equal(text(null), 'not run')
  t.equal(text(seen()), '**panic** (status 1)')
  t.equal(text(seen(), { stage: ['--not-pid1'] }), 'status 1')
  t.equal(text(seen({ end: 'waits', console: 'Cannot boot: x\r\nfulcrum> ' })), 'rescue console')
  t.equal(text(seen({ end: 'waits' })), 'waits')
  t.equal(text(seen({ mountsAfter: BEFORE.filter(({ id }) => id !== 11) })), '**panic** (status 1); mounts gone: /proc')
  t.equal(text(seen({ mountsAfter: BEFORE.map((m) => m.id === 12 ? { ...m, mountPoint: '/' } : m), oldTree: [] })), '**panic** (status 1); root switched; initramfs deleted')
  t.equal(messageOf(seen()), 'switch_root: no')
  t.equal(messageOf(seen({ err: 'BusyBox v1.37.0 (x) multi-call binary.\n\nUsage: switch_root\n' })), 'Usage: switch_root')
})

t.test('columns that say the same are one, if they are of one program; fulcrum stays', async (t) => {
  const answers = [
    answer('util-linux 1', 'old', seen()), answer('util-linux 2', 'new', seen()), answer('busybox 3', 'busybox', seen()), answer('fulcrum', 'fulcrum', seen({ end: 'waits' })),
  ]
  const text = tables(answers)
  t.match(text, '| util-linux 1, 2 | busybox 3 | fulcrum |')
  t.match(text, '| a \\| title | **panic** (status 1) | **panic** (status 1) | waits |')
  t.match(text, '- Group: a | title\n  - util-linux 1, 2: `switch_root: no`')
  const other = answers.map((one) => one.implementation.key === 'busybox' ? { ...one, observation: seen({ end: 'signal', status: 9 }) } : one)
  t.strictSame(differences(answers, other), ['- switch_root, busybox 3, a | title: **panic** (signal 9)'])
  t.strictSame(onlyFulcrum(text), onlyFulcrum(tables(other)), 'another answer of another program is not compared')
  t.notSame(onlyFulcrum(text), onlyFulcrum(tables(answers.map((one) => ({ ...one, observation: seen({ end: 'waits', console: 'fulcrum> ' }) })))))
})

t.test('what fulcrum is not forgiven', async (t) => {
  const complaints = (one: Observation | null): string[] => complaintsOf(refused, 'switch_root', one)
  t.strictSame(complaints(seen({ end: 'waits', status: 0 })), [])
  t.match(complaints(seen()), [/ended by 'exit' \(status 1\), and not by 'waits'/], 'a panic')
  t.match(complaints(seen({ end: 'waits', err: 'what?' })), [/said 'what\?', and nothing like/])
  t.match(complaints(seen({ end: 'waits', mountsAfter: [] })), [/mounts gone/])
  t.match(complaints(seen({ end: 'waits', filesAtEnd: 0, oldTree: [] })), [/initramfs deleted/, /before init/])
  t.strictSame(complaints(null), ['it was not run'])
})
