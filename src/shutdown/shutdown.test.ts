// The way down: order of unmounting, read-only before anything else, and PID 1 that stays when the kernel
// refuses to reboot.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { ScriptedKernel, Stopped } from '../boot/rescue/scripted-kernel.ts'
import { unmountOrder } from './release-mounts.ts'
import { runShutdown, shutdownVerb } from './shutdown.ts'

const mountinfo = `1 1 0:2 / / rw - rootfs rootfs rw
30 1 254:1 / /oldroot rw - ext4 /dev/vda1 rw
31 30 0:20 / /oldroot/proc rw - proc proc rw
32 30 254:2 / /oldroot/home rw - xfs /dev/vda2 rw
33 32 254:3 / /oldroot/home/a rw - ext4 /dev/vda3 rw
34 1 0:21 / /oldrootless rw - tmpfs tmpfs rw
35 32 254:4 / /oldroot/home/a rw - ext4 /dev/vda4 ro
`

t.test('what lies on top comes first, and nothing else', async (t) => {
  t.same(unmountOrder(parseMountInfo(mountinfo), '/oldroot').map((m) => m.id), [35, 33, 32, 31, 30])
})

t.test('the verb', async (t) => {
  t.equal(shutdownVerb(['poweroff', '--timeout=90000000us', '--log-level', '6']), 'poweroff')
  t.equal(shutdownVerb(['--log-level=6', 'kexec']), 'kexec')
  t.equal(shutdownVerb([]), 'halt')
  t.equal(shutdownVerb(['explode']), 'halt')
})

function shutDown(args: readonly string[], fail: Record<string, string>): { acts: readonly string[]; said: readonly string[] } {
  const kernel = new ScriptedKernel({ typed: [], files: { '/proc/self/mountinfo': mountinfo }, fail })
  const said: string[] = []
  try {
    runShutdown(kernel, args, (line) => said.push(line))
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
  }
  return { acts: kernel.acts, said }
}

t.test('read-only first, then unmounted, then off', async (t) => {
  const { acts, said } = shutDown(['poweroff'], { umount2: 'EBUSY' })
  t.same(acts.slice(0, 5), [
    'sync',
    'mount /dev/vda3 /oldroot/home/a null 33 null',
    'mount /dev/vda2 /oldroot/home null 33 null',
    'mount /dev/vda1 /oldroot null 33 null',
    'umount2 /oldroot/home/a 0',
  ])
  t.same(acts.filter((act) => act.startsWith('umount2')).slice(-5), [
    'umount2 /oldroot/home/a 2', 'umount2 /oldroot/home/a 2', 'umount2 /oldroot/home 2', 'umount2 /oldroot/proc 2', 'umount2 /oldroot 2',
  ], 'what is busy is detached')
  t.same(acts.slice(-2), ['sync', 'reboot 4321fedc'])
  t.match(said[0], /Cannot let go of a file system: .*EBUSY.*, ignoring/)
})

t.test('a kexec without a kernel becomes a reboot', async (t) => {
  const { acts } = shutDown(['kexec'], { umount2: 'EBUSY', 'reboot 45584543': 'EINVAL' })
  t.same(acts.slice(-2), ['reboot 45584543', 'reboot 1234567'])
})

t.test('PID 1 does not exit when the kernel refuses', async (t) => {
  const kernel = new ScriptedKernel({ typed: [], fail: { reboot: 'EPERM' } })
  const said: string[] = []
  t.throws(() => runShutdown(kernel, ['reboot'], (line) => said.push(line)), new Stopped())
  t.ok(kernel.nowMs >= 3_600_000, 'sleeps')
  t.match(said.join('\n'), /Cannot reboot: .*EPERM.*switched off now/)
})
