// The end of a boot in an initramfs of others, on the model kernel: fulcrum switch --boot, and fulcrum keep.

import t from 'tap'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { executable, file } from '../kernel/model/vfs.ts'
import type { Command } from './command.ts'
import { keepCommand } from './keep.ts'
import { switchCommand } from './switch.ts'
import { capturedIo } from './testing/captured-io.ts'
import { runAs } from './testing/run-as.ts'
import type { CapturedIo } from './testing/captured-io.ts'

function run(command: Command, k: ModelKernel, args: readonly string[]): { readonly status: unknown; readonly io: CapturedIo } {
  const io = capturedIo(k)
  try {
    return { status: runAs(command, args, io), io }
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
    return { status: 'exec', io }
  }
}

/** A machine with this command line, right before the switch. */
function machine(commandLine = 'root=/dev/vda', absoluteRoot = false): ModelKernel {
  const k = createBootedModel({ absoluteRoot })
  k.world.procTexts.set('cmdline', `${commandLine}\n`)
  k.world.procTexts.set('sys/kernel/osrelease', '6.12.0-test\n')
  return k
}

const mountPoints = (k: ModelKernel): string[] => parseMountInfo(k.readText('/proc/self/mountinfo')).map((m) => `${m.mountPoint} ${m.fstype}`)

for (const absoluteRoot of [true, false]) {
  t.test(`switch --boot pivots and keeps, and writes the record; absolute root ${absoluteRoot}`, async (t) => {
    const k = machine('root=/dev/vda quiet', absoluteRoot)
    const { status, io } = run(switchCommand, k, ['--boot', '/sysroot', '/sbin/init'])
    t.equal(status, 'exec', io.err())
    t.equal(io.err(), '', 'what is usual is no matter for a person')
    t.match(mountPoints(k), /\/run\/rootfs rootfs/)
    t.match(JSON.parse(k.readText('/run/fulcrum/boot.json')), { engine: 'pivot', keep: 'full', root: { source: '/dev/vda', type: 'ext4' }, initramfsDevice: String(k.world.initramfs.dev) })
  })
}

t.test('the command line decides about engine and initramfs, a choice of the caller comes before it', async (t) => {
  const k = machine('fulcrum.switch=move fulcrum.keep=none')
  run(switchCommand, k, ['--boot', '/sysroot', '/sbin/init'])
  t.match(JSON.parse(k.readText('/run/fulcrum/boot.json')), { engine: 'move', keep: 'none' })
  const other = machine('fulcrum.switch=move')
  run(switchCommand, other, ['--boot', '--engine', 'pivot', '/sysroot', '/sbin/init'])
  t.match(JSON.parse(other.readText('/run/fulcrum/boot.json')), { engine: 'pivot' })
})

t.test('a /run that is in the new root already holds the record', async (t) => {
  const k = machine()
  k.mount('/run', '/sysroot/run', null, 0x2000, null)
  t.equal(run(switchCommand, k, ['--boot', '/sysroot', '/sbin/init']).status, 'exec')
  t.match(JSON.parse(k.readText('/run/fulcrum/boot.json')), { engine: 'pivot', keep: 'full' })
  t.match(mountPoints(k), /\/run\/initramfs rootfs/)
})

/** systemd's initramfs right before its switch: the copy is mounted. */
function withCopy(commandLine?: string): ModelKernel {
  const k = machine(commandLine)
  k.world.addDisk('loop0', { major: 7, minor: 0, fstype: 'squashfs', files: { '/shutdown': executable(elfFile()), '/etc/initrd-release': file('') } })
  k.mkdir('/run/initramfs', 0o700)
  k.mount('/dev/loop0', '/run/initramfs', 'squashfs', 1, null)
  return k
}

t.test('keep: the copy at its second place, drop-ins, the record; nothing is switched', async (t) => {
  const k = withCopy()
  const { status, io } = run(keepCommand, k, [])
  t.equal(status, 0, io.err())
  t.match(mountPoints(k).sort().join(), '/run/initramfs squashfs,/run/rootfs squashfs')
  t.ok(k.exists('/run/systemd/system/fulcrum-hide.service'))
  t.ok(k.exists('/init'), 'it is still in the initramfs')
  t.match(JSON.parse(k.readText('/run/fulcrum/boot.json')), { engine: 'keep', keep: 'slim', initramfsDevices: [String(k.world.initramfs.dev), String(k.stat('/run/initramfs').dev)] })
  t.equal(run(keepCommand, k, ['--dry-run']).status, 0, 'a second time')
})

t.test('keep refuses without a copy or a root, and does little with fulcrum.keep=none', async (t) => {
  t.match(run(keepCommand, machine(), []).io.err(), /\[initramfs-not-kept\]/)
  t.match(run(keepCommand, withCopy(), ['/elsewhere']).io.err(), /\[new-root-missing\]/)
  const none = withCopy('fulcrum.keep=none')
  t.equal(run(keepCommand, none, []).status, 0)
  t.notMatch(mountPoints(none).join(), /\/run\/rootfs/)
  t.match(JSON.parse(none.readText('/run/fulcrum/boot.json')), { keep: 'none' })
  t.equal(run(keepCommand, none, ['--no-such']).status, 100)
  const user = machine()
  user.proc.uid = 65_534
  t.match(run(keepCommand, user, []), { status: 112 })
  t.match(run(keepCommand, user, ['/none']).io.err(), /user id 0 is needed; run as root \[no-permission\]/, 'before what is missing')
  t.match(run(keepCommand, user, ['--dry-run']).io.err(), /\[initramfs-not-kept\]/, 'a plan needs no root')
})
