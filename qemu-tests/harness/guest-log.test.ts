// The CPU seconds of a process are read from its stat, whatever its name is, and a meter writes one line per guest.
// Man pages: proc_pid_stat(5).
// A guest's name is that of its test.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { cpuSeconds, guestMeter } from './guest-log.ts'

t.test('CPU seconds of a stat', async (t) => {
  t.equal(cpuSeconds('12 (a b) c) S 1 12 12 0 -1 4194560 1000 0 0 0 250 50 9 9 20 0 1 0 5'), 3)
})

t.test('a line per guest, only where one is asked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'guest-log-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const log = join(folder, 'log')
  const before = process.env['FULCRUM_GUEST_LOG']
  t.teardown(() => {
    if (before === undefined) delete process.env['FULCRUM_GUEST_LOG']
    else process.env['FULCRUM_GUEST_LOG'] = before
  })
  delete process.env['FULCRUM_GUEST_LOG']
  guestMeter('quiet', '/boot/vmlinuz-1', process.pid).end()
  process.env['FULCRUM_GUEST_LOG'] = log
  const meter = guestMeter('one', '/boot/vmlinuz-1', process.pid)
  meter.begin()
  meter.said('console', '[    1.0] Run /init as init process')
  meter.end()
  const lines = readFileSync(log, 'utf8').trim().split('\n').map((line): unknown => JSON.parse(line))
  t.equal(lines.length, 1)
  t.match(lines[0], { name: 'one', kernel: 'vmlinuz-1', waitS: Number, wallS: Number, cpuS: Number, console: Number, init: Number, initCpuS: Number })
})
