// The boot and the processes that hooks leave behind: kept with the initramfs, ended without it, told and recorded.

import t from 'tap'
import { rootFiles } from '../kernel/model/booted.ts'
import { dir, executable, file, populate, symlink } from '../kernel/model/vfs.ts'
import type { FileTree } from '../kernel/model/vfs.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import type { ModelProcess } from '../kernel/model/model-process.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { play } from './scripted-boot-for-tests.ts'
import type { Played } from './scripted-boot-for-tests.ts'

interface Event {
  readonly phase: string
  readonly what: string
  readonly data?: Record<string, string | number | boolean | readonly string[]>
}

function processEvents(played: Played): Event[] {
  const record: { events: Event[] } = JSON.parse(played.execs[0]?.record ?? '{"events":[]}')
  return record.events.filter((event) => event.phase === 'processes')
}

/** A boot with a hook that leaves a daemon behind. */
function boot(commandLine: string, files: FileTree = {}, change: (daemon: ModelProcess, model: ModelKernel) => void = () => undefined, more: { readonly root?: FileTree } = {}): { played: Played; daemon: ModelProcess } {
  const hook = '/etc/fulcrum/hooks/pre-mount/10-daemon'
  const started: ModelProcess[] = []
  const played = play({
    commandLine: `root=/dev/vda rw rd.timeout=5 ${commandLine}`,
    ...more,
    files: { [hook]: executable('#!/bin/sh\n'), '/bin/daemon': executable(elfFile()), ...files },
    arrange: (model) => {
      model.world.programs.set(hook, () => {
        const pid = model.spawn('/bin/daemon', [], {})
        const daemon = model.world.processes.get(pid)
        if (daemon === undefined) throw new Error('no daemon')
        started.push(daemon)
        change(daemon, model)
        return {}
      })
    },
  })
  const [daemon] = started
  if (daemon === undefined) throw new Error(`the hook did not run: ${played.output}`)
  return { played, daemon }
}

const lives = ({ played, daemon }: ReturnType<typeof boot>): boolean => played.model.world.processes.get(daemon.pid) === daemon && daemon.state === 'S'

t.test('kept with the initramfs, ended without it', async (t) => {
  const kept = boot('fulcrum.switch=pivot')
  t.ok(lives(kept))
  t.match(processEvents(kept.played), [
    { what: 'decide and end', data: { ended: 0, survived: 0 } },
    { what: `keep ${kept.daemon.pid} /bin/daemon`, data: { reason: /initramfs is kept/, origin: 'initramfs' } },
  ])
  t.match(kept.played.output, /process \d+ \/bin\/daemon: keep: no rule speaks of it, and the initramfs is kept/)
  for (const commandLine of ['fulcrum.switch=pivot fulcrum.keep=none', 'fulcrum.switch=move']) {
    const freed = boot(commandLine)
    t.notOk(lives(freed), commandLine)
    t.notOk(freed.played.model.world.processes.has(freed.daemon.pid), 'and reaped')
    t.match(processEvents(freed.played).map((event) => event.what), ['decide and end', /^kill \d+ \/bin\/daemon$/, /^terminated \d+ daemon$/])
  }
  t.ok(lives(boot('fulcrum.switch=move fulcrum.keep=full')))
})

t.test('before the switch, after the last hook', async (t) => {
  const { played } = boot('fulcrum.switch=move')
  const calls = played.model.calls.map((call) => call.syscall)
  t.ok(calls.indexOf('pidfd_send_signal') > calls.lastIndexOf('run'))
  t.ok(calls.indexOf('pidfd_send_signal') < calls.lastIndexOf('chroot'))
})

t.test('rules of the command line, then of the image, then the default', async (t) => {
  const toml = (text: string): FileTree => ({ '/etc/fulcrum/processes.toml': file(text) })
  t.ok(lives(boot('fulcrum.keep=none fulcrum.process=keep:/bin/daemon')))
  t.notOk(lives(boot('fulcrum.keep=full fulcrum.process=kill:daemon')))
  t.ok(lives(boot('fulcrum.keep=none', toml('default = "keep"\n'))))
  const rule = toml('[[rule]]\naction = "kill"\nname = "daem*"\n')
  t.notOk(lives(boot('fulcrum.keep=full', rule)))
  t.ok(lives(boot('fulcrum.keep=full fulcrum.process=keep:daemon', rule)), 'the command line wins')
  const broken = boot('fulcrum.keep=full', toml('[rule]\n'))
  t.ok(lives(broken))
  t.match(broken.played.output, /Cannot read '\/etc\/fulcrum\/processes.toml', line 1: .*, ignoring/)
  t.match(boot('fulcrum.process=spare:x').played.output, /Cannot understand 'fulcrum.process=spare:x': expected keep:PROGRAM or kill:PROGRAM, ignoring/)
})

t.test('what the root is on is not ended: no rule, not even without the initramfs', async (t) => {
  const nbd = boot('fulcrum.keep=none fulcrum.process=kill:*', {}, (daemon, model) => {
    const at = '/devices/virtual/block/nbd0'
    populate(model.world.sys, { [`${at}/dev`]: file('254:0\n'), [`${at}/pid`]: file(`${daemon.pid}\n`), '/dev/block/254:0': symlink(`../..${at}`) })
  })
  t.ok(lives(nbd))
  t.match(nbd.played.output, /process \d+ \/bin\/daemon: keep: it serves nbd0, which the root is on/)
  t.ok(lives(boot('fulcrum.keep=none', {}, (daemon) => { daemon.argv = ['@daemon'] })))
})

/** The daemon serves the root's device, and this systemd is in the root. */
function bootOnNbd(commandLine: string, systemd: string | null, change: (daemon: ModelProcess, model: ModelKernel) => void = () => undefined): ReturnType<typeof boot> {
  const root = systemd === null ? {} : { root: { ...rootFiles, [`/usr/lib/systemd/libsystemd-shared-${systemd}.so`]: file() } }
  return boot(commandLine, {}, (daemon, model) => {
    const at = '/devices/virtual/block/nbd0'
    populate(model.world.sys, { [`${at}/dev`]: file('254:0\n'), [`${at}/pid`]: file(`${daemon.pid}\n`), '/dev/block/254:0': symlink(`../..${at}`), '/fs/cgroup': dir() })
    change(daemon, model)
  }, root)
}
const markOf = (played: Played): Event | undefined => processEvents(played).find((event) => event.what.startsWith('mark '))

t.test('what the root is on is marked for the systemd that is in the root', async (t) => {
  const cgroup = '/sys/fs/cgroup/fulcrum/cgroup.procs'
  const old = bootOnNbd('', '252')
  t.strictSame(old.daemon.argv, ['@bin/daemon'])
  t.equal(old.daemon.oomScoreAdj, -1000)
  t.match(markOf(old.played), { what: `mark ${old.daemon.pid} /bin/daemon`, data: { at: true, cgroup: false, oom: true } })
  t.match(old.played.output, /process \d+ \/bin\/daemon: marked to survive: '@', spared when memory is short/)
  t.notOk(old.played.model.exists(cgroup), 'no cgroup that it would not look at')
  const current = bootOnNbd('', '257.5-1.fc42')
  t.match(markOf(current.played), { data: { at: true, cgroup: true, oom: true } })
  t.equal(current.played.model.readText(cgroup), `${current.daemon.pid}`, 'and the cgroups are carried into the root')
  const legacy = bootOnNbd('systemd.unified_cgroup_hierarchy=0', '257')
  t.match(markOf(legacy.played), { data: { at: true, cgroup: false } })
  t.notOk(legacy.played.model.exists(cgroup), 'systemd would take it for the hierarchy to use')
  t.match(markOf(bootOnNbd('', null).played), { data: { at: true, cgroup: false, oom: true } })
})

t.test('a rule that keeps marks; the default and fulcrum.process_marks=no do not', async (t) => {
  t.strictSame(boot('fulcrum.keep=none fulcrum.process=keep:daemon').daemon.argv, ['@bin/daemon'])
  t.strictSame(boot('fulcrum.keep=full').daemon.argv, ['/bin/daemon'])
  const unmarked = bootOnNbd('fulcrum.process_marks=no', '257')
  t.strictSame(unmarked.daemon.argv, ['/bin/daemon'])
  t.equal(unmarked.daemon.oomScoreAdj, 0)
  t.ok(lives(unmarked), 'it is kept all the same')
  t.equal(markOf(unmarked.played), undefined)
})

t.test('marks that cannot be given, and files of the root that are held, are told and recorded', async (t) => {
  const failing = bootOnNbd('', '252', (_, model) => model.failNext('open', 'EPERM', (args) => String(args[0]).endsWith('/mem')))
  t.match(failing.played.output, /Cannot mark process \d+ for systemd: .*EPERM.*; systemd will kill it at shutdown, with the root on it/)
  t.match(markOf(failing.played), { data: { at: false, problems: [/EPERM/] } })
  t.equal(failing.played.execs.length, 1)
  const pinning = bootOnNbd('', '252', (daemon, model) => {
    // A hook of the point 'mount' would find it: here the root is there before the daemon looks at it.
    model.world.programs.set('/etc/fulcrum/hooks/mount/20-log', () => {
      daemon.cwd = { mnt: model.world.mounts.all.find((m) => m.sb.fstype === 'ext4') ?? daemon.cwd.mnt, node: model.world.mounts.all.find((m) => m.sb.fstype === 'ext4')?.root ?? daemon.cwd.node }
      return {}
    })
    populate(model.world.initramfs, { '/etc/fulcrum/hooks/mount/20-log': executable('#!/bin/sh\n') })
  })
  t.match(pinning.played.output, /Cannot unmount the root while process \d+ \(\/bin\/daemon\) lives: it keeps cwd \/sysroot of it/)
  t.match(markOf(pinning.played), { data: { pins: ['cwd /sysroot'] } })
})

t.test('one that does not end is killed, one that cannot be is told; the boot goes on', async (t) => {
  const stubborn = boot('fulcrum.keep=none', {}, (daemon) => { daemon.endsAfterUs = null })
  t.notOk(lives(stubborn))
  t.match(processEvents(stubborn.played).at(-1), { what: /^killed/, data: { tookUs: 2_000_000 } })
  const quick = boot('fulcrum.keep=none', { '/etc/fulcrum/processes.toml': file('timeout-ms = 100\n') }, (daemon) => { daemon.endsAfterUs = null })
  t.match(processEvents(quick.played).at(-1), { what: /^killed/, data: { tookUs: 100_000 } })
  const stuck = boot('fulcrum.keep=none', {}, (daemon) => { daemon.endsAfterUs = 'never' })
  t.ok(lives(stuck))
  t.match(stuck.played.output, /Cannot end process \d+ \(daemon\): SIGKILL had no effect in 1000 ms.*, ignoring/)
  t.equal(stuck.played.execs.length, 1)
})

t.test('processes that cannot be read at all keep no boot from going on', async (t) => {
  const { played } = boot('fulcrum.keep=none', {}, (_, model) => model.failNext('readlink', 'EIO', (args) => args[0] === '/proc/self'))
  t.match(played.output, /Cannot look at processes: readlink.*EIO.*, ignoring/)
  t.equal(played.execs.length, 1)
})

t.test('the record has every device of the initramfs', async (t) => {
  const { played } = boot('fulcrum.switch=move', {}, (_, model) => model.mount('tmp', '/tmp', 'tmpfs', 0, null))
  const { initramfsDevice, initramfsDevices } = JSON.parse(played.execs[0]?.record ?? '')
  t.equal(initramfsDevices[0], initramfsDevice)
  t.equal(initramfsDevices.length, 2, 'and what is mounted in it and not carried')
})

t.test('without children of PID 1 nothing is read', async (t) => {
  const boots = (children: string): Played => play({ commandLine: 'root=/dev/vda fulcrum.switch=move', arrange: ({ proc }) => void proc.texts.set('task/1/children', children).set('task/7/children', '') })
  const alone = boots('')
  t.match(processEvents(alone).map((event) => event.what), ['none'])
  t.notOk(alone.model.calls.some((call) => call.args[0] === '/proc/2/stat'))
  t.match(processEvents(boots('4711 ')).map((event) => event.what), ['decide and end'])
})
