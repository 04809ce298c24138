// The commands on the running kernel, as a user calls them: run, list, enter, bind, unbind, stop, and signals.
//
// Every part of it looks at the end for what is left. Terminals are run-terminal.ns.test.ts.

import t from 'tap'
import { existsSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { later, RunBed, until } from './testing/run-bed.ts'

t.setTimeout(900_000)
const kernel = createKoffiKernel()
const bed = new RunBed(kernel)
const { at, root, cgroups } = bed
t.teardown(() => bed.end())

/** Whether SIGTERM means nothing to a process, or to one of those in its pid namespace that it has started. */
const isDeaf = (pid: number): boolean => [String(pid), ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')].filter((one) => one !== '')
  .some((one) => /^SigIgn:\t[0-9a-f]+[4567cdef][0-9a-f]{3}$/m.test(readFileSync(`/proc/${one}/status`, 'utf8')))

t.test('status and output', async (t) => {
  t.match(bed.run(root, 'sh', '-c', 'echo out; echo err >&2; exit 7'), { status: 7, out: 'out\n', err: 'err\n' })
  t.match(bed.run('--service', root, '--', 'sh', '-c', 'kill -TERM $$'), { status: 143 })
  const api = 'test -e /proc/self/exe && test -c /dev/null && test -d /sys/kernel'
  t.match(bed.run('--service', '--mount-api', root, '--', 'sh', '-c', api), { status: 0 })
  t.match(bed.run('--service', root, '--', 'sh', '-c', api), { status: 1 })
  t.match(bed.run(root, 'sh', '-c', 'kill -KILL $$'), { status: 137 })
  t.match(bed.run(root, 'nothing-like-it'), { status: 127, err: /Cannot run 'nothing-like-it'/ })
  t.match(bed.run(root, '/etc/hosts'), { status: 126 })
  t.match(bed.run('/nowhere', 'true'), { status: 112, err: /does not exist/ })
  t.match(bed.run('--memroy', '1G', root, 'true'), { status: 100, err: /did you mean '--memory'/ })
  t.match(bed.run('--user', 'nobody', root, 'true'), { status: 100, err: /not in \/etc\/passwd of the root/ })
  t.match(bed.run('--env', 'A=b', '-E', 'GIVEN', '-E', 'MISSING', root, 'env').out.split('\n').sort(), [
    '', 'A=b', 'GIVEN=from here', 'HOME=/root', 'LOGNAME=root', /^PATH=/, 'SHELL=/bin/sh', 'USER=root', 'container=fulcrum',
  ])
  t.match(bed.run('--clear-env', '-E', 'A=b', root, '/bin/env').out, 'A=b\n')
  t.match(bed.run('-u', 'me', '--chdir', '/tmp', root, 'sh', '-c', 'id; pwd').out, /^uid=1000\(me\) gid=100.*\n\/tmp\n$/)
  // Of standard error only the executable can say the same: from sources koffi loads node:util, which looks at its stream.
  t.match(bed.run(root, 'cat', '/proc/self/fdinfo/1').out, /^flags:\t0*2$/m, 'standard output is not made non-blocking')
  await bed.expectNothing(t)
})

t.test('the plan', async (t) => {
  const text = bed.run('--dry-run', root, 'true')
  t.match(text, { status: 0, out: /^this process$[^]*^the new process[^]*execve\("\/usr\/bin\/true"/m })
  t.match(JSON.parse(bed.run('-n', '--json', '--service', root, 'true').out), { plan: /^service-/, host: [{ op: String }], child: { calls: [{ call: String }] } })
  t.match(JSON.parse(bed.run('-n', '--json', '/nowhere', 'true').out), { refusal: { reason: 'new-root-missing' } })
  t.strictSame(bed.left(), [])
})

t.test('detached: list, enter, bind, unbind, stop', async (t) => {
  t.match(bed.run('--detach', '--name', 'box', '--private-users', '--cap-add', 'net_raw', root, 'sh', '-c', 'sleep 1000'), { status: 0, out: 'box\n' })
  const [box] = JSON.parse((await bed.local('list', '--json')).out)
  t.match(box, { name: 'box', kind: 'container', state: 'running', command: ['sh', '-c', 'sleep 1000'], processes: 2, supervisor: null, cgroup: `${cgroups}/box` })
  t.ok(box.memoryBytes > 0 && existsSync(`/proc/${box.pid}`))
  t.equal(statSync('/run/fulcrum/run/box.json').mode & 0o777, 0o600)
  t.match((await bed.local('list')).out, /^box +container +\d+ +\d+s .* sh -c sleep 1000$/m)
  t.match(bed.run('--name', 'box', root, 'true'), { status: 112, err: /it runs as process \d+/ })

  const inside = bed.fulcrum('enter', '-E', 'X=y', 'box', 'sh', '-c', 'echo $X; id -u; ps | grep -c .; grep CapBnd /proc/self/status; cat /proc/self/cgroup | grep 0::; for n in /proc/self/ns/*; do readlink $n; done; exit 5')
  t.equal(inside.status, 5)
  const namespaces = readdirSync(`/proc/${box.pid}/ns`).sort().map((name) => kernel.readlink(`/proc/${box.pid}/ns/${name}`))
  t.match(inside.out, /^y\n0\n\d\nCapBnd:\t00000000800425fb\n0::\/\n/)
  t.strictSame(inside.out.trim().split('\n').slice(5), namespaces, 'all its namespaces')
  t.match(bed.fulcrum('enter', '-u', 'me', 'box', 'id', '-u'), { status: 0, out: '1000\n' })
  t.match(bed.fulcrum('enter', 'box', 'nothing'), { status: 127 })
  t.match(bed.fulcrum('enter', 'bxo'), { status: 112, err: /did you mean 'box'/ })
  t.match(bed.fulcrum('enter', 'box', 'sh', '-c', 'kill -9 $$'), { status: 137 })

  const source = join(at, 'source')
  t.match((await bed.local('bind', 'box', source, '/nothing')), { status: 111, err: /move_mount.*ENOENT/ })
  t.match((await bed.local('bind', '--read-only', 'box', source, '/mnt')), { status: 0 })
  t.match(bed.fulcrum('enter', 'box', 'sh', '-c', 'cat /mnt/file; touch /mnt/x'), { status: 1, out: 'live\n', err: /Read-only/ })
  t.match((await bed.local('bind', '--mkdir', '--idmap', 'box', source, '/run/a/b')), { status: 0 })
  t.match(bed.fulcrum('enter', 'box', 'sh', '-c', 'stat -c %u /run/a /run/a/b/file; echo new > /run/a/b/new'), { status: 0, out: '0\n0\n' })
  t.equal(statSync(join(source, 'new')).uid, 0)
  t.match(JSON.parse((await bed.local('list', '--json')).out), [{ binds: [{ target: '/mnt', readOnly: true }, { target: '/run/a/b', idMapped: true }] }])
  // A link of the container's that leads out for whoever follows it on the host.
  symlinkSync(`/..${at}/source`, join(root, 'data/link'))
  symlinkSync('/etc/hosts', join(root, 'data/file'))
  t.match((await bed.local('bind', 'box', source, '/data/link')), { status: 111, err: /ENOENT/ })
  t.match((await bed.local('bind', 'box', join(source, 'file'), '/data/file')), { status: 0 }, 'a file, by a link')
  t.match(bed.fulcrum('enter', 'box', 'cat', '/etc/hosts'), { status: 0, out: 'live\n' })
  t.match((await bed.local('unbind', 'box', '/data/file')), { status: 0 })
  t.match((await bed.local('unbind', 'box', '/mnt')), { status: 0 })
  t.match((await bed.local('unbind', 'box', '/mnt')), { status: 112, err: /has not put anything there/ })
  t.match(bed.fulcrum('enter', 'box', 'ls', '/mnt'), { status: 0, out: '' })
  t.match((await bed.local('bind', 'box', source, '/')), { status: 100 })
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /\/run\/a\/b/, 'nothing of it on the host')

  t.match((await bed.local('stop', '--json', 'box')), { status: 0, out: /"stopped"/ })
  t.match((await bed.local('stop', 'box')), { status: 112 })
  t.equal((await bed.local('list')).out, 'nothing runs\n')
  await bed.expectNothing(t)
})

t.test('a service is ended with all that it has started', async (t) => {
  const web = JSON.parse(bed.run('--service', '-d', '--json', '--name', 'web', root, 'sh', '-c', 'trap "" TERM; sleep 1000 & wait; sleep 1000').out)
  t.match(web, { name: 'web', cgroup: `${cgroups}/web` })
  t.ok(await until(() => isDeaf(web.pid)))
  t.match(JSON.parse((await bed.local('stop', '-t', '0.3', '--json', 'web')).out), [{ name: 'web', outcome: 'killed' }])
  await bed.expectNothing(t)
})

t.test('what has died unnoticed is removed', async (t) => {
  const { pid } = JSON.parse(bed.run('-d', '--json', '--name', 'gone', root, 'sleep', '1000').out)
  process.kill(pid, 'SIGKILL')
  for (let waited = 0; waited < 60_000 && existsSync(`/proc/${pid}/root/bin`); waited += 10) await later(10)
  t.match(bed.fulcrum('enter', 'gone', 'true'), { status: 112, err: /it has ended/ })
  t.match(bed.run('--name', 'gone', root, 'true'), { status: 0 }, 'the name can be taken')
  await bed.expectNothing(t)
})

t.test('output to a file', async (t) => {
  t.match(bed.run('-d', '--output', join(at, 'log'), '--name', 'log', root, 'sh', '-c', 'echo one; echo two >&2'), { status: 0 })
  for (let waited = 0; waited < 60_000 && !readFileSync(join(at, 'log'), 'utf8').includes('two'); waited += 10) await later(10)
  t.equal(readFileSync(join(at, 'log'), 'utf8'), 'one\ntwo\n')
  await bed.local('list')
  await bed.expectNothing(t)
})

t.test('signals are passed on', async (t) => {
  for (const kind of ['--service', '--container']) {
    for (const [signal, wanted] of [['SIGTERM', 3], ['SIGINT', 4], ['SIGUSR1', 5], ['SIGHUP', 6]] as const) {
      const script = 'trap "exit 3" TERM; trap "exit 4" INT; trap "exit 5" USR1; trap "exit 6" HUP; touch /tmp/ready; while :; do sleep 0.05; done'
      const ready = join(root, 'tmp/ready')
      const { child, end } = bed.background(kind, '--bind', `${root}/tmp:/tmp`, '--name', 'sig', root, 'sh', '-c', script)
      await bed.started('sig')
      for (let waited = 0; waited < 60_000 && !existsSync(ready); waited += 10) await later(10)
      child.kill(signal)
      t.equal(await end, wanted, `${kind} ${signal}`)
      if (existsSync(ready)) kernel.unlink(ready)
    }
  }
  await bed.expectNothing(t)
})

t.test('a second SIGTERM is SIGKILL', async (t) => {
  const { child, end } = bed.background('--name', 'deaf', root, 'sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done')
  const pid = await bed.started('deaf')
  t.ok(await until(() => isDeaf(pid)))
  child.kill('SIGTERM')
  await later(200)
  t.ok(existsSync('/run/fulcrum/run/deaf.json'), 'the first is ignored')
  child.kill('SIGTERM')
  t.equal(await end, 137)
  await bed.expectNothing(t)
})

t.test('SIGKILL of fulcrum run ends what it runs', async (t) => {
  for (const kind of ['--service', '--container']) {
    const { child, end } = bed.background(kind, '--name', 'orphan', root, 'sh', '-c', 'sleep 1000 & sleep 1000')
    const pid = await bed.started('orphan')
    await later(50)
    // The guard is not of the group.
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    t.equal(await end, 'SIGKILL')
    for (let waited = 0; waited < 60_000 && existsSync(`/proc/${pid}/root/bin`); waited += 10) await later(10)
    t.notOk(existsSync(`/proc/${pid}/root/bin`), kind)
    await bed.local('list')
    await bed.expectNothing(t)
  }
})
