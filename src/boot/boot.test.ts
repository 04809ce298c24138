// Whole boots on the model kernel, from the first mount to the exec, typed at where they fail.
//
// scripted-boot-for-tests.ts has the machine. Each boot ends where PID 1 would wait for ever.

import t from 'tap'
import { MS_RDONLY } from '../abi/mount.ts'
import { visible } from '../kernel/contract/case.ts'
import type { SyscallArg } from '../kernel/errors.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { executable, file } from '../kernel/model/vfs.ts'
import { rootFiles } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { breakPoints } from './parameters.ts'
import { play, plugDiskLater } from './scripted-boot-for-tests.ts'
import type { Played } from './scripted-boot-for-tests.ts'

const API = ['/dev devtmpfs on /dev/vda', '/dev/pts devpts on devtmpfs', '/dev/shm tmpfs on devtmpfs', '/proc proc on /dev/vda', '/run tmpfs on /dev/vda']
const PIVOTED = ['/ /dev/vda on unlisted', ...API, '/run/initramfs rootfs on tmpfs', '/run/rootfs rootfs on tmpfs', '/sys sysfs on /dev/vda']
const MOVED = ['/ /dev/vda on unlisted', ...API, '/sys sysfs on /dev/vda']

/** A mount call with this source (and target). */
const mountOf = (source: string, target?: string) => (args: readonly SyscallArg[]): boolean => args[0] === source && (target === undefined || args[1] === target)

function hasInitramfsFile({ model }: Played): boolean {
  return model.world.nodeAt(model.world.initramfs, '/bin/fulcrum') !== undefined
}

/** Lines of the rescue console's answer to why it opened. */
function reasons(played: Played): string[] {
  return [...played.output.matchAll(/^Cannot boot: stopped at '(.*)'$/gm)].map((m) => m[1] ?? '')
}

t.test('boots by each engine, with the absolute root below and with nullfs', async (t) => {
  for (const absoluteRoot of [false, true]) {
    const pivot = play({ absoluteRoot })
    t.strictSame(pivot.execs[0]?.mounts, PIVOTED, 'pivot')
    t.ok(hasInitramfsFile(pivot))
    t.match(JSON.parse(pivot.execs[0]?.record ?? ''), {
      format: 1, engine: 'pivot', keep: 'full', prepared: absoluteRoot, rescues: 0, kernelRelease: '6.12.0-test',
      root: { source: '/dev/vda', type: 'ext4', options: 'rw' },
    })
    const move = play({ absoluteRoot, commandLine: 'root=/dev/vda fulcrum.switch=move' })
    t.strictSame(move.execs[0]?.mounts, MOVED, 'move')
    t.notOk(hasInitramfsFile(move), 'the initramfs is freed')
    t.match(JSON.parse(move.execs[0]?.record ?? ''), { engine: 'move', keep: 'none', prepared: false, root: { options: 'ro' } })
    for (const played of [pivot, move]) t.strictSame(reasons(played), ['exec'], 'nothing failed before')
  }
})

t.test('init inherits nothing of Node and nothing of the initramfs', async (t) => {
  const { execs } = play({ commandLine: 'root=/dev/vda rw COLOUR=blue rd.timeout=5' })
  const [handed] = execs
  t.strictSame(handed?.inherited.argv.slice(0, 4), ['/sbin/init', '--switched-root', '--system', '--deserialize'])
  t.match(handed?.serialization, /^initrd-timestamp=1700000001000000 1000000\n\n$/)
  t.strictSame(handed?.inherited.env, { HOME: '/', TERM: 'linux', COLOUR: 'blue', root: '/dev/vda' })
  t.strictSame(handed?.inherited.fds.slice(0, 3), [[0, '/dev/console'], [1, '/dev/console'], [2, '/dev/console']])
  t.equal(handed?.inherited.fds.length, 4, 'and what systemd reads')
  t.strictSame([handed?.inherited.ignoredSignals, handed?.inherited.nofile], [[], 1024n])
  t.equal(handed?.inherited.cwd, handed?.inherited.root, 'it stands in "/"')
  const off = play({ commandLine: 'root=/dev/vda fulcrum.timestamps=no init=/bin/sh' })
  t.strictSame(off.execs[0]?.inherited.argv, ['/bin/sh'])
})

t.test('a root that is not there: rescue, another root=, retry', async (t) => {
  const played = play({ commandLine: 'root=/dev/vdb rw rd.timeout=2', typed: ['root=/dev/vda', 'retry'] })
  t.strictSame(reasons(played), ['root-device', 'exec'])
  t.match(played.output, /\[root-not-found\]/)
  t.match(played.output, /block devices:\n.*\n +vda +256 KiB +ext4/, 'what is there is shown')
  t.equal(JSON.parse(played.execs[0]?.record ?? '').rescues, 1)
  t.strictSame(played.execs[0]?.mounts, PIVOTED)
})

t.test('a root that a hook mounts is taken, and root= is not looked at', async (t) => {
  const hook = '/etc/fulcrum/hooks/pre-mount/10-mount'
  const arrange = (kernel: ModelKernel): void => {
    kernel.world.programs.set(hook, () => {
      kernel.mount('/dev/vda', '/sysroot', 'ext4', 0, null)
      return {}
    })
  }
  const played = play({ commandLine: 'root=nothing', files: { [hook]: executable('') }, arrange })
  t.strictSame(played.execs[0]?.mounts, PIVOTED)
  t.match(JSON.parse(played.execs[0]?.record ?? ''), { rescues: 0, root: { source: '/dev/vda', type: 'ext4', options: 'rw' } })
})

t.test('a root that comes late is waited for', async (t) => {
  const played = play({ commandLine: 'root=LABEL=root rd.timeout=60', disk: false, arrange: (k) => plugDiskLater(k, 7000) })
  t.strictSame(played.execs[0]?.mounts, PIVOTED)
  t.match(played.output, /waiting for LABEL=root \(6 s of 60 s\)/)
})

t.test('without root= the console says so, and takes one', async (t) => {
  const played = play({ commandLine: 'quiet', typed: ['root=UUID=11111111-2222-3333-4444-555555555555', 'set rw', 'retry'] })
  t.match(played.output, /\[root-not-given\]/)
  t.match(JSON.parse(played.execs[0]?.record ?? ''), { root: { options: 'rw' } })
})

t.test('what cannot be a root is refused with its reason, and nothing is left mounted', async (t) => {
  const refused = (machine: Parameters<typeof play>[0], reason: string): void => {
    const played = play(machine)
    t.match(played.output, new RegExp(`\\[${reason}\\]`), reason)
    t.strictSame(played.execs, [])
  }
  refused({ commandLine: 'root=nonsense=1' }, 'root-invalid')
  refused({ commandLine: 'root=' }, 'root-not-given')
  refused({ root: { '/etc/fstab': file('') } }, 'init-missing')
  refused({ root: { ...rootFiles, '/sbin/init': executable(elfFile({ machine: 183 })) }, commandLine: 'root=/dev/vda init=/sbin/init' }, 'init-wrong-architecture')
  refused({ commandLine: 'root=/dev/vda init=/bin/script' }, 'init-interpreter-missing')
  const { '/run': _, ...noRun } = rootFiles
  refused({ root: noRun, commandLine: 'root=/dev/vda ro' }, 'mount-point-missing')
  const retried = play({ commandLine: 'root=/dev/vda init=/bin/script', typed: ['init=/sbin/init', 'retry'] })
  t.equal(retried.execs[0]?.mounts.filter((line) => line.startsWith('/ ')).length, 1, 'the first mount of the root was taken away')
})

t.test('a dry run shows the plan, and goes on only when told to', async (t) => {
  const shown = play({ commandLine: 'root=/dev/vda fulcrum.dry_run' })
  t.strictSame(shown.execs, [])
  t.match(shown.output, /dry run: nothing was done/)
  t.match(shown.output, /pivot_root\("\.", "run\/rootfs"\)/)
  t.notOk(shown.model.calls.some((call) => call.syscall === 'pivot_root'))
  const on = play({ commandLine: 'root=/dev/vda fulcrum.dry_run', typed: ['continue'] })
  t.strictSame(on.execs[0]?.mounts, PIVOTED)
})

t.test('a dry run never boots, not even where nobody can be asked', async (t) => {
  const played = play({ commandLine: 'root=/dev/vda fulcrum.dry_run rd.shell=0 fulcrum.panic=-1' })
  t.strictSame(played.execs, [])
  t.match(played.output, /fulcrum\.dry_run: nothing was done/)
  t.notOk(played.model.calls.some((call) => call.syscall === 'pivot_root'))
})

t.test('each break point stops once, and continue goes on', async (t) => {
  for (const at of breakPoints) {
    const played = play({ commandLine: `root=/dev/vda rd.break=${at}`, typed: ['continue'] })
    t.equal(played.output.split(`Stopped at '${at}', as asked`).length, 2, at)
    t.strictSame(played.execs[0]?.mounts, PIVOTED)
    t.strictSame(played.left, [])
  }
  const all = play({ commandLine: `root=/dev/vda rd.break=${breakPoints.join(',')}`, typed: breakPoints.map(() => 'continue') })
  t.strictSame([...all.output.matchAll(/Stopped at '(.*)'/g)].map((m) => m[1]), breakPoints)
  t.equal(all.execs.length, 1)
})

t.test('retry at a break point begins anew with what was set', async (t) => {
  const other = play({ commandLine: 'root=/dev/vda ro rd.break=mount', typed: ['rw', 'retry'] })
  t.match(JSON.parse(other.execs[0]?.record ?? ''), { root: { options: 'rw' }, rescues: 0 }, 'the root was mounted again')
  t.equal(other.output.split('Stopped at').length, 2, 'a break point that was passed does not stop again')
  t.strictSame(other.execs[0]?.mounts, PIVOTED)
})

t.test('a step of the switch that fails is undone, told, and can be tried again', async (t) => {
  for (const absoluteRoot of [false, true]) {
    for (const [engine, syscall, match] of [
      ['pivot', 'pivot_root', (): boolean => true],
      ['pivot', 'mount', mountOf('/sys', '/sysroot/sys')],
      ['move', 'mount', mountOf('.', '/')],
      ['move', 'chroot', (): boolean => true],
    ] as const) {
      const commandLine = `root=/dev/vda rw fulcrum.switch=${engine}`
      const failed = play({ absoluteRoot, commandLine, typed: ['plan', 'retry'], arrange: (k) => failAtSwitch(k, syscall, match) })
      const name = `${engine}, ${syscall}, ${absoluteRoot ? 'absolute root' : 'nullfs'}`
      t.strictSame(reasons(failed), ['switch', 'exec'], name)
      t.match(failed.output, /EIO \(Input\/output error\)/)
      t.match(failed.output, /undone: \d+ steps, everything is as it was/)
      t.match(failed.output, / ! +\d+\. /, 'the plan marks the step')
      t.strictSame(failed.execs[0]?.mounts, engine === 'pivot' ? PIVOTED : MOVED)
    }
  }
})

/** Fails the call once the root is mounted, so that the bind trick is not what fails. */
function failAtSwitch(k: ModelKernel, syscall: string, match: (args: readonly SyscallArg[]) => boolean): void {
  k.failNext(syscall, 'EIO', (args) => k.calls.some((call) => call.syscall === 'mount' && call.args[1] === '/sysroot') && match(args))
}

t.test('an exec that fails is undone, and the console shows plan and step', async (t) => {
  const played = play({ execErrno: 'ENOMEM', typed: ['plan', 'retry', 'mounts'] })
  t.strictSame(reasons(played), ['exec', 'exec'])
  t.match(played.output, /step: {3}(\d+) of \1: execve\("\/sbin\/init"/)
  t.match(played.output, /undone: \d+ steps/)
  t.match(played.output, / ! +\d+\. execve/)
  t.equal(played.model.proc.root.mnt.sb, played.model.world.initramfs, 'PID 1 stands in the initramfs')
  t.equal(played.model.world.initramfs.root.mode & 0o777, 0o755, 'which has its mode again')
  t.equal(played.model.proc.root.mnt.flags & MS_RDONLY, 0, 'and is writable')
  t.notMatch(visible(played.model).join('\n'), /\/run\//)
  const freed = play({ execErrno: 'ENOMEM', commandLine: 'root=/dev/vda fulcrum.keep=none' })
  t.match(freed.output, /Cannot undo: the contents of the initramfs are deleted/)
})

t.test('no /proc: the console opens, and a retry does the start again', async (t) => {
  const once = play({ arrange: (k) => k.failNext('mount', 'EIO', mountOf('proc')), typed: ['retry'] })
  t.strictSame(reasons(once), ['start', 'exec'])
  t.match(once.output, /mount\("proc", "\/proc", "proc", .*EIO/)
  t.strictSame(once.execs[0]?.mounts, PIVOTED)
  const kept = play({ commandLine: 'root=/dev/vdz', arrange: (k) => k.failNext('mount', 'EIO', mountOf('proc')), typed: ['root=/dev/vda', 'retry'] })
  t.strictSame(kept.execs[0]?.mounts, PIVOTED, 'what was set before the start succeeded holds')
  const never = play({
    arrange: (k) => { for (let i = 0; i < 10; i++) k.failNext('mount', 'EIO', mountOf('proc')) },
    typed: ['retry', 'help', 'ps', 'blk', 'dmesg', 'mounts', 'retry'],
  })
  t.strictSame(reasons(never), ['start', 'start', 'start'])
  t.strictSame(never.left, [], 'commands that cannot work do not end the console')
})

t.test('sysfs, devtmpfs, devpts or /run that cannot be mounted is told, not thrown', async (t) => {
  for (const fstype of ['sysfs', 'devtmpfs', 'devpts', 'tmpfs']) {
    const played = play({ arrange: (k) => k.failNext('mount', 'ENODEV', (args) => args[2] === fstype) })
    t.match(played.output, new RegExp(`mount\\("${fstype}", .*ENODEV.*, ignoring`), fstype)
  }
})

t.test('a kernel without sysctl tells its release by /proc/version, or not at all', async (t) => {
  const release = (version: string | null): unknown => {
    const played = play({
      arrange: ({ world }) => {
        world.procTexts.delete('sys/kernel/osrelease')
        if (version !== null) world.procTexts.set('version', version)
      },
    })
    return JSON.parse(played.execs[0]?.record ?? '').kernelRelease
  }
  t.equal(release('Linux version 6.1.0-9 (builder@host) (gcc) #1 SMP\n'), '6.1.0-9')
  t.equal(release(null), 'unknown')
})

t.test('an image that is not whole is told once', async (t) => {
  const files = { '/etc/fulcrum/image.begin': file(''), '/etc/fulcrum/image.json': file('{"kernel":"6.12.0-test","modules":[]}') }
  const played = play({ files, typed: ['retry'] })
  t.match(played.output, /\[image-truncated\]/)
  t.match(played.output, /MemTotal: 262144 kB\n +MemFree: 1024 kB/)
  t.strictSame(reasons(played), ['start', 'exec'])
  t.strictSame(played.execs[0]?.mounts, PIVOTED)
  const noMeminfo = play({ files, arrange: ({ world }) => void world.procTexts.delete('meminfo') })
  t.match(noMeminfo.output, /\[image-truncated\]/)
  const whole = play({ files: { ...files, '/etc/fulcrum/image.end': file('') } })
  t.strictSame(reasons(whole), ['exec'])
})

t.test('a bind trick that fails is taken back: the boot goes on by MS_MOVE', async (t) => {
  for (const match of [mountOf('/', '/.fulcrum-root'), mountOf('/proc', '/.fulcrum-root/proc'), mountOf('.', '/')]) {
    const played = play({ absoluteRoot: true, arrange: (k) => k.failNext('mount', 'EINVAL', match) })
    t.match(played.output, /the switch will be by MS_MOVE, ignoring/)
    t.strictSame(reasons(played), ['exec'])
    t.strictSame(played.execs[0]?.mounts, MOVED)
  }
  const late = play({ absoluteRoot: true, arrange: (k) => k.failNext('rmdir', 'EBUSY') })
  t.strictSame(late.execs[0]?.mounts, PIVOTED, 'only the empty directory is left')
  t.match(JSON.parse(late.execs[0]?.record ?? ''), { prepared: true })
})

t.test('hooks run at their points, in order; one that fails is told', async (t) => {
  const ran: string[] = []
  const played = play({
    files: Object.fromEntries(['pre-mount/20-b', 'pre-mount/10-a', 'pre-switch/x'].map((name) => [`/etc/fulcrum/hooks/${name}`, executable('#!/bin/sh\n')])),
    arrange: ({ world }) => {
      for (const name of ['pre-mount/20-b', 'pre-mount/10-a', 'pre-switch/x']) {
        world.programs.set(`/etc/fulcrum/hooks/${name}`, (_, { env }) => {
          ran.push(`${name} ${env['FULCRUM_POINT']} ${env['ROOT']} ${env['NEWROOT']}`)
          return name.endsWith('20-b') ? { code: 3 } : {}
        })
      }
    },
  })
  t.strictSame(ran, ['pre-mount/10-a pre-mount /dev/vda /sysroot', 'pre-mount/20-b pre-mount /dev/vda /sysroot', 'pre-switch/x pre-switch /dev/vda /sysroot'])
  t.match(played.output, /Cannot run hook '.*20-b': exit status 3, ignoring/)
  t.strictSame(played.execs[0]?.mounts, PIVOTED)
})

t.test('/usr of its own is mounted, from the command line or from the fstab of the root', async (t) => {
  const usr = (commandLine: string, fstab: string): Played =>
    play({ commandLine, root: { ...rootFiles, '/etc/fstab': file(fstab) }, typed: [] })
  const nofail = usr('root=/dev/vda rd.timeout=1', '/dev/vdz /usr ext4 nofail 0 2\n')
  t.match(nofail.output, /'\/usr' is marked nofail, ignoring/)
  t.strictSame(nofail.execs[0]?.mounts, PIVOTED)
  t.match(usr('root=/dev/vda rd.timeout=1', '/dev/vdz /usr ext4 defaults 0 2\n').output, /Cannot find the file system for '\/usr'/)
  t.match(usr('root=/dev/vda rd.timeout=1 mount.usr=/dev/vdy', '').output, /vdy did not appear/)
})

t.test('the flags of the root come from the command line', async (t) => {
  const played = play({ commandLine: 'root=/dev/vda rw rootflags=noatime,ro,errors=remount-ro' })
  const call = played.model.calls.find((c) => c.syscall === 'mount' && c.args[1] === '/sysroot')
  t.strictSame(call?.args, ['/dev/vda', '/sysroot', 'ext4', { raw: 'MS_RDONLY|MS_NOATIME' }, 'errors=remount-ro'])
  t.match(JSON.parse(played.execs[0]?.record ?? ''), { root: { options: 'ro,errors=remount-ro' } }, 'and the record tells them')
})
