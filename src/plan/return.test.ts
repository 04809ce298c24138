// The plan of the way back: its steps, its refusals, and the steps that take it back.
//
// Tables on mountinfo as it reads after each kind of switch; execution is tested in src/return.

import t from 'tap'
import { parseMountInfo } from '../facts/mountinfo.ts'
import type { ReturnFacts } from '../facts/return-types.ts'
import { planReturn, planReturnUndo } from './return.ts'
import { describeStep } from './step.ts'
import type { Plan, PlanResult } from './step.ts'

const PIVOTED = `30 1 254:1 / / rw - ext4 /dev/vda1 rw
21 30 0:5 / /dev rw - devtmpfs devtmpfs rw
22 21 0:6 / /dev/pts rw - devpts devpts rw
23 30 0:7 / /proc rw - proc proc rw
24 30 0:8 / /run rw - tmpfs tmpfs rw
25 24 0:2 / /run/rootfs ro - rootfs rootfs rw
26 24 0:2 / /run/initramfs ro - rootfs rootfs rw
27 30 0:9 / /sys rw - sysfs sysfs rw
28 30 254:2 / /home rw - ext4 /dev/vda2 rw
`

function facts(more: Partial<ReturnFacts> = {}): ReturnFacts {
  return {
    pid: 1, uid: 0, place: { kind: 'running-root' }, mounts: parseMountInfo(PIVOTED),
    kept: { kind: 'mounted', path: '/run/rootfs', readOnlyMount: true, readOnlyFilesystem: false },
    hasShutdown: true, hasOldRootDirectory: true, recordedKeep: 'full',
    targets: new Map(['/dev', '/proc', '/run', '/sys'].map((at) => [at, true])), ...more,
  }
}

function planned(result: PlanResult): Plan {
  if (result.plan === null) throw new Error(`refused: ${result.refusal.detail}`)
  return result.plan
}

const lines = (plan: Plan): string[] => plan.steps.map(describeStep)

t.test('from a root that was pivoted to', async (t) => {
  const plan = planned(planReturn({ console: '/dev/console' }, facts()))
  t.strictSame(lines(plan), [
    'umount2("/run/initramfs", MNT_DETACH)',
    'mount("none", "/run/rootfs", NULL, MS_REMOUNT|MS_BIND, NULL)',
    'chdir("/run/rootfs")',
    'pivot_root(".", "oldroot")',
    'chroot(".")',
    'chdir("/")',
    ...['/dev', '/proc', '/run', '/sys'].map((at) => `mount("/oldroot${at}", "${at}", NULL, MS_MOVE, NULL)`),
    'rmdir("/run/rootfs")',
    'rmdir("/run/initramfs"), if it is empty',
    'descriptors 0 to 2 = open("/dev/console", O_RDWR)',
  ])
  t.equal(plan.pointOfNoReturn, plan.steps.length)
  t.strictSame(planReturnUndo(plan.steps, plan.steps.length).map(describeStep), [
    'mkdir("/run/initramfs", 0700)',
    'mkdir("/run/rootfs", 0700)',
    ...['/sys', '/run', '/proc', '/dev'].map((at) => `mount("${at}", "/oldroot${at}", NULL, MS_MOVE, NULL)`),
    'chdir("/oldroot")',
    'pivot_root(".", "run/rootfs")',
    'chroot(".")',
    'chdir("/")',
    'chdir("/")',
    'mount("none", "/run/rootfs", NULL, MS_RDONLY|MS_REMOUNT|MS_BIND, NULL), if no file is open for writing',
    'mount("/run/rootfs", "/run/initramfs", NULL, MS_BIND, NULL)',
    'mount("none", "/run/initramfs", NULL, MS_RDONLY|MS_REMOUNT|MS_BIND, NULL), if no file is open for writing',
  ])
})

t.test('shared mounts are made private first, and shared again by the undo', async (t) => {
  const mounts = parseMountInfo(PIVOTED.replace('/ / rw -', '/ / rw shared:1 -'))
  const plan = planned(planReturn({ console: null }, facts({ mounts })))
  t.equal(lines(plan)[0], 'mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL)')
  t.strictSame(planReturnUndo(plan.steps, 1).map(describeStep), ['mount("none", "/", NULL, MS_REC|MS_SHARED, NULL)'])
})

t.test('a compressed, read-only initramfs is not written to', async (t) => {
  const slim = { kind: 'mounted', path: '/run/rootfs', readOnlyMount: true, readOnlyFilesystem: true } as const
  const plan = planned(planReturn({ console: null }, facts({ kept: slim })))
  t.notMatch(lines(plan).join('\n'), /MS_REMOUNT|mkdir/)
  const lacking = planned(planReturn({ console: null }, facts({ kept: slim, targets: new Map([['/dev', true], ['/proc', true], ['/run', true]]) })))
  t.notMatch(lines(lacking).join('\n'), /oldroot\/sys/)
  t.match(lacking.notes, [/'\/sys' stays below \/oldroot/])
  const made = planned(planReturn({ console: null }, facts({ hasOldRootDirectory: false, targets: new Map() })))
  t.match(lines(made).join('\n'), /mkdir\("\/run\/rootfs\/oldroot", 0755\)\nmkdir\("\/run\/rootfs\/dev"/, 'another one gets what it lacks')
})

t.test('a concealed one is bound to /run/rootfs by the root directory of a process of it', async (t) => {
  const mounts = parseMountInfo(PIVOTED.split('\n').filter((line) => !/rootfs|initramfs/.test(line)).join('\n'))
  const plan = planned(planReturn({ console: null }, facts({ mounts, kept: { kind: 'concealed', path: '/proc/77/root', pid: 77 } })))
  t.strictSame(lines(plan).slice(0, 3), ['mkdir("/run/rootfs", 0700)', 'mount("/proc/77/root", "/run/rootfs", NULL, MS_BIND, NULL)', 'chdir("/run/rootfs")'])
  t.match(plan.reason, /root directory of process 77/)
})

t.test('refusals', async (t) => {
  const reason = (more: Partial<ReturnFacts>): string | undefined => planReturn({ console: null }, facts(more)).refusal?.reason
  t.equal(reason({ uid: 1000 }), 'no-permission')
  t.equal(reason({ place: { kind: 'initramfs' } }), 'in-initramfs')
  t.equal(reason({ place: { kind: 'elsewhere', what: 'this is a container' } }), 'not-main-root')
  t.equal(reason({ kept: { kind: 'none' }, recordedKeep: 'none' }), 'initramfs-not-kept')
  t.equal(reason({ kept: { kind: 'none' }, recordedKeep: 'full' }), 'initramfs-not-found')
  t.equal(reason({ kept: { kind: 'none' }, recordedKeep: null }), 'initramfs-not-found')
  t.equal(reason({ hasShutdown: false }), 'shutdown-missing')
  t.equal(reason({}), undefined)
})
