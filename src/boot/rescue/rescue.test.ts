// The rescue console, typed at: what it says about a failure, what each command does, and that PID 1
// never leaves it by accident.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { MS_MOVE, MS_RDONLY } from '../../abi/mount.ts'
import { StepError } from '../../execute/execute.ts'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { SyscallError } from '../../kernel/errors.ts'
import type { Plan, Step } from '../../plan/step.ts'
import { readParameters } from '../parameters.ts'
import type { Failure } from './failure.ts'
import { rescue } from './rescue.ts'
import type { RescueContext, RescueOutcome, RootCandidates } from './session.ts'
import { ScriptedKernel, Stopped } from './scripted-kernel.ts'
import type { Script } from './scripted-kernel.ts'

const moveStep: Step = { op: 'mount', source: '.', target: '/', fstype: null, flags: MS_MOVE, data: null }
const plan: Plan = {
  name: 'move',
  reason: 'asked for',
  steps: [{ op: 'chdir', path: '/sysroot' }, moveStep, { op: 'chroot', path: '.' }],
  pointOfNoReturn: 2,
  exec: { op: 'exec', path: '/sbin/init', argv: ['/sbin/init'], env: {}, kind: 'plain' },
  notes: [],
}
const einval = new SyscallError('mount', ['.', '/', null, { raw: 'MS_MOVE' }, null], 22)
const failedStep: Failure = {
  point: 'switch', plan, stepIndex: 1, error: new StepError(plan, 1, moveStep, einval), refusal: null, report: ['undone: chdir("/")'],
}
const noRoot: Failure = {
  point: 'root-device', plan: null, stepIndex: null,
  error: new Error("Cannot find the root 'UUID=1' within 5 s"), refusal: null, report: ['seen: vda1 ext4 UUID=2'],
}
const stop: Failure = { point: 'pre-switch', plan: null, stepIndex: null, error: null, refusal: null, report: [] }

const roots: RootCandidates = {
  roots: [
    { text: "/dev/vda2  ext4  'Debian GNU/Linux 13 (trixie)'", settings: { root: 'UUID=2' } },
    { text: '/dev/vdb  btrfs', settings: { root: '/dev/vdb', rootflags: 'subvol=@' } },
  ],
  remarks: ['cannot look into /dev/vdc: EIO'],
}

interface Result {
  readonly outcome: RescueOutcome | null
  readonly kernel: ScriptedKernel
  readonly loaded: readonly string[]
}

function play(failure: Failure, script: Script, commandLine = 'root=UUID=1 ro', devices: readonly string[] = ['vda1 ext4']): Result {
  const kernel = new ScriptedKernel(script)
  const loaded: string[] = []
  const line = parseCommandLine(commandLine)
  const context: RescueContext = {
    commandLine: line,
    parameters: readParameters(line).values,
    describeMounts: () => ['rootfs on /'],
    describeProcesses: () => ['1 fulcrum'],
    describeDevices: () => devices,
    findRoots: () => roots,
    describeTrace: () => ['  0.1 s mount /proc'],
    loadModule: (name) => {
      if (name === 'nosuch') throw new Error("Cannot find a module 'nosuch'")
      loaded.push(name)
      return [`${name} is loaded`]
    },
    loadFilesystem: (type) => void loaded.push(`fs-${type}`),
    findDevice: (spec) => (spec === 'LABEL=data' ? { path: '/dev/vdb', type: 'xfs' } : spec.startsWith('/dev/') ? { path: spec, type: null } : null),
    exec: (path, argv) => {
      throw new Error(`exec ${path} [${argv.join(' ')}]`)
    },
  }
  try {
    return { outcome: rescue(kernel, failure, context), kernel, loaded }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    return { outcome: null, kernel, loaded }
  }
}

/** Output between the echo of one prompt and the next. */
function answers(kernel: ScriptedKernel): string[] {
  return kernel.output.split('fulcrum> ').slice(1)
}

t.test('a failed step is told with plan, step, errno and hint', async (t) => {
  const { kernel } = play(failedStep, { typed: ['retry'] })
  t.match(kernel.output, /Cannot boot: stopped at 'switch'/)
  t.match(kernel.output, /plan: {3}'move', asked for/)
  t.match(kernel.output, /step: {3}2 of 4: mount\("\.", "\/", NULL, MS_MOVE, NULL\)/)
  t.match(kernel.output, /error: {2}mount\("\.", "\/", NULL, MS_MOVE, NULL\): EINVAL \(Invalid argument\)/)
  t.match(kernel.output, /hint: .*make "\/" private first/)
  t.match(kernel.output, /undone: chdir/)
  t.equal(kernel.output.split('EINVAL').length - 1, 1, 'the error is said once')
})

t.test('a refusal is told with its reason and remedy', async (t) => {
  const refusal = { reason: 'init-missing', detail: "Cannot find init '/sbin/init'", remedy: 'name the right one with init=' } as const
  const { kernel } = play({ ...stop, refusal }, { typed: ['continue', 'retry'] })
  t.match(kernel.output, /reason: Cannot find init '\/sbin\/init' \[init-missing\]\n {2}remedy: name the right one/)
  t.match(answers(kernel)[0], /Cannot continue: the boot failed here/)
})

t.test('retry returns what was set, the last value of a key behind the others', async (t) => {
  const { outcome, kernel } = play(noRoot, {
    typed: ['root=/dev/vda1', 'set rw init=/bin/sh root="LABEL=my disk"', 'set', 'retry'],
  })
  t.same(outcome, { action: 'retry', settings: { rw: true, init: '/bin/sh', root: 'LABEL=my disk' } })
  t.same(outcome === null ? [] : Object.keys(outcome.settings), ['rw', 'init', 'root'])
  t.match(answers(kernel)[0], /root=\/dev\/vda1 holds for the next 'retry'/)
  t.match(answers(kernel)[2], /rw\n {2}init=\/bin\/sh\n {2}root="LABEL=my disk"/)
})

t.test('settings that make no sense are refused at once', async (t) => {
  const { outcome, kernel } = play(noRoot, { typed: ['rot=/dev/vda1', 'set fulcrum.switch=jump', 'set root', 'x=y', 'init=sh', 'retry'] })
  t.same(outcome, { action: 'retry', settings: {} })
  t.match(answers(kernel)[0], /Cannot find a parameter 'rot' \(did you mean 'root'\?\)/)
  t.match(answers(kernel)[1], /Cannot understand 'fulcrum.switch=jump': expected 'auto' or 'move' or 'pivot'\n/)
  t.match(answers(kernel)[2], /Cannot understand 'root' without a value/)
  t.match(answers(kernel)[3], /Cannot find a parameter 'x'/)
  t.match(answers(kernel)[4], /Cannot understand 'init=sh': expected an absolute path\n/)
})

t.test('a stop that was asked for can go on, a failure cannot', async (t) => {
  t.same(play(stop, { typed: ['rw', 'set rw', 'continue'] }).outcome, { action: 'continue', settings: { rw: true } })
  t.match(play(stop, { typed: ['continue'] }).kernel.output, /Stopped at 'pre-switch', as asked/)
  const failed = play(noRoot, { typed: ['continue', 'retry'] })
  t.match(answers(failed.kernel)[0], /Cannot continue/)
  t.equal(failed.outcome?.action, 'retry')
})

t.test('commands that look', async (t) => {
  const { kernel } = play(failedStep, {
    typed: ['mounts', 'ps', 'blk', 'trace', 'plan', 'why', 'cmdline', 'ls /d', 'cat /d/f', 'cat /nosuch', 'help', '', '# note', 'retry'],
    files: { '/d': ['f', 'a'], '/d/f': 'one\ntwo\x1b[2J\n', '/d/a': [] },
  })
  const said = answers(kernel)
  t.equal(said[0], 'rootfs on /\n')
  t.equal(said[1], '1 fulcrum\n')
  t.equal(said[2], 'vda1 ext4\n')
  t.equal(said[3], '  0.1 s mount /proc\n')
  t.match(said[4], / \+ {2}1\. chdir\("\/sysroot"\)\n ! {2}2\. mount.*\n {5}-- point of no return --\n \. {2}3\. chroot/)
  t.match(said[5], /Cannot boot: stopped at 'switch'/)
  t.equal(said[6], '  root=UUID=1\n  ro\n')
  t.equal(said[7], 'drwxr-xr-x          0 a\n-rw-r--r--         12 f\n')
  t.equal(said[8], 'one\ntwo?[2J\n', 'no control characters')
  t.match(said[9], /ENOENT \(No such file or directory\)/)
  t.equal(answers(play(noRoot, { typed: ['blk', 'retry'] }, '', []).kernel)[0], '(nothing)\n')
  for (const name of ['why', 'mount', 'dmesg', 'shell', 'retry', 'poweroff']) t.match(said[10], new RegExp(`^ {2}${name}\\b`, 'm'))
  t.same(said.slice(11, 13), ['', ''])
})

t.test('dmesg', async (t) => {
  const kmsg = ['6,1,1000000,-;first', null, '4,2,2500000,-;warn\\xc3\\xa4\n SUBSYSTEM=x', '14,3,12345678901,c,extra;user']
  const all = play(noRoot, { typed: ['dmesg', 'retry'], kmsg })
  t.equal(answers(all.kernel)[0], '[    1.000000] first\n[    2.500000] warnä\n[12345.678901] user\n')
  t.equal(answers(play(noRoot, { typed: ['dmesg 1', 'retry'], kmsg }).kernel)[0], '[12345.678901] user\n')
  t.match(answers(play(noRoot, { typed: ['dmesg x', 'retry'], kmsg }).kernel)[0], /a number or 'all' is needed\nusage: dmesg \[N\|all\]/)
  t.match(answers(play(noRoot, { typed: ['dmesg', 'retry'] }).kernel)[0], /ENOENT/)
})

t.test('mount', async (t) => {
  const { kernel, loaded } = play(noRoot, {
    typed: [
      'mount LABEL=data /mnt/a -o ro,noauto', 'mount /dev/vda1 /mnt', 'mount tag /m -t virtiofs', 'mount UUID=none /mnt', 'mount /dev/x',
      'umount -l /mnt', 'umount', 'mount -z a b', 'retry',
    ],
    files: { '/': [], '/mnt': [], '/proc/filesystems': 'nodev\tproc\n\text4\n\tbtrfs\n' },
    fail: { 'mount /dev/vda1 /mnt ext4': 'EINVAL' },
  })
  t.same(kernel.acts, [
    'mkdir /mnt/a 755',
    `mount /dev/vdb /mnt/a xfs ${MS_RDONLY} null`,
    'mount /dev/vda1 /mnt ext4 0 null',
    'mount /dev/vda1 /mnt btrfs 0 null',
    'mkdir /m 755',
    'mount tag /m virtiofs 0 null',
    'umount2 /mnt 2',
  ])
  t.same(loaded, ['fs-xfs', 'fs-ext4', 'fs-btrfs', 'fs-virtiofs'])
  const said = answers(kernel)
  t.match(said[1], /\/dev\/vda1 is mounted on \/mnt \(btrfs\)/)
  t.match(said[3], /Cannot find a device 'UUID=none'/)
  t.match(said[4], /usage: mount DEV DIR/)
  t.match(said[6], /usage: umount/)
  t.match(said[7], /Cannot understand option '-z'/)
})

t.test('load, run, shell, exec', async (t) => {
  const files = { '/bin/busybox': 'x', '/sys/class/tty/console/active': 'tty0 ttyS0\n', '/dev/ttyS0': '' }
  const { kernel, loaded } = play(noRoot, { typed: ['load a nosuch', 'run /bin/fsck -y "/dev/my disk"', 'shell', 'exec /bin/x 1', 'retry'], files, stdinDevice: 0x501n })
  t.same(loaded, ['a'])
  t.same(kernel.acts, ['run /bin/fsck -y /dev/my disk /dev/ttyS0', 'run /bin/busybox sh /dev/ttyS0'])
  const said = answers(kernel)
  t.match(said[0], /a is loaded\nCannot find a module 'nosuch'/)
  t.match(said[1], /'\/bin\/fsck' ended with status 3/)
  t.match(said[3], /exec \/bin\/x \[\/bin\/x 1\]/, 'a failed exec comes back to the prompt')
  t.match(answers(play(noRoot, { typed: ['shell', 'retry'] }).kernel)[0], /Cannot start a shell: the image has none/)
})

t.test('typing errors', async (t) => {
  const { kernel } = play(noRoot, { typed: ['retyr', 'xyzzy', 'cat "a', 'retry'] })
  t.match(answers(kernel)[0], /Cannot find a command 'retyr' \(did you mean 'retry'\?\)/)
  t.match(answers(kernel)[1], /Cannot find a command 'xyzzy'; 'help' lists them/)
  t.match(answers(kernel)[2], /a " is not closed/)
})

t.test('off: file systems are made read-only and synced first', async (t) => {
  const files = {
    '/proc/self/mountinfo':
      '1 1 0:2 / / rw - rootfs rootfs rw\n20 1 254:1 / /sysroot rw - ext4 /dev/vda1 rw\n21 1 254:2 / /ro ro - ext4 /dev/vda2 ro\n',
  }
  for (const [verb, code] of [['reboot', '1234567'], ['poweroff', '4321fedc'], ['halt', 'cdef0123']] as const) {
    const { outcome, kernel } = play(noRoot, { typed: [verb], files })
    t.equal(outcome, null)
    t.same(kernel.acts, ['mount /dev/vda1 /sysroot null 33 null', 'sync', `reboot ${code}`], verb)
  }
  const refused = play(noRoot, { typed: ['halt', 'retry'], files, fail: { reboot: 'EPERM' } })
  t.match(answers(refused.kernel)[0], /EPERM/)
  t.equal(refused.outcome?.action, 'retry', 'a reboot that is refused comes back to the prompt')
})

t.test('the end of input never ends PID 1', async (t) => {
  const gone = play(noRoot, { typed: [null, null] })
  t.equal(gone.outcome, null, 'waits until the test stops it')
  t.ok(gone.kernel.nowMs >= 3_600_000)
  t.equal(answers(gone.kernel).length, 1, 'no flood of prompts')
  const again = play(noRoot, { typed: [null, 'retry'], terminal: true })
  t.equal(again.outcome?.action, 'retry', 'after ^D the terminal still works')
  t.equal(answers(again.kernel).length, 2)
})

t.test('unattended: reboots after the time, unless a key is pressed', async (t) => {
  const alone = play(noRoot, { typed: [], terminal: true }, 'root=UUID=1 fulcrum.panic=7')
  t.same(alone.kernel.acts, ['sync', 'reboot 1234567'])
  t.equal(alone.kernel.rebootAtMs, 7000)
  t.match(alone.kernel.output, /Rebooting in 7 s \(fulcrum.panic=7\)/)
  t.match(alone.kernel.output, /Rebooting in 1 s/)

  const attended = play(noRoot, { typed: ['key', 'retry'], terminal: true, keyAfterMs: 2000 }, 'fulcrum.panic=7')
  t.equal(attended.outcome?.action, 'retry')
  t.same(attended.kernel.acts, [])
  const modes = attended.kernel.terminals
  t.equal(modes.length % 2, 0)
  t.not(modes.at(-2)?.[12], 0xff, 'single keys while counting')
  t.equal(modes.at(-1)?.[12], 0xff, 'lines again afterwards')

  const closed = play(noRoot, { typed: [null, null, null, null] }, 'panic=2')
  t.same(closed.kernel.acts, ['sync', 'reboot 1234567'], 'no console: reboots too')
  t.same(play(noRoot, { typed: [] }, 'panic=-1').kernel.acts, ['sync', 'reboot 1234567'], 'at once')
  t.equal(play(stop, { typed: ['continue'] }, 'fulcrum.panic=1').outcome?.action, 'continue', 'a stop that was asked for waits')
})

t.test('rd.shell=0 takes no commands', async (t) => {
  const { outcome, kernel } = play(noRoot, { typed: ['retry', 'poweroff'] }, 'rd.shell=0')
  t.equal(outcome, null)
  t.same(kernel.acts, [])
  t.notMatch(kernel.output, /fulcrum>/)
  t.match(kernel.output, /Cannot find the root 'UUID=1'/)
  const key = play(noRoot, { typed: ['x'], terminal: true, keyAfterMs: 500 }, 'rd.shell=0 fulcrum.panic=3')
  t.same(key.kernel.acts, ['sync', 'reboot 1234567'], 'a key does not stop the reboot')
  t.equal(play(stop, { typed: [] }, 'rd.shell=0 rd.break').outcome?.action, 'continue', 'a stop is passed')
})

t.test('a root is chosen by its number', async (t) => {
  const refusal = { reason: 'root-not-found', detail: 'Cannot find the root', remedy: 'choose another' } as const
  const missing: Failure = { ...noRoot, error: null, refusal }
  const first = play(missing, { typed: ['3', '0', 'set rw', '1'] })
  t.match(first.kernel.output, /number boots one:\n {2}1 {2}\/dev\/vda2 {2}ext4 {2}'Debian GNU\/Linux 13 \(trixie\)'\n {2}2 .*\n {2}\(cannot look into \/dev\/vdc: EIO\)\n/)
  t.match(answers(first.kernel)[0], /Cannot choose 3: the list ends at 2/)
  t.match(answers(first.kernel)[1], /Cannot choose 0/)
  t.same(first.outcome, { action: 'retry', settings: { rw: true, root: 'UUID=2' } })
  const second = play(missing, { typed: ['set rootfstype=xfs', '2'] }, 'root=UUID=1 rootflags=noatime')
  t.same(second.outcome?.settings, { rootfstype: 'auto', rootflags: 'subvol=@', root: '/dev/vdb' })
  t.same(play(missing, { typed: ['1'] }, 'root=UUID=1 rootflags=subvol=x').outcome?.settings, { rootflags: 'defaults', root: 'UUID=2' }, 'flags of another root are dropped')
  const asked = play(noRoot, { typed: ['1', 'roots', '2'] })
  t.notMatch(asked.kernel.output.split('fulcrum> ')[0], /boots one/, 'only where the root is what is missing')
  t.match(answers(asked.kernel)[0], /nothing is listed; 'roots' looks again/)
  t.equal(asked.outcome?.settings['root'], '/dev/vdb')
  t.notMatch(play(missing, { typed: [] }, 'root=UUID=1 rd.shell=0').kernel.output, /boots one/)
})
