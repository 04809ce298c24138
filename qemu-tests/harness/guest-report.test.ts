// Tests of the parser of guests' output.
import t from 'tap'
import fc from 'fast-check'
import { parseGuestReport } from './guest-report.ts'

t.test('a complete report', async (t) => {
  const report = parseGuestReport([
    'TAP version 14', '1..4', '{"record":"fd","fd":0,"cloexec":0}', 'ok 1 - first', 'not ok 2 - second', '# got 3', '  ---',
    'ok 3 - third # SKIP no tool', 'not ok 4 # TODO later', '{"record":"done","scriptStatus":0}', '',
  ].join('\n'))
  t.equal(report.plan, 4)
  t.equal(report.doneStatus, 0)
  t.same(report.points.map((point) => [point.ok, point.name, point.directive]), [
    [true, 'first', undefined], [false, 'second', undefined], [true, 'third', 'skip'], [false, '', 'todo'],
  ])
  t.same(report.points[1]?.notes, ['# got 3', '  ---'])
  t.equal(report.records[0]?.fields.get('cloexec'), 0)
  t.same(report.other, ['TAP version 14'])
})

t.test('cut off in the middle of a record: neither done nor a record', async (t) => {
  const report = parseGuestReport('1..1\nok 1 - a\n{"record":"done","scri')
  t.equal(report.doneStatus, undefined)
  t.same(report.records, [])
  t.equal(report.other.length, 1)
})

t.test('bail out, missing plan, carriage returns', async (t) => {
  const report = parseGuestReport('ok\r\nBail out! no disk\r\n')
  t.equal(report.plan, undefined)
  t.equal(report.bailOut, 'no disk')
  t.same(report.points.map((point) => point.number), [1])
})

t.test('never throws', async () => {
  fc.assert(fc.property(fc.string(), (text) => parseGuestReport(text).points.length >= 0))
  fc.assert(fc.property(fc.array(fc.constantFrom('{', '"record"', ':', '"a"', '}', '\n', 'ok ', '1..')), (parts) => {
    parseGuestReport(parts.join(''))
  }))
})
