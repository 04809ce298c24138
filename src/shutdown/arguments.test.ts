// systemd's protocol: lines as its versions write them, and what is not understood.
//
// Lines of src/core/main.c (become_shutdown) of systemd 252, 257 and 262. systemd.time(7) for the spans.

import t from 'tap'
import { parseShutdownArguments, parseTimeSpan } from './arguments.ts'

t.test('lines of systemd', async (t) => {
  const of252 = parseShutdownArguments(['poweroff', '--timeout=90000000us', '--log-level', '6', '--log-target', 'kmsg', '--log-color'], { WATCHDOG_PID: '1' })
  t.match(of252, { verb: 'poweroff', timeoutMs: 90_000, logLevel: 6, logTarget: 'kmsg', watchdog: null, notes: [] })
  const of257 = parseShutdownArguments(['reboot', '--timeout=45000000us', '--log-level', '4', '--log-target=console', '--log-location', '--log-time'], {
    WATCHDOG_USEC: '600000000', WATCHDOG_DEVICE: '/dev/watchdog1', WATCHDOG_PID: '1', MINIMUM_UPTIME_USEC: '15000000',
  })
  t.match(of257, { verb: 'reboot', timeoutMs: 45_000, logLevel: 4, logTarget: 'console', watchdog: { timeoutUs: 6e8, device: '/dev/watchdog1' }, notes: [] })
  const of262 = parseShutdownArguments(['exit', '--timeout=1min 30s', '--log-level=debug', '--exit-code=3', '--log-tid'], { WATCHDOG_USEC: '5000000' })
  t.match(of262, { verb: 'exit', timeoutMs: 90_000, logLevel: 7, exitCode: 3, watchdog: { timeoutUs: 5e6, device: null }, notes: [] })
})

t.test('our own', async (t) => {
  t.match(parseShutdownArguments(['return', '--shell'], {}), { verb: 'return', shell: true, notes: [] })
  t.match(parseShutdownArguments(['--timeout=infinity', 'kexec'], {}), { verb: 'kexec', timeoutMs: null, notes: [] })
})

t.test('what is not understood is told and harms nothing', async (t) => {
  t.match(parseShutdownArguments([], {}), { verb: 'halt', notes: [/no verb was given/] })
  t.match(parseShutdownArguments(['explode'], {}), { verb: 'halt', notes: ["Cannot understand 'explode'", /no verb/] })
  const odd = parseShutdownArguments(['reboot', 'poweroff', '--new-thing=1', '--log-level', 'loud', '--timeout=soon'], { WATCHDOG_USEC: 'often' })
  t.match(odd, { verb: 'reboot', timeoutMs: null, logLevel: 6, watchdog: null })
  t.equal(odd.notes.length, 5)
  t.match(parseShutdownArguments(['halt', '--log-level'], {}), { verb: 'halt', notes: [/--log-level ''/] })
})

t.test('a watchdog that is off, or somebody else\'s', async (t) => {
  for (const env of [{ WATCHDOG_USEC: '0' }, { WATCHDOG_USEC: 'infinity' }, { WATCHDOG_USEC: '' }, { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '17' }]) {
    t.match(parseShutdownArguments(['halt'], env), { watchdog: null, notes: [] })
  }
})

t.test('time spans', async (t) => {
  const spans: readonly (readonly [string, number | undefined])[] = [
    ['90', 9e7], ['90s', 9e7], ['1min 30s', 9e7], ['1.5s', 1.5e6], ['250ms', 250_000], ['10us', 10], ['2h', 7.2e9], ['', undefined], ['5 parsecs', undefined], ['s', undefined],
  ]
  for (const [text, us] of spans) t.equal(parseTimeSpan(text), us, `'${text}'`)
})
