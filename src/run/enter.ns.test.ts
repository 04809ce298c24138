// Entering and live binds by their plans: a failure at each step leaves nothing, and nobody inside can look into who enters.
//
// The container has no user namespace in one half of the cases and one of its own in the other.

import t from 'tap'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { CLONE_NEWPID, CLONE_NEWUSER, SIGKILL } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { ContainerRoom, MAP, makeRoot } from '../spawn/testing/container-room.ts'
import { Spawner } from '../spawn/spawner.ts'
import { startGuard } from './guard.ts'
import { openTarget } from './target.ts'
import { openTargetTerminal } from './target-terminal.ts'
import { enterFailures, entryFor, startSleeper } from './testing/enter-cases.ts'

const kernel = createKoffiKernel()
const at = `/tmp/fulcrum-enter-${process.pid}`
kernel.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
kernel.mkdir(at, 0o755)
kernel.mount('room', at, 'tmpfs', 0, 'mode=755')
mkdirSync(join(at, 'root'))
makeRoot(kernel, join(at, 'root'))
mkdirSync(join(at, 'source'))
writeFileSync(join(at, 'source/file'), 'x')
const spawner = new Spawner(kernel)
const room = new ContainerRoom(kernel, spawner, join(at, 'root'))
t.teardown(() => {
  spawner.close()
  kernel.umount2(at, MNT_DETACH)
  kernel.rmdir(at)
})

for (const [name, idMap] of [['without', null], ['with', MAP]] as const) {
  t.test(`${name} a user namespace`, async (t) => {
    t.strictSame(enterFailures(room, join(at, 'source'), { idMap }), [], 'a failure at each step leaves nothing')
    const child = startSleeper(room, { idMap })
    const target = openTarget(kernel, entryFor(kernel, child.pid))
    t.equal((target.namespaces & CLONE_NEWPID) !== 0, true)
    t.equal((target.namespaces & CLONE_NEWUSER) !== 0, idMap !== null)
    const { master, peer } = openTargetTerminal(kernel, target.root)
    t.not(kernel.fstat(peer).dev, kernel.stat('/dev/pts').dev, 'a terminal of its own devpts')
    for (const fd of [master, peer]) kernel.close(fd)
    target.close()
    const entry = entryFor(kernel, child.pid)
    child.signal(SIGKILL)
    child.wait()
    t.throws(() => openTarget(kernel, entry), { message: /it has ended/ })
  })
}

t.test('a terminal that the container has faked', async (t) => {
  const fake = join(at, 'fake')
  for (const path of ['', '/dev', '/dev/pts']) mkdirSync(`${fake}${path}`)
  const root = kernel.open(fake, 0o10000000)
  const device = (): bigint => {
    const { master, peer } = openTargetTerminal(kernel, root)
    const { dev } = kernel.fstat(peer)
    kernel.close(master)
    kernel.close(peer)
    return dev
  }
  const hosts = kernel.stat('/dev/pts').dev
  t.equal(device(), hosts, 'none: one of the host')
  writeFileSync(`${fake}/dev/pts/ptmx`, '')
  t.equal(device(), hosts, 'a file')
  kernel.unlink(`${fake}/dev/pts/ptmx`)
  kernel.mknod(`${fake}/dev/pts/ptmx`, 0o020666, 0x103n)
  t.equal(device(), hosts, 'another device')
  kernel.unlink(`${fake}/dev/pts/ptmx`)
  symlinkSync('/proc/1/root/dev/kmsg', `${fake}/dev/pts/ptmx`)
  t.equal(device(), hosts, 'a link')
  kernel.close(root)
})

t.test('a guard that is not needed leaves nothing', async (t) => {
  const child = spawn('sleep', ['1000'])
  const pidfd = kernel.pidfdOpen(child.pid ?? 0)
  const before = kernel.readdir('/proc/self/fd').length
  const entry = join(at, 'entry.json')
  writeFileSync(entry, '')
  startGuard(kernel, { pidfd, cgroup: null, entry, terminal: null })()
  t.equal(kernel.readdir('/proc/self/fd').length, before)
  t.ok(existsSync(entry))
  t.equal(kernel.poll([pidfd], 50)[0]?.revents, 0, 'it lives')
  child.kill('SIGKILL')
  kernel.close(pidfd)
})
