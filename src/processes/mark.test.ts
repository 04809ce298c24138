// The marks of survival: '@', the cgroup and the OOM killer, on modelled processes; what fails and what is then said.

import t from 'tap'
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../abi/mount.ts'
import { O_ASYNC, O_RDWR, S_IFCHR, SIGCONT } from '../abi/process.ts'
import { makeDev } from '../facts/mountinfo.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import type { ModelProcess, OpenFile } from '../kernel/model/model-process.ts'
import { addEntry, dir, file, populate } from '../kernel/model/vfs.ts'
import { makeSurvivorCgroup, markForSurvival, systemdVersion } from './mark.ts'
import { parseArguments } from './process-facts.ts'

const CGROUP = '/sys/fs/cgroup/fulcrum'

/** A machine with one daemon, and the place where cgroup2 is mounted. */
function machine(argv: readonly string[] = ['/sbin/nbd-client', '-N', 'root'], uid = 0): { k: ModelKernel; daemon: ModelProcess } {
  const k = createBootedModel()
  populate(k.world.sys, { '/fs/cgroup': dir() })
  const { ns, root, cwd, exe } = k.proc
  return { k, daemon: k.world.addProcess({ comm: 'nbd-client', argv, uid, ns, root, cwd, exe }) }
}

t.test('where the arguments are', async (t) => {
  const fields = (...more: readonly string[]): string => `7 (a (b) c) S 1 ${Array.from({ length: 43 }, (_, i) => i).join(' ')} ${more.join(' ')}`
  t.strictSame(parseArguments(fields('140733193388000', '140733193388042', '5')), { start: 140733193388000n, end: 140733193388042n })
  t.equal(parseArguments(fields('0', '0')), null, 'it may not be seen')
  t.equal(parseArguments('7 (x) S 1'), null)
})

t.test("'@' is written into argv[0], once, and the OOM killer told", async (t) => {
  const { k, daemon } = machine()
  t.strictSame(markForSurvival(k, daemon.pid), { pid: daemon.pid, at: true, cgroup: false, oom: true, wakes: null, problems: [] })
  t.strictSame(daemon.argv, ['@sbin/nbd-client', '-N', 'root'])
  t.equal(daemon.oomScoreAdj, -1000)
  const writes = (): number => k.calls.filter((call) => call.syscall === 'pwrite').length
  t.equal(writes(), 1)
  t.match(markForSurvival(k, daemon.pid), { at: true, oom: true })
  t.equal(writes(), 1, 'what is marked is left as it is')
  t.strictSame([...k.proc.fds.keys()].filter((fd) => fd > 2), [], 'no descriptor is left open')
})

t.test('in the cgroup as well, which alone is enough for another user', async (t) => {
  const { k, daemon } = machine(['ssh'], 1000)
  t.match(markForSurvival(k, daemon.pid).problems, [/Cannot mark process \d+ for systemd: it is of user 1000, .*systemd will kill it at shutdown/])
  t.strictSame(makeSurvivorCgroup(k, 257), { path: CGROUP, problem: null })
  t.strictSame(markForSurvival(k, daemon.pid, CGROUP), { pid: daemon.pid, at: false, cgroup: true, oom: true, wakes: null, problems: [] })
  t.equal(k.readText(`${CGROUP}/cgroup.procs`), `${daemon.pid}`)
  t.strictSame(daemon.argv, ['ssh'])
})

t.test('the cgroup: mounted as systemd does, made once, only for who looks at it', async (t) => {
  const { k } = machine()
  for (const version of [null, 252, 254]) t.strictSame(makeSurvivorCgroup(k, version), { path: null, problem: null }, `${version}`)
  t.notOk(k.calls.some((call) => call.syscall === 'mount' && call.args[1] === '/sys/fs/cgroup'), 'an old systemd finds nothing mounted')
  t.strictSame(makeSurvivorCgroup(k, 255), { path: CGROUP, problem: null })
  t.equal(k.getxattr(CGROUP, 'user.survive_final_kill_signal'), '1')
  const mounts = k.calls.filter((call) => call.syscall === 'mount' && call.args[1] === '/sys/fs/cgroup')
  t.match(mounts, [{ args: ['cgroup2', '/sys/fs/cgroup', 'cgroup2', {}, 'nsdelegate,memory_recursiveprot'] }])
  t.strictSame(makeSurvivorCgroup(k, 255), { path: CGROUP, problem: null }, 'again, after a retry')
})

t.test('the cgroup: what can be in the way', async (t) => {
  const old = machine().k
  old.failNext('mount', 'EINVAL', (args) => args[4] === 'nsdelegate,memory_recursiveprot')
  t.equal(makeSurvivorCgroup(old, 257).path, CGROUP, 'without the options that it does not know')
  const trusted = machine().k
  trusted.failNext('setxattr', 'EOPNOTSUPP', (args) => args[1] === 'user.survive_final_kill_signal')
  t.equal(makeSurvivorCgroup(trusted, 257).path, CGROUP)
  t.equal(trusted.getxattr(CGROUP, 'trusted.survive_final_kill_signal'), '1')
  const first = machine().k
  first.mount('tmpfs', '/sys/fs/cgroup', 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
  t.match(makeSurvivorCgroup(first, 257), { path: null, problem: /tmpfs is mounted there, not cgroup2/ })
  const none = createBootedModel()
  t.match(makeSurvivorCgroup(none, 257), { path: null, problem: /Cannot make the cgroup .*ENOENT/ })
  const bare = machine().k
  for (const name of ['user', 'trusted']) bare.failNext('setxattr', 'EOPNOTSUPP', (args) => args[1] === `${name}.survive_final_kill_signal`)
  t.match(makeSurvivorCgroup(bare, 257), { path: null, problem: /EOPNOTSUPP/ })
})

t.test('what fails is told, and nothing is thrown', async (t) => {
  const empty = machine(['']).daemon.argv
  t.strictSame(empty, [''])
  const rows: readonly (readonly [readonly string[], (k: ModelKernel) => void, RegExp])[] = [
    [[''], () => undefined, /its argv\[0\] is empty; systemd will kill it/],
    [['', 'x'], () => undefined, /its argv\[0\] is empty/],
    [['d'], (k) => k.failNext('open', 'EACCES', (args) => String(args[0]).endsWith('/mem')), /EACCES/],
    [['d'], (k) => k.failNext('pwrite', 'EIO'), /EIO/],
  ]
  for (const [argv, arrange, expected] of rows) {
    const { k, daemon } = machine(argv)
    arrange(k)
    const result = markForSurvival(k, daemon.pid)
    t.match(result, { at: false, oom: true }, `${expected}`)
    t.match(result.problems, [expected])
    t.strictSame([...k.proc.fds.keys()].filter((fd) => fd > 2), [])
  }
  const { k, daemon } = machine()
  k.failNext('open', 'EBUSY', (args) => args[0] === `${CGROUP}/cgroup.procs`)
  k.failNext('open', 'EACCES', (args) => String(args[0]).endsWith('/oom_score_adj'))
  makeSurvivorCgroup(k, 257)
  t.match(markForSurvival(k, daemon.pid, CGROUP), { at: true, cgroup: false, oom: false, problems: [/Cannot move process \d+ .*EBUSY.*it has only its '@'/, /Cannot spare process \d+ .*EACCES/] })
  t.match(markForSurvival(k, 99999), { at: false, cgroup: false, oom: false }, 'one that is gone')
})

t.test('which systemd is in the root', async (t) => {
  const rows: readonly (readonly [string, number | null])[] = [
    ['/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so', 252],
    ['/usr/lib/systemd/libsystemd-shared-257.5-1.fc42.so', 257],
    ['/usr/lib/systemd/libsystemd-core-257.so', null],
    ['/usr/lib64/systemd/libsystemd-shared-255.so', 255],
    ['/usr/lib/os-release', null],
  ]
  for (const [path, version] of rows) {
    const k = createBootedModel()
    populate(k.world.initramfs, { [`/newroot${path}`]: file() })
    t.equal(systemdVersion(k, '/newroot'), version, path)
  }
})

t.test('a FUSE server is woken by its requests; an NBD connection that any signal ends is told', async (t) => {
  const { k, daemon } = machine()
  const fuse = addEntry(k.world.devtmpfs.root, 'fuse', S_IFCHR | 0o666, { kind: 'special' }, makeDev(10, 229))
  const served: OpenFile = { kind: 'node', loc: { mnt: k.proc.root.mnt, node: fuse }, flags: O_RDWR, offset: 0 }
  daemon.fds.set(4, { file: served, cloexec: false })
  t.match(markForSurvival(k, daemon.pid), { wakes: true, problems: [] })
  t.match(served, { owner: daemon.pid, signal: SIGCONT, flags: O_RDWR | O_ASYNC })
  t.strictSame([...k.proc.fds.keys()].filter((fd) => fd > 2), [])
  k.failNext('pidfd_getfd', 'ENOSYS')
  t.match(markForSurvival(k, daemon.pid), { at: true, wakes: false, problems: [/Cannot let FUSE requests wake process \d+: pidfd_getfd.*ENOSYS/] })
  populate(k.world.sys, { '/block/nbd0/pid': file(`${daemon.pid}\n`), '/block/vda/dev': file('254:0\n') })
  t.match(markForSurvival(k, daemon.pid).problems, [/Cannot keep 'nbd0' alive through the end of systemd: .*use netlink/])
})
