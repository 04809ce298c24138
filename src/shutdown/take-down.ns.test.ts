// Taking a root down on the running kernel, in mount and pid namespaces of its own: an overlay and its layers, mounts
// on top of each other, processes in it, beside it and in a namespace of their own. No block devices: those are QEMU's.
//
// Needs root and unshare(1) of util-linux; fails without them, never skips.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const TIME_LIMIT_MS = 600_000

t.test('nothing is left, on the running kernel', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fulcrum-down-'))
  const script = join(import.meta.dirname, 'testing/real-take-down.ts')
  const { stdout, stderr, status } = spawnSync(
    'unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', process.execPath, script, directory],
    { encoding: 'utf8', timeout: TIME_LIMIT_MS, env: { PATH: process.env['PATH'] ?? '' } },
  )
  rmdirSync(directory)
  t.equal(status, 0, stderr)
  const lines = stdout.split('\n')
  const of = (word: string): string[] => lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
  const report: unknown = JSON.parse(of('report')[0] ?? 'null')
  // The layers of an overlay are let go of a moment after it: a second round may be needed.
  t.match(report, { left: [], hung: false }, of('say').join('\n'))
  t.same(of('mount').filter((line) => line.includes(directory)), [])
  t.ok(of('process').every((state) => state === 'gone' || state === 'Z'), of('process').join(' '))
  t.match(of('say')[0], /^killed \d+ \(sleep\), \d+ \(sleep\), \d+ \(sh\)/)
  const order = of('say').map((line) => line.replace(directory, '').replace(/, [\d.]+ ms$/, ''))
  t.ok(order.indexOf('unmounted /merged (overlay on merged)') < order.indexOf('unmounted  (tmpfs on old)'), order.join('\n'))
})
