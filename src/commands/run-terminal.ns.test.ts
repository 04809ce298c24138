// `fulcrum run` and `fulcrum enter` at a terminal: what the command has, and that ours is as it was whatever happens.
//
// The test has the other end of a pseudo terminal.

import t from 'tap'
import { readFileSync } from 'node:fs'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { later, RunBed, until } from './testing/run-bed.ts'
import type { AtTerminal } from './testing/run-bed.ts'

t.setTimeout(900_000)
const bed = new RunBed(createKoffiKernel())
const { root } = bed
t.teardown(() => bed.end())

t.test('a terminal of its own', async (t) => {
  const it = bed.atTerminal('run', ...bed.parent, '--name', 'tty', root, 'sh')
  await it.shows(/# /)
  t.notOk(it.restored(), 'ours is raw')
  it.type('tty; echo "size $(stty size 2>/dev/null)"; echo $TERM; echo do""ne\r')
  t.match(await it.shows(/done\r\n/), /\/dev\/pts\/0\r\n[^]*vt100\r\n/)
  const second = bed.atTerminal('enter', 'tty', 'sh', '-c', 'tty; test -t 0 && echo yes')
  t.match(await second.shows(/yes/), /\/dev\/pts\/\d/)
  t.equal(await second.end, 0)
  t.ok(second.restored())
  second.close()
  it.type('sleep 1000\r')
  await later(100)
  it.type('\x03')
  await it.shows(/\^C\r\n[^]*# /)
  it.type('exit 9\r')
  t.equal(await it.end, 9)
  t.ok(it.restored())
  it.close()
  await bed.expectNothing(t)
})

t.test('every way out puts the terminal back', async (t) => {
  const ways: readonly (readonly [string, (it: AtTerminal) => void, number | string])[] = [
    ['three times Ctrl-]', (it) => it.type('\x1d\x1d\x1d'), 137],
    ['SIGTERM', (it) => void it.child.kill('SIGTERM'), 143],
    ['SIGKILL', (it) => void it.child.kill('SIGKILL'), 'SIGKILL'],
  ]
  for (const [name, act, status] of ways) {
    const it = bed.atTerminal('run', ...bed.parent, '--private-users', '--name', 'out', root, 'sh', '-c', 'echo rea""dy; exec sleep 1000')
    await it.shows(/ready/)
    t.notOk(it.restored())
    act(it)
    t.equal(await it.end, status, name)
    for (let waited = 0; waited < 60_000 && !it.restored(); waited += 10) await later(10)
    t.ok(it.restored(), `${name}: the terminal`)
    it.close()
    await bed.local('list')
    await bed.expectNothing(t)
  }
})

t.test('SIGTSTP stops both, SIGCONT goes on with both', async (t) => {
  const it = bed.atTerminal('run', ...bed.parent, '--name', 'stop', root, 'sh', '-c', 'echo rea""dy; exec sleep 1000')
  await it.shows(/ready/)
  const state = (): string => /\) (.)/.exec(readFileSync(`/proc/${it.child.pid ?? 0}/stat`, 'utf8'))?.[1] ?? ''
  it.child.kill('SIGTSTP')
  t.ok(await until(() => state() === 'T' && it.restored()), 'stopped, and the terminal is as it was')
  it.child.kill('SIGCONT')
  t.ok(await until(() => state() !== 'T' && !it.restored()), 'and raw again')
  it.type('\x03')
  t.equal(await it.end, 130, 'Ctrl-C is for the command')
  t.ok(it.restored())
  it.close()
  await bed.expectNothing(t)
})

t.test('a terminal that is hung up', async (t) => {
  const it = bed.atTerminal('run', ...bed.parent, '--name', 'hup', root, 'sh', '-c', 'trap "" HUP; while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done')
  await it.shows(/yyy/)
  it.close()
  await later(300)
  t.match(JSON.parse((await bed.local('list', '--json')).out), [{ name: 'hup', state: 'running', supervisor: it.child.pid }], 'the command goes on')
  t.match(await bed.local('stop', '-t', '0', 'hup'), { status: 0 })
  t.equal(await it.end, 137)
  await bed.expectNothing(t)
})
