// Which shell is started on which terminal: /dev/console itself can control no session, the device behind
// it can.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { findShell, findTerminal } from './shell.ts'
import { ScriptedKernel } from './scripted-kernel.ts'

const terminal = (files: Record<string, string>): string | null => findTerminal(new ScriptedKernel({ typed: [], files, stdinDevice: 0x501n }))

t.test('the terminal behind /dev/console', async (t) => {
  t.equal(terminal({ '/sys/class/tty/console/active': 'ttyS0\n', '/dev/ttyS0': '' }), '/dev/ttyS0')
  t.equal(terminal({ '/sys/class/tty/console/active': 'ttyS0 hvc0\n', '/dev/hvc0': '' }), '/dev/hvc0', 'the last one is /dev/console')
  t.equal(
    terminal({ '/sys/class/tty/console/active': 'tty0\n', '/sys/class/tty/tty0/active': 'tty1\n', '/dev/tty1': '' }),
    '/dev/tty1',
    'tty0 is whatever is shown',
  )
  t.equal(terminal({ '/sys/class/tty/console/active': '\n' }), null)
  t.equal(terminal({ '/sys/class/tty/console/active': 'ttyS0\n' }), null, 'no device node')
  t.equal(terminal({}), null, 'no /sys')
  t.equal(findTerminal(new ScriptedKernel({ typed: [] })), null, 'descriptor 0 is closed')
  const files = { '/dev/hvc0': '', '/dev/ttyS0': '', '/sys/class/tty/console/active': 'ttyS0' }
  const other = new ScriptedKernel({ typed: [], files, stdinDevice: 0xe500n, links: { '/proc/self/fd/0': '/dev/hvc0' } })
  t.equal(findTerminal(other), '/dev/hvc0', 'a terminal that is not /dev/console')
})

t.test('shells in order of preference', async (t) => {
  const shell = (...paths: string[]): unknown => findShell(new ScriptedKernel({ typed: [], files: Object.fromEntries(paths.map((p) => [p, ''])) }))
  t.same(shell('/bin/busybox', '/bin/sh'), { path: '/bin/sh', args: [] })
  t.same(shell('/bin/busybox'), { path: '/bin/busybox', args: ['sh'] })
  t.equal(shell(), null)
})
