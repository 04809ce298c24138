// Plans of a switch of root, from hand-made facts: engine choice, refusals, steps, undo.

import t from 'tap'
import type { InitCheck } from '../facts/init-check.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { planPrepare } from './prepare.ts'
import { describePlan, describeStep } from './step.ts'
import type { Plan, PlanResult } from './step.ts'
import type { SwitchFacts, SwitchRequest, TargetState } from '../facts/switch-types.ts'
import { planSwitch } from './switch.ts'
import { planUndo } from './undo.ts'

const API = `
20 1 0:20 / /proc rw shared:5 - proc proc rw
21 1 0:21 / /sys rw - sysfs sysfs rw
22 1 0:5 / /dev rw - devtmpfs devtmpfs rw
23 22 0:22 / /dev/pts rw - devpts devpts rw
24 1 0:23 / /run rw - tmpfs tmpfs rw
30 1 254:0 / /sysroot ro,relatime - ext4 /dev/vda ro
`
const ABSOLUTE = `1 1 0:2 / / rw - rootfs rootfs rw${API}`
const NULLFS = `2 1 0:3 / / rw - rootfs rootfs rw${API.replaceAll(/^(\d+) 1 /gm, '$1 2 ').replaceAll('22 2 0:5', '22 2 0:5')}`
const PRIVATE = NULLFS.replace('shared:5 ', '')

const goodInit: InitCheck = { path: '/sbin/init', resolved: '/usr/lib/systemd/systemd', problem: null, passedOver: [] }
const directories: Record<string, TargetState> = { '/proc': 'directory', '/sys': 'directory', '/dev': 'directory', '/run': 'directory' }

function request(more: Partial<SwitchRequest> = {}): SwitchRequest {
  return {
    newRoot: '/sysroot', engine: 'auto', keep: null, init: ['/sbin/init'], initArgs: ['3'], env: { HOME: '/' }, console: null,
    dropCapabilities: [], timestamps: true, requirePid1: true, ...more,
  }
}

function facts(mountinfo: string, more: Partial<SwitchFacts> = {}): SwitchFacts {
  return {
    pid: 1, uid: 0, mounts: parseMountInfo(mountinfo), oldRootIsMemory: true, oldRootMode: 0o755, oldRootIsCopy: false, slimProblem: null, secrets: [], oldRootIsInitramfs: true,
    newRoot: { exists: true, isDirectory: true, isRoot: false, sameDevice: false, readOnly: true },
    targets: directories, rootfsTarget: 'missing', rootfsReadOnly: false, init: goodInit, ...more,
  }
}

function planned(result: PlanResult): Plan {
  if (result.plan === null) throw new Error(`refused: ${result.refusal.reason}: ${result.refusal.detail}`)
  return result.plan
}

/** What comes after the switch where the initramfs is kept, whatever the engine. */
const KEPT = [
  'chmod("/run/rootfs", 0700)',
  'mkdir("/run/initramfs", 0700)',
  'mount("/run/rootfs", "/run/initramfs", NULL, MS_BIND, NULL)',
  'mount("none", "/run/initramfs", NULL, MS_RDONLY|MS_REMOUNT|MS_BIND, NULL), if no file is open for writing',
  'mount("none", "/run/rootfs", NULL, MS_RDONLY|MS_REMOUNT|MS_BIND, NULL), if no file is open for writing',
]

/** A unit for systemd, and what starts it. */
const HIDDEN = [/mount --make-unbindable \/run\/rootfs; .*to "\/run\/systemd\/system\/fulcrum-hide.service"$/, /sysinit.target.d/]

const KEPT_UNDONE = [
  'mount("none", "/run/rootfs", NULL, MS_REMOUNT|MS_BIND, NULL)',
  'mount("none", "/run/initramfs", NULL, MS_REMOUNT|MS_BIND, NULL)',
  'umount2("/run/initramfs", MNT_DETACH)',
  'chmod("/run/rootfs", 0755)',
]

const lines = (plan: Plan): string[] => plan.steps.map(describeStep)

t.test('pivot on a kernel with nullfs: carried mounts, then pivot_root, the initramfs kept', async (t) => {
  const plan = planned(planSwitch(request(), facts(PRIVATE)))
  t.equal(plan.name, 'pivot')
  t.match(lines(plan), [
    'mount("/dev", "/sysroot/dev", NULL, MS_MOVE, NULL)',
    'mount("/proc", "/sysroot/proc", NULL, MS_MOVE, NULL)',
    'mount("/run", "/sysroot/run", NULL, MS_MOVE, NULL)',
    'mount("/sys", "/sysroot/sys", NULL, MS_MOVE, NULL)',
    'mkdir("/sysroot/run/rootfs", 0700)',
    'chdir("/sysroot")',
    'pivot_root(".", "run/rootfs")',
    'chdir("/")',
    ...KEPT,
    'write "# The kept initramfs: in use until the machine is off.\\n[Unit]\\nDefaultDependencies=no\\n" to "/run/systemd/system/run-rootfs.mount.d/50-fulcrum.conf"',
    ...['dracut-shutdown', 'mkinitcpio-generate-shutdown-ramfs'].map((name) =>
      'write "# /run/initramfs is the kept initramfs: there is nothing to unpack.\\n[Unit]\\nConditionPathExists=!/run/initramfs/shutdown\\n"' +
      ` to "/run/systemd/system/${name}.service.d/50-fulcrum.conf"`),
    ...HIDDEN,
  ])
  const other = planned(planSwitch(request(), facts(PRIVATE, { init: { ...goodInit, resolved: '/bin/busybox' } })))
  t.equal(lines(other).at(-1), KEPT.at(-1), 'nothing for systemd where init is another')
  t.strictSame(plan.exec?.argv, ['/sbin/init', '3'])
  t.equal(plan.exec?.kind, 'systemd')
  t.equal(plan.pointOfNoReturn, plan.steps.length, 'everything can be undone')
})

t.test('a shared mount makes everything private first', async (t) => {
  t.equal(lines(planned(planSwitch(request(), facts(NULLFS))))[0], 'mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL)')
})

t.test('auto moves on an unprepared absolute root, and deletes the initramfs', async (t) => {
  const plan = planned(planSwitch(request(), facts(ABSOLUTE)))
  t.equal(plan.name, 'move')
  const all = lines(plan)
  t.strictSame(all.slice(-6), [
    'chdir("/sysroot")',
    'mount(".", "/", NULL, MS_MOVE, NULL)',
    'chroot(".")',
    'chdir("/")',
    'delete everything in old_root, without crossing into other file systems',
    'close(old_root)',
  ])
  t.equal(plan.pointOfNoReturn, plan.steps.length - 2)
})

t.test('pivot asked for on an unprepared absolute root contains the bind trick', async (t) => {
  const plan = planned(planSwitch(request({ engine: 'pivot' }), facts(ABSOLUTE)))
  const all = lines(plan)
  t.ok(all.indexOf('mount("/", "/.fulcrum-root", NULL, MS_BIND, NULL)') < all.indexOf('pivot_root(".", "run/rootfs")'))
  t.ok(all.includes('mount("/sysroot", "/.fulcrum-root/sysroot", NULL, MS_MOVE, NULL)'), 'the new root goes along')
  t.equal(plan.notes.length, 1)
})

t.test('keep none by pivot deletes, detaches and removes the mount point', async (t) => {
  const plan = planned(planSwitch(request({ keep: 'none' }), facts(PRIVATE)))
  t.strictSame(lines(plan).slice(-5), [
    'old_root = open("/run/rootfs", O_RDONLY|O_DIRECTORY|O_CLOEXEC)',
    'delete everything in old_root, without crossing into other file systems',
    'umount2("/run/rootfs", MNT_DETACH)',
    'rmdir("/run/rootfs")',
    'close(old_root)',
  ])
})

t.test('move with keep full shows the initramfs by a bind', async (t) => {
  const all = lines(planned(planSwitch(request({ engine: 'move', keep: 'full' }), facts(PRIVATE))))
  t.ok(all.includes('mount("/", "/sysroot/run/rootfs", NULL, MS_BIND, NULL)'))
  t.strictSame(all.slice(all.lastIndexOf('chdir("/")') + 1).slice(0, KEPT.length), KEPT)
})

t.test('an old root that is no initramfs keeps its mode, and nobody returns to it', async (t) => {
  const all = lines(planned(planSwitch(request(), facts(PRIVATE, { oldRootIsMemory: false }))))
  t.equal(all.at(-1), 'chdir("/")')
})

t.test('a read-only root without /run cannot show the initramfs twice', async (t) => {
  const root = { exists: true, isDirectory: true, isRoot: false, sameDevice: false, readOnly: true }
  const noRun = facts(PRIVATE.replace(/^24 .*\n/m, ''), { rootfsTarget: 'directory', rootfsReadOnly: true, newRoot: root })
  const plan = planned(planSwitch(request(), noRun))
  t.notOk(lines(plan).some((line) => line.includes('initramfs"')))
  t.match(plan.notes.join(), /'\/run\/initramfs' cannot be made in the new root/)
})

t.test('a /run that was moved into the new root already holds the initramfs, read-only as the root may be', async (t) => {
  const moved = PRIVATE.replace(/^24 2 (\S+ \/) \/run /m, '24 30 $1 /sysroot/run ')
  const pivot = planned(planSwitch(request(), facts(moved)))
  t.notOk(lines(pivot).some((line) => line.includes('mount("/run"')))
  t.match(lines(pivot).join('\n'), /mkdir\("\/sysroot\/run\/rootfs", 0700\)[^]*pivot_root[^]*mount\("\/run\/rootfs", "\/run\/initramfs"[^]*fulcrum-hide/)
  const slim = planned(planSwitch(request({ keep: 'slim' }), facts(moved)))
  t.match(lines(slim).join('\n'), /"\/sysroot\/run\/initramfs", "squashfs"[^]*pivot_root/)
})

t.test('what is mounted below /run/initramfs is not hidden by the kept initramfs', async (t) => {
  const live = `${PRIVATE}99 24 7:0 / /run/initramfs/live rw - iso9660 /dev/sr0 ro\n`
  const plan = planned(planSwitch(request(), facts(live)))
  t.notOk(lines(plan).some((line) => line.includes('"/run/initramfs"')))
  t.match(plan.notes.join(), /'\/run\/initramfs\/live' is mounted where/)
  const slim = planned(planSwitch(request({ keep: 'slim' }), facts(live)))
  t.equal(slim.keep, 'full')
})

t.test('keep slim: a copy is mounted first, the rest is deleted, and the copy stands for it', async (t) => {
  const pivot = lines(planned(planSwitch(request({ keep: 'slim' }), facts(PRIVATE))))
  t.strictSame(pivot.slice(0, 3), [
    'mkdir("/run/initramfs", 0700)',
    'mount(loop device of "/lib/fulcrum/kept.squashfs" without readahead, "/run/initramfs", "squashfs", MS_RDONLY, NULL)',
    'mount("/dev", "/sysroot/dev", NULL, MS_MOVE, NULL)',
  ])
  const slimmed = [
    'delete everything in old_root, without crossing into other file systems',
    'umount2("/run/rootfs", MNT_DETACH)',
    'mkdir("/run/rootfs", 0700)',
    'mount("/run/initramfs", "/run/rootfs", NULL, MS_BIND, NULL)',
    'close(old_root)',
  ]
  const at = pivot.findIndex((line) => line.startsWith('delete'))
  t.strictSame(pivot.slice(at, at + 5), slimmed)
  t.equal(pivot.length - at - 5, 5, 'and what systemd reads')
  const move = planned(planSwitch(request({ keep: 'slim', engine: 'move' }), facts(PRIVATE)))
  t.strictSame(lines(move).filter((line) => slimmed.includes(line)), slimmed.filter((line) => !line.startsWith('umount')))
  t.match(move, { keep: 'slim', pointOfNoReturn: lines(move).findIndex((line) => line.startsWith('delete')) })
  t.ok(planUndo(move, move.pointOfNoReturn).map(describeStep).includes('umount2("/run/initramfs", MNT_DETACH)'))
})

t.test('keep slim falls back to full where there is no copy, and says why', async (t) => {
  for (const [known, why] of [
    [{ slimProblem: 'the image has none' }, /the image has none/], [{ oldRootIsMemory: false }, /is not an initramfs/],
    [{ mounts: parseMountInfo(PRIVATE.replace(/^24 .*\n/m, '')), rootfsTarget: 'directory' }, /\/run is not carried/],
  ] as const) {
    const plan = planned(planSwitch(request({ keep: 'slim' }), facts(PRIVATE, known)))
    t.equal(plan.keep, 'full')
    t.match(plan.notes.join(), why)
  }
})

t.test('from a compressed copy on: it stays whatever is asked, and is not changed', async (t) => {
  const copy = { oldRootIsMemory: false, oldRootIsCopy: true }
  for (const keep of ['full', 'slim', 'none', null] as const) {
    for (const engine of ['move', 'pivot'] as const) {
      const plan = planned(planSwitch(request({ keep, engine }), facts(PRIVATE, copy)))
      t.equal(plan.keep, 'slim')
      t.ok(lines(plan).includes('mount("/run/rootfs", "/run/initramfs", NULL, MS_BIND, NULL)'))
      t.notOk(lines(plan).some((line) => /^(delete|chmod)/.test(line)))
    }
  }
})

t.test('secrets are overwritten right after the switch, before anything is deleted or read-only', async (t) => {
  const secrets = [{ path: '/etc/key', state: 'file' }, { path: '/etc/gone', state: 'missing' }, { path: '/etc/link', state: 'other' }] as const
  for (const [engine, keep] of [['pivot', 'full'], ['pivot', 'none'], ['move', 'full'], ['move', 'slim'], ['move', 'none']] as const) {
    const plan = planned(planSwitch(request({ engine, keep }), facts(PRIVATE, { secrets })))
    const all = lines(plan)
    const at = all.indexOf('overwrite and delete "/etc/key" in old_root')
    t.ok(at > all.findIndex((line) => /^(pivot_root|chroot)/.test(line)), `${engine} ${keep}`)
    t.ok(all.slice(at).every((line) => !line.startsWith('old_root =')) && all.slice(0, at).some((line) => line.startsWith('old_root =')), 'by a descriptor')
    t.notOk(all.slice(0, at).some((line) => /^delete|MS_RDONLY\|MS_REMOUNT/.test(line)))
    t.notOk(all.some((line) => /gone|link"/.test(line)))
    t.match(plan.notes.join('\n'), /'\/etc\/gone' is not there[^]*'\/etc\/link': it is not a regular file/)
  }
  const elsewhere = planned(planSwitch(request(), facts(PRIVATE, { secrets, oldRootIsMemory: false })))
  t.notOk(lines(elsewhere).some((line) => line.startsWith('overwrite')), 'never on a disk')
})

t.test('a plain directory is bound onto itself and never deleted with the initramfs', async (t) => {
  const plain = PRIVATE.replace(/^30 .*\n/m, '')
  const same = facts(plain, { newRoot: { exists: true, isDirectory: true, isRoot: false, sameDevice: true, readOnly: false } })
  const plan = planned(planSwitch(request({ engine: 'move' }), same))
  t.equal(lines(plan)[0], 'mount("/sysroot", "/sysroot", NULL, MS_BIND|MS_REC, NULL)')
  t.notOk(lines(plan).some((line) => line.startsWith('delete')))
  t.equal(planSwitch(request({ keep: 'none' }), same).refusal?.reason, 'new-root-is-root')
})

t.test('missing mount points are made on a writable root and refused on a read-only one', async (t) => {
  const targets = { ...directories, '/run': 'missing', '/proc': 'missing' } as const
  const writable = facts(PRIVATE, { targets, newRoot: { exists: true, isDirectory: true, isRoot: false, sameDevice: false, readOnly: false } })
  const all = lines(planned(planSwitch(request(), writable)))
  t.ok(all.includes('mkdir("/sysroot/proc", 0555)'))
  t.ok(all.includes('mkdir("/sysroot/run", 0755)'))
  const refused = planSwitch(request(), facts(PRIVATE, { targets })).refusal
  t.equal(refused?.reason, 'mount-point-missing')
  t.match(refused?.detail, /'\/proc'/)
})

t.test('directories above a missing mount point are made once, before it', async (t) => {
  const mounts = `${PRIVATE.replace(/^22 .*\n/m, '')}80 2 0:80 / /dev/a/one rw - tmpfs a rw\n81 2 0:81 / /dev/a/two rw - tmpfs a rw\n`
  const targets = { ...directories, '/dev/a': 'missing', '/dev/a/one': 'missing', '/dev/a/two': 'missing' } as const
  const writable = facts(mounts, { targets, newRoot: { exists: true, isDirectory: true, isRoot: false, sameDevice: false, readOnly: false } })
  t.strictSame(lines(planned(planSwitch(request(), writable))).filter((line) => line.includes('/dev/a') && line.startsWith('mkdir')), [
    'mkdir("/sysroot/dev/a", 0755)', 'mkdir("/sysroot/dev/a/one", 0755)', 'mkdir("/sysroot/dev/a/two", 0755)',
  ])
})

t.test('mounts below /dev are carried even where /dev is not a mount', async (t) => {
  const mountinfo = PRIVATE.replace(/^22 .*\n/m, '').replace(/^23 22 /m, '23 2 ')
  const plan = planned(planSwitch(request(), facts(mountinfo, { targets: { ...directories, '/dev/pts': 'directory' } })))
  t.ok(lines(plan).includes('mount("/dev/pts", "/sysroot/dev/pts", NULL, MS_MOVE, NULL)'))
})

t.test('what is mounted in the new root already', async (t) => {
  const same = planned(planSwitch(request(), facts(PRIVATE, { targets: { ...directories, '/proc': 'mount-same' } })))
  t.notOk(lines(same).some((line) => line.includes('"/proc"')))
  t.match(same.notes[0], /'\/proc' is mounted in the new root already/)
  const other = planned(planSwitch(request(), facts(PRIVATE, { targets: { ...directories, '/run': 'mount-other' } })))
  t.ok(lines(other).includes('mount("/run", "/sysroot/run", NULL, MS_MOVE, NULL)'))
  t.match(other.notes[0], /on top of another/)
})

t.test('refusals, each before the first step', async (t) => {
  const root = { exists: true, isDirectory: true, isRoot: false, sameDevice: false, readOnly: false }
  const cases: readonly [string, Partial<SwitchRequest>, Partial<SwitchFacts>][] = [
    ['no-permission', {}, { uid: 1000 }],
    ['not-pid1', {}, { pid: 77 }],
    ['new-root-missing', {}, { newRoot: { ...root, exists: false } }],
    ['new-root-not-directory', {}, { newRoot: { ...root, isDirectory: false } }],
    ['new-root-is-root', {}, { newRoot: { ...root, isRoot: true } }],
    ['not-initramfs', { keep: 'none' }, { oldRootIsMemory: false }],
    ['pivot-impossible', {}, { mounts: [] }],
    ['init-missing', {}, { init: { path: '/sbin/init', resolved: null, problem: { reason: 'init-missing', detail: 'x', remedy: 'y' } } }],
  ]
  for (const [reason, asked, known] of cases) {
    const result = planSwitch(request(asked), facts(PRIVATE, known))
    t.equal(result.refusal?.reason, reason)
    t.not(result.refusal?.remedy, '', `${reason} has a remedy`)
  }
})

t.test('undo inverts completed steps, last first', async (t) => {
  const pivot = planned(planSwitch(request(), facts(PRIVATE)))
  t.strictSame(planUndo(pivot, pivot.steps.length).map(describeStep), [
    ...KEPT_UNDONE,
    'chdir("/run/rootfs")',
    'pivot_root(".", "sysroot")',
    'chroot(".")',
    'chdir("/")',
    'chdir("/")',
    'mount("/sysroot/sys", "/sys", NULL, MS_MOVE, NULL)',
    'mount("/sysroot/run", "/run", NULL, MS_MOVE, NULL)',
    'mount("/sysroot/proc", "/proc", NULL, MS_MOVE, NULL)',
    'mount("/sysroot/dev", "/dev", NULL, MS_MOVE, NULL)',
  ])
  t.strictSame(planUndo(pivot, 1).map(describeStep), ['mount("/sysroot/dev", "/dev", NULL, MS_MOVE, NULL)'])
  const move = planned(planSwitch(request({ engine: 'move', keep: 'full' }), facts(PRIVATE)))
  t.strictSame(planUndo(move, move.steps.length).slice(0, 8).map(describeStep), [
    ...KEPT_UNDONE,
    'fchdir(old_root)',
    'chroot(".")',
    'chdir("/")',
    'mount("/..", "/sysroot", NULL, MS_MOVE, NULL)',
  ])
  const gone = planned(planSwitch(request({ keep: 'none' }), facts(PRIVATE)))
  t.strictSame(planUndo(gone, gone.pointOfNoReturn + 1), [], 'nothing past the point of no return')
})

t.test('the bind trick: only on the absolute root, everything on "/" goes along', async (t) => {
  t.equal(planPrepare(parseMountInfo(PRIVATE)), null)
  const early = parseMountInfo('1 1 0:2 / / rw - rootfs rootfs rw\n20 1 0:20 / /proc rw - proc proc rw\n')
  const plan = planPrepare(early)
  t.strictSame(plan?.steps.map(describeStep), [
    'mkdir("/.fulcrum-root", 0755)',
    'mount("/", "/.fulcrum-root", NULL, MS_BIND, NULL)',
    'mount("/proc", "/.fulcrum-root/proc", NULL, MS_MOVE, NULL)',
    'chdir("/.fulcrum-root")',
    'mount(".", "/", NULL, MS_MOVE, NULL)',
    'chroot(".")',
    'chdir("/")',
    'rmdir("/.fulcrum-root")',
  ])
})

t.test('a printed plan names the point of no return and ends with exec', async (t) => {
  const text = describePlan(planned(planSwitch(request({ keep: 'none' }), facts(PRIVATE)))).join('\n')
  t.match(text, /-- point of no return --\n +10\. delete everything/)
  t.match(text, /execve\("\/sbin\/init", \["\/sbin\/init", "3"\]\)/)
})

t.test('a mount point that is a link in the new root is mounted where it leads', async (t) => {
  const linked = { targets: directories, places: { '/run': '/var/run' } }
  for (const engine of ['move', 'pivot'] as const) {
    const all = lines(planned(planSwitch(request({ engine }), facts(PRIVATE, linked))))
    t.ok(all.includes('mount("/run", "/sysroot/var/run", NULL, MS_MOVE, NULL)'), all.join('\n'))
    t.equal(all.includes('pivot_root(".", "var/run/rootfs")'), engine === 'pivot')
  }
  const missing = { ...linked, targets: { ...directories, '/run': 'missing' as const }, newRoot: { ...facts(PRIVATE).newRoot, readOnly: false } }
  t.ok(lines(planned(planSwitch(request(), facts(PRIVATE, missing)))).includes('mkdir("/sysroot/var/run", 0755)'))
})

t.test('a new root that stands on a carried mount is moved out of it first, and back by an undo', async (t) => {
  const below = PRIVATE.replace('30 2 254:0 / /sysroot', '30 24 254:0 / /run/live')
  const plan = planned(planSwitch(request({ newRoot: '/run/live', engine: 'move', keep: 'none' }), facts(below)))
  const all = lines(plan)
  t.strictSame(all.slice(0, 2), ['mkdir("/.fulcrum-newroot", 0755)', 'mount("/run/live", "/.fulcrum-newroot", NULL, MS_MOVE, NULL)'])
  t.ok(all.includes('mount("/run", "/.fulcrum-newroot/run", NULL, MS_MOVE, NULL)'), all.join('\n'))
  t.strictSame(plan.notes, [])
  t.equal(planUndo(plan, plan.pointOfNoReturn).map(describeStep).at(-1), 'mount("/.fulcrum-newroot", "/run/live", NULL, MS_MOVE, NULL)')
})

t.test('argv[0] is the word of the caller', async (t) => {
  t.strictSame(planned(planSwitch(request({ argv0: 'sbin/init' }), facts(PRIVATE))).exec?.argv, ['sbin/init', '3'])
})
