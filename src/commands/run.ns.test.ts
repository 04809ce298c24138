// The commands on the running kernel, as a user calls them: run, list, enter, bind, unbind, stop, with a terminal and without.
//
// /run is a tmpfs here, the root has busybox only. Every part of it looks at the end for what is left.

import t from 'tap'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { parseEntry } from '../run/registry-entry.ts'
import { dispatch } from './index.ts'
import { capturedIo } from './testing/captured-io.ts'
import { cgroup2Mount } from '../facts/run/run-facts.ts'
import { makeRoot } from '../spawn/testing/container-room.ts'
import { openTerminal } from '../spawn/terminal.ts'

t.setTimeout(120_000)
const kernel = createKoffiKernel()
const at = `/tmp/fulcrum-run-${process.pid}`
const root = join(at, 'root')
const main = join(import.meta.dirname, '../main.ts')
kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
kernel.mount('run', '/run', 'tmpfs', 0, null)
kernel.mkdir(at, 0o755)
kernel.mount('root', at, 'tmpfs', 0, 'mode=755')
mkdirSync(root)
makeRoot(kernel, root)
writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nme:x:1000:100::/:/bin/sh\n')
mkdirSync(join(at, 'source'))
writeFileSync(join(at, 'source/file'), 'live\n')
const cgroups = `${cgroup2Mount(kernel) ?? ''}/fulcrum-test-${process.pid}`
const parent = ['--cgroup-parent', `/fulcrum-test-${process.pid}`]
t.teardown(() => {
  kernel.umount2(at, MNT_DETACH)
  kernel.rmdir(at)
  if (existsSync(cgroups)) kernel.rmdir(cgroups)
})

const ENV = { PATH: process.env['PATH'] ?? '', GIVEN: 'from here' }
interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

function fulcrum(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env: ENV, timeout: 30_000 })
  return { status, out: stdout, err: stderr.replaceAll(/^\(node:.*\n|^\(Use `node.*\n/gm, '') }
}
/** In this process: what has no command of its own to wait for. */
async function local(...args: string[]): Promise<Ran> {
  const io = capturedIo(kernel, ENV)
  const status = await dispatch('fulcrum', args, io)
  return { status, out: io.out(), err: io.err() }
}
const run = (...args: string[]): Ran => fulcrum('run', ...parent, ...args)
const registered = (): string[] => readdirSync('/run/fulcrum/run').filter((name) => name.endsWith('.json'))
const cgroupsLeft = (): string[] => readdirSync(cgroups).filter((name) => statSync(join(cgroups, name)).isDirectory())

/** Everything is gone, soon. */
async function expectNothing(t: { strictSame(found: unknown, wanted: unknown, name: string): unknown }): Promise<void> {
  const left = (): string[] => [...registered(), ...cgroupsLeft()]
  for (let waited = 0; waited < 3000 && left().length > 0; waited += 20) await later(20)
  t.strictSame(left(), [], 'nothing is left')
}
const later = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

t.test('status and output', async (t) => {
  t.match(run(root, 'sh', '-c', 'echo out; echo err >&2; exit 7'), { status: 7, out: 'out\n', err: 'err\n' })
  t.match(run('--service', root, '--', 'sh', '-c', 'kill -TERM $$'), { status: 143 })
  t.match(run(root, 'sh', '-c', 'kill -KILL $$'), { status: 137 })
  t.match(run(root, 'nothing-like-it'), { status: 127, err: /Cannot run 'nothing-like-it'/ })
  t.match(run(root, '/etc/hosts'), { status: 126 })
  t.match(run('/nowhere', 'true'), { status: 112, err: /does not exist/ })
  t.match(run('--memroy', '1G', root, 'true'), { status: 100, err: /did you mean '--memory'/ })
  t.match(run('--user', 'nobody', root, 'true'), { status: 100, err: /not in \/etc\/passwd of the root/ })
  t.match(run('--env', 'A=b', '-E', 'GIVEN', '-E', 'MISSING', root, 'env').out.split('\n').sort(), [
    '', 'A=b', 'GIVEN=from here', 'HOME=/root', 'LOGNAME=root', /^PATH=/, 'SHELL=/bin/sh', 'USER=root', 'container=fulcrum',
  ])
  t.match(run('--clear-env', '-E', 'A=b', root, '/bin/env').out, 'A=b\n')
  t.match(run('-u', 'me', '--chdir', '/tmp', root, 'sh', '-c', 'id; pwd').out, /^uid=1000\(me\) gid=100.*\n\/tmp\n$/)
  await expectNothing(t)
})

t.test('the plan', async (t) => {
  const text = run('--dry-run', root, 'true')
  t.match(text, { status: 0, out: /^this process$[^]*^the new process[^]*execve\("\/usr\/bin\/true"/m })
  t.match(JSON.parse(run('-n', '--json', '--service', root, 'true').out), { plan: /^service-/, host: [{ op: String }], child: { calls: [{ call: String }] } })
  t.match(JSON.parse(run('-n', '--json', '/nowhere', 'true').out), { reason: 'new-root-missing' })
  t.strictSame(registered(), [])
})

t.test('detached: list, enter, bind, unbind, stop', async (t) => {
  t.match(run('--detach', '--name', 'box', '--private-users', '--cap-add', 'net_raw', root, 'sh', '-c', 'sleep 1000'), { status: 0, out: 'box\n' })
  const [box] = JSON.parse((await local('list', '--json')).out)
  t.match(box, { name: 'box', kind: 'container', state: 'running', command: ['sh', '-c', 'sleep 1000'], processes: 2, supervisor: null, cgroup: `${cgroups}/box` })
  t.ok(box.memoryBytes > 0 && existsSync(`/proc/${box.pid}`))
  t.equal(statSync('/run/fulcrum/run/box.json').mode & 0o777, 0o600)
  t.match((await local('list')).out, /^box +container +\d+ +\d+s .* sh -c sleep 1000$/m)
  t.match(run('--name', 'box', root, 'true'), { status: 112, err: /it runs as process \d+/ })

  const inside = fulcrum('enter', '-E', 'X=y', 'box', 'sh', '-c', 'echo $X; id -u; ps | grep -c .; grep CapBnd /proc/self/status; cat /proc/self/cgroup | grep 0::; for n in /proc/self/ns/*; do readlink $n; done; exit 5')
  t.equal(inside.status, 5)
  const namespaces = readdirSync(`/proc/${box.pid}/ns`).sort().map((name) => kernel.readlink(`/proc/${box.pid}/ns/${name}`))
  t.match(inside.out, /^y\n0\n\d\nCapBnd:\t00000000800425fb\n0::\/\n/)
  t.strictSame(inside.out.trim().split('\n').slice(5), namespaces, 'all its namespaces')
  t.match(fulcrum('enter', '-u', 'me', 'box', 'id', '-u'), { status: 0, out: '1000\n' })
  t.match(fulcrum('enter', 'box', 'nothing'), { status: 127 })
  t.match(fulcrum('enter', 'bxo'), { status: 112, err: /did you mean 'box'/ })
  t.match(fulcrum('enter', 'box', 'sh', '-c', 'kill -9 $$'), { status: 137 })

  const source = join(at, 'source')
  t.match((await local('bind', 'box', source, '/nothing')), { status: 111, err: /move_mount.*ENOENT/ })
  t.match((await local('bind', '--read-only', 'box', source, '/mnt')), { status: 0 })
  t.match(fulcrum('enter', 'box', 'sh', '-c', 'cat /mnt/file; touch /mnt/x'), { status: 1, out: 'live\n', err: /Read-only/ })
  t.match((await local('bind', '--mkdir', '--idmap', 'box', source, '/run/a/b')), { status: 0 })
  t.match(fulcrum('enter', 'box', 'sh', '-c', 'stat -c %u /run/a /run/a/b/file; echo new > /run/a/b/new'), { status: 0, out: '0\n0\n' })
  t.equal(statSync(join(source, 'new')).uid, 0)
  t.match(JSON.parse((await local('list', '--json')).out), [{ binds: [{ target: '/mnt', readOnly: true }, { target: '/run/a/b', idMapped: true }] }])
  // A link of the container's that leads out for whoever follows it on the host.
  symlinkSync(`/..${at}/source`, join(root, 'data/link'))
  symlinkSync('/etc/hosts', join(root, 'data/file'))
  t.match((await local('bind', 'box', source, '/data/link')), { status: 111, err: /ENOENT/ })
  t.match((await local('bind', 'box', join(source, 'file'), '/data/file')), { status: 0 }, 'a file, by a link')
  t.match(fulcrum('enter', 'box', 'cat', '/etc/hosts'), { status: 0, out: 'live\n' })
  t.match((await local('unbind', 'box', '/data/file')), { status: 0 })
  t.match((await local('unbind', 'box', '/mnt')), { status: 0 })
  t.match((await local('unbind', 'box', '/mnt')), { status: 112, err: /has not put anything there/ })
  t.match(fulcrum('enter', 'box', 'ls', '/mnt'), { status: 0, out: '' })
  t.match((await local('bind', 'box', source, '/')), { status: 100 })
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /\/run\/a\/b/, 'nothing of it on the host')

  t.match((await local('stop', '--json', 'box')), { status: 0, out: /"stopped"/ })
  t.match((await local('stop', 'box')), { status: 112 })
  t.equal((await local('list')).out, 'nothing runs\n')
  await expectNothing(t)
})

t.test('a service is ended with all that it has started', async (t) => {
  t.match(JSON.parse(run('--service', '-d', '--json', '--name', 'web', root, 'sh', '-c', 'trap "" TERM; sleep 1000 & wait; sleep 1000').out), { name: 'web', cgroup: `${cgroups}/web` })
  t.match(JSON.parse((await local('stop', '-t', '0.3', '--json', 'web')).out), [{ name: 'web', outcome: 'killed' }])
  await expectNothing(t)
})

t.test('what has died unnoticed is removed', async (t) => {
  const { pid } = JSON.parse(run('-d', '--json', '--name', 'gone', root, 'sleep', '1000').out)
  process.kill(pid, 'SIGKILL')
  for (let waited = 0; waited < 3000 && existsSync(`/proc/${pid}/root/bin`); waited += 10) await later(10)
  t.match(fulcrum('enter', 'gone', 'true'), { status: 112, err: /it has ended/ })
  t.match(run('--name', 'gone', root, 'true'), { status: 0 }, 'the name can be taken')
  await expectNothing(t)
})

t.test('output to a file', async (t) => {
  t.match(run('-d', '--output', join(at, 'log'), '--name', 'log', root, 'sh', '-c', 'echo one; echo two >&2'), { status: 0 })
  for (let waited = 0; waited < 3000 && !readFileSync(join(at, 'log'), 'utf8').includes('two'); waited += 10) await later(10)
  t.equal(readFileSync(join(at, 'log'), 'utf8'), 'one\ntwo\n')
  await local('list')
  await expectNothing(t)
})

/** What a command in the foreground says of itself, once it runs. */
async function started(name: string): Promise<number> {
  for (let waited = 0; waited < 10_000; waited += 10) {
    const file = `/run/fulcrum/run/${name}.json`
    const entry = existsSync(file) ? parseEntry(readFileSync(file, 'utf8')) : null
    if (entry?.process != null) return entry.process.pid
    await later(10)
  }
  throw new Error(`'${name}' does not start`)
}
const endOf = (child: ChildProcess): Promise<number | string | null> => new Promise((resolve) => void child.on('exit', (code, signal) => resolve(signal ?? code)))

t.test('signals are passed on', async (t) => {
  for (const kind of ['--service', '--container']) {
    for (const [signal, wanted] of [['SIGTERM', 3], ['SIGINT', 4], ['SIGUSR1', 5], ['SIGHUP', 6]] as const) {
      const script = 'trap "exit 3" TERM; trap "exit 4" INT; trap "exit 5" USR1; trap "exit 6" HUP; touch /tmp/ready; while :; do sleep 0.05; done'
      const ready = join(root, 'tmp/ready')
      const child = spawn(process.execPath, [main, 'run', ...parent, kind, '--bind', `${root}/tmp:/tmp`, '--name', 'sig', root, 'sh', '-c', script], { env: ENV, stdio: 'ignore' })
      const end = endOf(child)
      await started('sig')
      for (let waited = 0; waited < 5000 && !existsSync(ready); waited += 10) await later(10)
      child.kill(signal)
      t.equal(await end, wanted, `${kind} ${signal}`)
      if (existsSync(ready)) kernel.unlink(ready)
    }
  }
  await expectNothing(t)
})

t.test('a second SIGTERM is SIGKILL', async (t) => {
  const child = spawn(process.execPath, [main, 'run', ...parent, '--name', 'deaf', root, 'sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'], { env: ENV, stdio: 'ignore' })
  const end = endOf(child)
  await started('deaf')
  await later(100)
  child.kill('SIGTERM')
  await later(200)
  t.ok(existsSync('/run/fulcrum/run/deaf.json'), 'the first is ignored')
  child.kill('SIGTERM')
  t.equal(await end, 137)
  await expectNothing(t)
})

t.test('SIGKILL of fulcrum run ends what it runs', async (t) => {
  for (const kind of ['--service', '--container']) {
    const child = spawn(process.execPath, [main, 'run', ...parent, kind, '--name', 'orphan', root, 'sh', '-c', 'sleep 1000 & sleep 1000'], { env: ENV, stdio: 'ignore', detached: true })
    const end = endOf(child)
    const pid = await started('orphan')
    await later(50)
    // The guard is not of the group.
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    t.equal(await end, 'SIGKILL')
    for (let waited = 0; waited < 3000 && existsSync(`/proc/${pid}/root/bin`); waited += 10) await later(10)
    t.notOk(existsSync(`/proc/${pid}/root/bin`), kind)
    await local('list')
    await expectNothing(t)
  }
})

/** A command at a pseudo terminal; what it shows, and its end. */
function atTerminal(...args: string[]): { readonly child: ChildProcess; readonly end: Promise<number | string | null>; type(text: string): void; shows(what: RegExp): Promise<string>; restored(): boolean; close(): void } {
  const { master, peer } = openTerminal(kernel, '/dev/ptmx')
  const size = new Uint8Array([33, 0, 99, 0, 0, 0, 0, 0])
  kernel.ioctl(master, 0x5414, size)
  const before = Buffer.from(kernel.tcgetattr(peer) ?? [])
  const child = spawn(process.execPath, [main, ...args], { env: { ...ENV, TERM: 'vt100' }, stdio: [peer, peer, peer] })
  let text = ''
  const look = (): void => {
    while ((kernel.poll([master], 0)[0]?.revents ?? 0) & 1) {
      const bytes = new Uint8Array(65_536)
      text += Buffer.from(bytes.subarray(0, kernel.read(master, bytes, null))).toString()
    }
  }
  return {
    child,
    end: endOf(child),
    type: (typed) => kernel.write(master, typed),
    shows: async (what) => {
      for (let waited = 0; waited < 10_000; waited += 10) {
        look()
        if (what.test(text)) {
          const seen = text
          text = ''
          return seen
        }
        await later(10)
      }
      throw new Error(`Cannot see ${String(what)} in ${JSON.stringify(text)}`)
    },
    restored: () => before.equals(Buffer.from(kernel.tcgetattr(peer) ?? [])),
    close: () => {
      kernel.close(master)
      kernel.close(peer)
    },
  }
}

t.test('a terminal of its own', async (t) => {
  const it = atTerminal('run', ...parent, '--name', 'tty', root, 'sh')
  await it.shows(/# /)
  t.notOk(it.restored(), 'ours is raw')
  it.type('tty; echo "size $(stty size 2>/dev/null)"; echo $TERM; echo do""ne\r')
  t.match(await it.shows(/done\r\n/), /\/dev\/pts\/0\r\n[^]*vt100\r\n/)
  const second = atTerminal('enter', 'tty', 'sh', '-c', 'tty; test -t 0 && echo yes')
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
  await expectNothing(t)
})

t.test('every way out puts the terminal back', async (t) => {
  const ways: readonly (readonly [string, (it: ReturnType<typeof atTerminal>) => void, number | string])[] = [
    ['three times Ctrl-]', (it) => it.type('\x1d\x1d\x1d'), 137],
    ['SIGTERM', (it) => void it.child.kill('SIGTERM'), 143],
    ['SIGKILL', (it) => void it.child.kill('SIGKILL'), 'SIGKILL'],
  ]
  for (const [name, act, status] of ways) {
    const it = atTerminal('run', ...parent, '--private-users', '--name', 'out', root, 'sh', '-c', 'echo rea""dy; exec sleep 1000')
    await it.shows(/ready/)
    t.notOk(it.restored())
    act(it)
    t.equal(await it.end, status, name)
    for (let waited = 0; waited < 2000 && !it.restored(); waited += 10) await later(10)
    t.ok(it.restored(), `${name}: the terminal`)
    it.close()
    await local('list')
    await expectNothing(t)
  }
})
