// switch_root and its relatives on the model kernel: what a switch leaves behind, each failure of each step,
// and the answers that scripts rely on.

import t from 'tap'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import { createBootedModel, rootFiles, type BootedOptions } from '../kernel/model/booted.ts'
import { modelKernelFor, type ModelKernel } from '../kernel/model/model-kernel.ts'
import { isAbsoluteRoot, parseMountInfo } from '../facts/mountinfo.ts'
import { dir, executable, listEntries, type FileTree } from '../kernel/model/vfs.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { capturedIo, type CapturedIo } from './testing/captured-io.ts'
import type { Command } from './command.ts'
import { runInitCommand } from './run-init.ts'
import { switchCommand } from './switch.ts'
import { switchRootCommand } from './switch-root.ts'
import { runAs } from './testing/run-as.ts'

interface Outcome {
  readonly status: number | 'exec'
  readonly exec: ExecCalled | null
  readonly io: CapturedIo
}

/** Runs a command to its status or to its exec. */
function run(command: Command, k: ModelKernel, args: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  const io = capturedIo(k, env)
  try {
    const status = command.run(args, io)
    if (typeof status !== 'number') throw new Error('these commands are synchronous')
    return { status, exec: null, io }
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
    return { status: 'exec', exec: error, io }
  }
}

const mountPoints = (k: ModelKernel): string[] =>
  parseMountInfo(k.readText('/proc/self/mountinfo')).map((m) => `${m.mountPoint} ${m.fstype}`).sort()
const CARRIED = ['/ ext4', '/dev devtmpfs', '/dev/pts devpts', '/proc proc', '/run tmpfs', '/sys sysfs']

for (const absoluteRoot of [true, false]) {
  t.test(`switch_root carries, deletes and executes, absoluteRoot ${absoluteRoot}`, async (t) => {
    const k = createBootedModel({ absoluteRoot })
    const { exec, io } = run(switchRootCommand, k, ['/sysroot', '/sbin/init', '--flag', 'x'], { A: '1' })
    t.equal(io.err(), '')
    t.strictSame(mountPoints(k), CARRIED)
    t.strictSame(exec?.inherited.argv, ['/sbin/init', '--flag', 'x'])
    t.strictSame(exec?.inherited.env, { A: '1' })
    t.strictSame(exec?.inherited.fds, [[0, '/dev/console'], [1, '/dev/console'], [2, '/dev/console']])
    t.equal(exec?.inherited.cwd, k.proc.root)
    t.strictSame(listEntries(k.world.initramfs.root, k.proc), [], 'the initramfs is empty')
  })
}

t.test('fulcrum switch pivots where it can and keeps the initramfs at /run/rootfs', async (t) => {
  const k = createBootedModel({ absoluteRoot: false })
  const early = k.spawn('/bin/fulcrum', [], {})
  const { status } = run(switchCommand, k, ['/sysroot', '/sbin/init'])
  t.equal(status, 'exec')
  t.strictSame(mountPoints(k), [...CARRIED, '/run/initramfs rootfs', '/run/rootfs rootfs'].sort())
  t.equal(k.readlink(`/proc/${early}/exe`), '/run/rootfs/bin/fulcrum')
})

t.test('fulcrum switch --engine pivot does the bind trick on the absolute root', async (t) => {
  const k = createBootedModel({ absoluteRoot: true })
  const { status, io } = run(switchCommand, k, ['--engine', 'pivot', '/sysroot', '/sbin/init'])
  t.equal(status, 'exec', io.err())
  t.strictSame(mountPoints(k), [...CARRIED, '/run/initramfs rootfs', '/run/rootfs rootfs'].sort())
})

t.test('pivot with --keep none frees the initramfs', async (t) => {
  const k = createBootedModel({ absoluteRoot: false })
  const { status, io } = run(switchCommand, k, ['--engine', 'pivot', '--keep', 'none', '/sysroot', '/sbin/init'])
  t.equal(status, 'exec', io.err())
  t.strictSame(mountPoints(k), CARRIED)
  t.equal(k.statfs('/').type, 0xef53)
  t.notOk(k.world.isAlive(k.world.initramfs), 'no mount, descriptor or directory keeps it')
})

t.test('a shared root is made private', async (t) => {
  const k = createBootedModel()
  k.mount('none', '/', null, 0x4000 | 0x100000, null)
  t.equal(run(switchRootCommand, k, ['/sysroot', '/sbin/init']).status, 'exec')
  t.strictSame(mountPoints(k), CARRIED)
})

t.test('missing mount points are made', async (t) => {
  const { '/run': _, '/sys': __, ...root } = rootFiles
  const k = createBootedModel({ root })
  t.equal(run(switchRootCommand, k, ['/sysroot', '/sbin/init']).status, 'exec')
  t.strictSame(mountPoints(k), CARRIED)
})

t.test('a plain directory can be the new root, the initramfs is kept then', async (t) => {
  const root: FileTree = Object.fromEntries(Object.entries(rootFiles).map(([path, entry]) => [`/newroot${path}`, entry]))
  const k = createBootedModel({ files: { ...root, '/init': executable(elfFile()), '/dev': dir(), '/proc': dir(), '/sys': dir(), '/run': dir(), '/sysroot': dir() } })
  const { status, io } = run(switchRootCommand, k, ['/newroot', '/sbin/init'])
  t.equal(status, 'exec', io.err())
  t.ok(k.exists('/run/rootfs/init'))
})

t.test('/proc that is in the new root already, as initramfs-tools leaves it', async (t) => {
  const k = createBootedModel()
  for (const at of ['/run', '/sys', '/proc']) k.mount(at, `/sysroot${at}`, null, 0x2000, null)
  t.equal(run(runInitCommand, k, ['-n', '/sysroot', '/sbin/init']).status, 0)
  const { status, io } = run(runInitCommand, k, ['/sysroot', '/sbin/init'])
  t.equal(status, 'exec', io.err())
  t.strictSame(mountPoints(k), CARRIED)
})

t.test('no /proc at all, as hand-written scripts leave it', async (t) => {
  const k = createBootedModel({ api: false })
  const before = k.snapshot()
  t.equal(run(runInitCommand, k, ['-n', '/sysroot', '/sbin/init']).status, 0)
  t.equal(k.snapshot(), before, 'a dry run takes its /proc back')
  const { status, io } = run(switchRootCommand, k, ['/sysroot', '/sbin/init'])
  t.equal(status, 'exec', io.err())
  t.strictSame(listEntries(k.world.initramfs.root, k.proc), [], 'the initramfs is empty')
  k.mount('proc', '/proc', 'proc', 0, null)
  t.strictSame(mountPoints(k), ['/ ext4', '/proc proc'], 'init gets no /proc that nobody asked for')
})

t.test('run-init: console, capabilities, -p', async (t) => {
  const k = createBootedModel()
  const { exec, io } = run(runInitCommand, k, ['-p', '-d', 'cap_sys_rawio,CAP_SYS_MODULE', '-c', '/dev/console', '/sysroot', '/bin/sh', '-c', 'x'])
  t.equal(io.err(), '')
  t.strictSame(exec?.inherited.argv, ['/bin/sh', '-c', 'x'])
  t.strictSame(exec?.inherited.droppedCapabilities, [17, 16])
  t.ok(k.exists('/run/rootfs/init'))
})

const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no init', ['/sysroot', '/no/init'], /Cannot find init '\/no\/init' in the new root/],
  ['init for another machine', ['/sysroot', '/bin/arm'], /another|built for aarch64/],
  ['a script without interpreter', ['/sysroot', '/bin/script'], /interpreter/],
  ['init is a directory', ['/sysroot', '/etc'], /not a regular file/],
  ['init is not executable', ['/sysroot', '/etc/fstab'], /no execute permission/],
  ['no new root', ['/nowhere', '/sbin/init'], /'\/nowhere'/],
  ['the new root is "/"', ['/', '/init'], /current root/],
  ['the new root is a file', ['/init', '/init'], /not a directory/i],
]
for (const [name, args, message] of refusals) {
  t.test(`refused, nothing changed: ${name}`, async (t) => {
    for (const [command, extra] of [[switchRootCommand, []], [runInitCommand, []], [runInitCommand, ['-n']]] as const) {
      const k = createBootedModel()
      const before = k.snapshot()
      const { status, io } = run(command, k, [...extra, ...args])
      t.equal(status, 1)
      t.match(io.err(), message)
      t.match(io.err(), /^(switch_root|run-init): Cannot /)
      t.match(io.err(), /\n(switch_root|run-init): remedy: \S.*\n$/, 'the remedy is the second line')
      t.equal(k.snapshot(), before)
    }
    t.equal(run(switchCommand, createBootedModel(), args).status, 112)
  })
}

t.test('anything but PID 1 is refused', async (t) => {
  const boss = createBootedModel()
  const k = modelKernelFor(boss.world, boss.spawn('/bin/fulcrum', [], {}))
  t.equal(run(switchRootCommand, k, ['/sysroot', '/sbin/init']).status, 1)
  t.equal(run(runInitCommand, k, ['/sysroot', '/sbin/init']).status, 1)
  t.equal(run(runInitCommand, k, ['-n', '/sysroot', '/sbin/init']).status, 0)
  t.equal(run(switchCommand, k, ['--keep', 'none', '/sysroot', '/sbin/init']).status, 112)
  t.equal(run(switchCommand, k, ['--dry-run', '/sysroot', '/sbin/init']).status, 0)
})

t.test('usage', async (t) => {
  for (const [command, status] of [[switchRootCommand, 1], [runInitCommand, 1], [switchCommand, 100]] as const) {
    for (const args of [[], ['/sysroot'], ['--nonsense', '/sysroot', '/sbin/init'], ['-x', '/a', '/b'], ['-c']]) {
      const io = capturedIo()
      t.equal(runAs(command, args, io), status, `${command.name} ${args.join(' ')}`)
      t.match(io.err(), new RegExp(`^(fulcrum )?${command.name}: `))
    }
    const io = capturedIo()
    t.equal(runAs(command, ['--help'], io), 0)
    t.match(io.out(), command.usage[0])
  }
  const io = capturedIo()
  t.equal(switchRootCommand.run(['-V'], io), 0)
  t.match(io.out(), /^switch_root from fulcrum /)
  t.equal(runInitCommand.run(['-d', 'cap_nonsense', '/sysroot', '/sbin/init'], capturedIo()), 1)
})

t.test('a dry run prints the plan and changes nothing', async (t) => {
  const k = createBootedModel()
  const before = k.snapshot()
  const { status, io } = run(switchCommand, k, ['--dry-run', '/sysroot', '/sbin/init'])
  t.equal(status, 0)
  t.match(io.out(), /pivot_root\("\.", "run\/rootfs"\)/)
  t.equal(k.snapshot(), before)
  const json: { steps?: unknown[] } = JSON.parse(run(switchCommand, k, ['-n', '--json', '/sysroot', '/sbin/init']).io.out())
  t.ok((json.steps ?? []).length > 5)
})

/** Calls that change something, or that a switch cannot do without. */
const CHANGES = ['mount', 'umount2', 'mkdir', 'rmdir', 'chdir', 'fchdir', 'chroot', 'pivot_root', 'open', 'capset', 'execve']

const variants: readonly (readonly [string, BootedOptions, Command, readonly string[]])[] = [
  ['switch_root, absolute root', { absoluteRoot: true }, switchRootCommand, []],
  ['switch_root, nullfs', { absoluteRoot: false }, switchRootCommand, ['-c', '/dev/console']],
  ['run-init -p', { absoluteRoot: true }, runInitCommand, ['-p', '-d', 'sys_rawio']],
  ['pivot, kept', { absoluteRoot: false }, switchCommand, ['--engine', 'pivot']],
  ['pivot, freed', { absoluteRoot: false }, switchCommand, ['--engine', 'pivot', '--keep', 'none']],
  ['pivot with the bind trick', { absoluteRoot: true }, switchCommand, ['--engine', 'pivot']],
  ['move, kept', { absoluteRoot: true }, switchCommand, ['--engine', 'move', '--keep', 'full']],
]

for (const [name, options, command, flags] of variants) {
  t.test(`every step that fails before the point of no return is undone: ${name}`, async (t) => {
    const args = [...flags, '/sysroot', '/sbin/init']
    const tricked = options.absoluteRoot === true && flags.includes('pivot')
    const trial = createBootedModel(options)
    const from = trial.calls.length
    t.equal(run(command, trial, args).status, 'exec')
    const calls = trial.calls.slice(from)
    const deletion = calls.findIndex((call) => call.syscall === 'unlink')
    const end = deletion < 0 ? calls.length : deletion
    // Before the first mkdir, mount or chdir only facts are read.
    const begin = calls.findIndex((call) => ['mkdir', 'mount', 'chdir'].includes(call.syscall))
    let tried = 0
    calls.slice(0, end).forEach((call, i) => {
      if (i < begin || !CHANGES.includes(call.syscall)) return
      const k = createBootedModel(options)
      const before = k.snapshot()
      const mountsBefore = mountPoints(k)
      const offset = k.calls.length + i
      k.failNext(call.syscall, 'EIO', () => k.calls.length - 1 === offset)
      const { status, io } = run(command, k, args)
      const what = `${call.syscall}(${call.args.map((a) => JSON.stringify(a)).join(', ')})`
      tried += 1
      t.equal(k.calls[offset]?.syscall, call.syscall)
      if (status === 'exec') {
        t.equal(call.syscall, 'open', `${what} may fail without harm`)
        return
      }
      t.equal(status, call.syscall === 'execve' && command === switchRootCommand ? 126 : command === switchCommand ? 111 : 1, what)
      t.match(io.err(), /EIO/, what)
      if (!tricked) t.equal(k.snapshot(), before, `${what} leaves everything as it was`)
      // The bind trick is not taken back, it harms nobody: all mounts are where they were, on another root mount.
      else t.strictSame([mountPoints(k), k.proc.cwd.node === k.proc.root.node], [mountsBefore, true], `${what} leaves the mounts as they were`)
    })
    t.ok(tried > 5)
  })
}
