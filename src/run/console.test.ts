// The parts of the console that need no terminal: raw settings, the way out, and which signals go where.
import t from 'tap'
import { EventEmitter } from 'node:events'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { openTerminal } from '../spawn/terminal.ts'
import { escapeWatch, rawTermios } from './console.ts'
import { forwardSignals } from './forward-signals.ts'

t.test('raw is what cfmakeraw(3) says', async (t) => {
  const kernel = createKoffiKernel()
  const { master, peer } = openTerminal(kernel, '/dev/ptmx')
  const before = Uint8Array.from(kernel.tcgetattr(peer) ?? [])
  const raw = rawTermios(before)
  t.ok(before.length >= 60 && Buffer.compare(before, raw) !== 0)
  kernel.tcsetattr(peer, raw)
  t.strictSame(Uint8Array.from(kernel.tcgetattr(peer) ?? []), raw, 'the kernel takes all of it')
  const view = new DataView(raw.buffer)
  t.equal(view.getUint32(12, true) & 0o13, 0, 'no ISIG, ICANON, ECHO')
  t.equal(view.getUint32(4, true) & 1, 0, 'no OPOST')
  // Nothing is turned into anything, in either direction.
  kernel.write(master, '\x03\x1a\r\n\x04')
  const typed = new Uint8Array(16)
  t.equal(Buffer.from(typed.subarray(0, kernel.read(peer, typed, null))).toString('latin1'), '\x03\x1a\r\n\x04')
  kernel.write(peer, 'a\n')
  const shown = new Uint8Array(16)
  t.equal(Buffer.from(shown.subarray(0, kernel.read(master, shown, null))).toString(), 'a\n')
  kernel.close(master)
  kernel.close(peer)
})

t.test('three times Ctrl-] within a second', async (t) => {
  let now = 0
  const watch = escapeWatch(() => now)
  const type = (text: string, at = now): boolean => {
    now = at
    return watch(Buffer.from(text))
  }
  t.notOk(type('\x1d\x1d'))
  t.notOk(type('x\x1d\x1d'), 'another key in between')
  t.ok(type('\x1d'))
  t.notOk(type('\x1d', 5000))
  t.notOk(type('\x1d', 5500))
  t.notOk(type('\x1d', 6100), 'too slow')
  t.ok(type('\x1d', 6400))
  t.ok(type('ab\x1d\x1d\x1dc', 10_000))
})

t.test('signals', async (t) => {
  const killed: string[] = []
  const source = Object.assign(new EventEmitter(), { pid: 7, kill: (pid: number, signal: string) => void killed.push(`${pid} ${signal}`) })
  const sent: number[] = []
  const end = forwardSignals(source, { signal: (signal) => void sent.push(signal) }, () => null)
  for (const signal of ['SIGINT', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTERM', 'SIGTERM', 'SIGCONT', 'SIGTSTP']) source.emit(signal)
  t.strictSame(sent, [2, 2, 1, 3, 10, 12, 28, 15, 9, 18, 20])
  t.strictSame(killed, ['7 SIGSTOP'])
  end()
  t.strictSame(source.eventNames(), [])
})
