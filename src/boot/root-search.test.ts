// Finding, checking and mounting the root and /usr: each refusal, and what is told with it.
//
// Whole boots on the model kernel (scripted-boot-for-tests.ts): what a person at the console would read.

import t from 'tap'
import { executable, file } from '../kernel/model/vfs.ts'
import { rootFiles } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import type { SyscallArg } from '../kernel/errors.ts'
import type { RunResult } from '../kernel/kernel.ts'
import { play, plugDisk } from './scripted-boot-for-tests.ts'
import type { Played, PluggedDisk } from './scripted-boot-for-tests.ts'

function boot(commandLine: string, disk: Partial<PluggedDisk> = {}, arrange: (k: ModelKernel) => void = () => undefined): Played {
  return play({
    commandLine,
    disk: false,
    files: { '/bin/fsck.ext4': executable('#!/bin/sh\n') },
    arrange: (k) => {
      k.world.programs.set('/bin/fsck.ext4', () => ({}))
      plugDisk(k, { name: 'vda', minor: 0, ...disk })
      arrange(k)
    },
  })
}

/** The mounts of a path that were tried: source, type, flags. */
function mountsOf({ model }: Played, target = '/sysroot'): (readonly [SyscallArg, SyscallArg, SyscallArg])[] {
  const calls = model.calls.filter((c) => c.syscall === 'mount' && c.args[1] === target)
  return calls.map(({ args: [source = null, , type = null, flags = null] }) => [source, type, flags])
}

t.test('a device without a file system is refused with what is on it', async (t) => {
  const empty = boot('root=/dev/vda', { data: new Uint8Array(256 * 1024) })
  t.match(empty.output, /there is nothing that is known on it, not a file system \[root-no-filesystem\]/)
  t.strictSame(mountsOf(empty), [])
  const swap = new Uint8Array(256 * 1024)
  swap.set(Buffer.from('SWAPSPACE2'), 4086)
  swap.set([1, 0, 0, 0, 10, 0, 0, 0], 1024)
  t.match(boot('root=/dev/vda', { data: swap }).output, /there is 'swap' on it, not a file system/)
})

t.test('a type that was given is taken as it is; a wrong one fails with what is there', async (t) => {
  const wrong = boot('root=/dev/vda rw rootfstype=xfs')
  t.strictSame(mountsOf(wrong), [['/dev/vda', 'xfs', { raw: '0' }]])
  t.match(wrong.output, /\/dev\/vda holds 'ext4', asked for was 'xfs'/)
  const second = boot('root=/dev/vda rw rootfstype=xfs,ext4')
  t.strictSame(mountsOf(second).map(([, type]) => type), ['xfs', 'ext4'])
  t.equal(second.execs.length, 1)
  t.equal(boot('root=/dev/vda rootfstype=auto').execs.length, 1)
  t.match(boot('root=/dev/vda rootfstype=nosuch').output, /Cannot mount file systems of type 'nosuch'/)
})

t.test('a corrupt file system names the error and its hint', async (t) => {
  const corrupt = boot('root=/dev/vda', { corrupt: true })
  t.match(corrupt.output, /stopped at 'mount'/)
  t.match(corrupt.output, /EUCLEAN/)
})

t.test('a write-protected root is mounted read-only, told once, and recorded', async (t) => {
  const protectedRoot = boot('root=/dev/vda rw', { writeProtected: true, readOnly: true })
  t.strictSame(mountsOf(protectedRoot).map(([, , flags]) => flags), [{ raw: '0' }, { raw: 'MS_RDONLY' }])
  t.match(protectedRoot.output, /\/dev\/vda can only be mounted read-only/)
  t.match(JSON.parse(protectedRoot.execs[0]?.record ?? ''), { root: { options: 'ro' } })
  t.notOk(protectedRoot.model.calls.some((c) => c.syscall === 'run'), 'and not checked')
  t.notMatch(boot('root=/dev/vda ro', { writeProtected: true, readOnly: true }).output, /can only be mounted/)
})

t.test('fsck: clean, repaired, left errors, and the ways around', async (t) => {
  const checked = (result: Partial<RunResult>, more = ''): Played =>
    boot(`root=/dev/vda ${more}`, {}, (k) => void k.world.programs.set('/bin/fsck.ext4', () => ({ stdout: 'bad blocks\nmore', ...result })))
  const clean = checked({ code: 0 })
  t.equal(clean.execs.length, 1)
  t.strictSame(clean.model.calls.filter((c) => c.syscall === 'run').map((c) => c.args), [['/bin/fsck.ext4', '-a', '/dev/vda']])
  t.match(checked({ code: 1 }).output, /fsck.ext4 repaired \/dev\/vda\n/)
  t.match(checked({ code: 3 }).output, /repaired \/dev\/vda and asks for a reboot, ignoring/)
  for (const [code, words] of [[4, 'left errors uncorrected'], [8, 'failed'], [null, 'failed']] as const) {
    const bad = checked({ code })
    t.match(bad.output, new RegExp(`fsck.ext4 ${words} \\(status ${code ?? 'none'}\\) \\[fsck-errors\\]`))
    t.match(bad.output, /^ +bad blocks\n +more$/m, 'its output is shown')
    t.strictSame(mountsOf(bad), [], 'and nothing is mounted')
  }
  t.equal(checked({ code: 4 }, 'fsck.mode=skip').execs.length, 1)
})

t.test('/usr is found, checked and mounted after the root', async (t) => {
  const withUsr = (commandLine: string, fstab: string): Played =>
    boot(commandLine, { files: { ...rootFiles, '/etc/fstab': file(fstab) } }, (k) => {
      plugDisk(k, { name: 'vdb', minor: 16, files: { '/lib/systemd/systemd': file('x') } })
    })
  const fromFstab = withUsr('root=/dev/vda rw', '/dev/vdb /usr ext4 nodev 0 2\n')
  t.strictSame(mountsOf(fromFstab, '/sysroot/usr'), [['/dev/vdb', 'ext4', { raw: 'MS_NODEV' }]])
  t.strictSame(mountsOf(withUsr('root=/dev/vda mount.usr=/dev/vdb', ''), '/sysroot/usr'), [['/dev/vdb', 'ext4', { raw: 'MS_RDONLY' }]])
  t.match(withUsr('root=/dev/vda', 'UUID= /usr ext4\n').output, /\[root-invalid\]/)
})

t.test('modules that cannot be loaded are told, and hinder nothing', async (t) => {
  const played = boot('root=/dev/vda rd.driver.pre=nosuch')
  t.match(played.output, /Cannot load module 'nosuch': it is not in this image, ignoring/)
  t.equal(played.execs.length, 1)
})

t.test('the console loads modules and finds devices', async (t) => {
  const played = play({ commandLine: 'root=/dev/vdx rd.timeout=1', typed: ['load nosuch', 'blk', 'mount UUID=11111111-2222-3333-4444-555555555555 /mnt', 'mount LABEL=none /mnt', 'mount nonsense=1 /mnt'] })
  t.match(played.output, /Cannot load module 'nosuch'/)
  t.match(played.output, /\/dev\/vda is mounted on \/mnt \(ext4\)/)
  t.match(played.output, /Cannot find a device 'LABEL=none'/)
  t.match(played.output, /Cannot find a device 'nonsense=1'/)
  t.strictSame(played.left, [])
})
