// Checks before the mount: when one is run, with which arguments, and what its exit status means.
//
// The statuses are those of fsck(8).

import t from 'tap'
import type { RunResult } from '../kernel/kernel.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import { executable } from '../kernel/model/vfs.ts'
import { initramfsFiles } from '../kernel/model/booted.ts'
import { fsck, type FsckOutcome } from './fsck.ts'

type Settings = Parameters<typeof fsck>[4]
const usual: Settings = { fsckMode: 'auto', fsckRepair: 'preen' }

function check(result: Partial<RunResult> | null, settings = usual, type = 'ext4', readOnly = false, path = '/bin/fsck.ext4'): { outcome: FsckOutcome; ran: string[]; env: unknown } {
  const model = createBootedModel({ files: { ...initramfsFiles, ...(result === null ? {} : { [path]: executable('#!/x\n') }) } })
  const ran: string[] = []
  let env: unknown
  model.world.programs.set(path, (args, options) => {
    ran.push(...args)
    env = options.env
    return result ?? {}
  })
  return { outcome: fsck(model, '/dev/vda', type, readOnly, settings), ran, env }
}

t.test('each exit status', async (t) => {
  const kinds: readonly (readonly [number | null, FsckOutcome['kind']])[] = [
    [0, 'clean'], [1, 'repaired'], [2, 'reboot'], [3, 'reboot'], [4, 'errors'], [5, 'errors'], [6, 'errors'], [7, 'errors'],
    [8, 'failed'], [12, 'failed'], [16, 'failed'], [32, 'failed'], [128, 'failed'], [null, 'failed'],
  ]
  for (const [code, kind] of kinds) t.match(check({ code }).outcome, { kind, status: code, program: '/bin/fsck.ext4' }, `status ${code}`)
})

t.test('the output is what it printed, or why it could not be started', async (t) => {
  t.match(check({ code: 4, stdout: 'a\n', stderr: 'b\n' }).outcome, { output: 'a\nb' })
  t.match(check({ code: null, error: 'ENOEXEC' }).outcome, { kind: 'failed', output: 'ENOEXEC' })
})

t.test('the settings become arguments; the environment is only a PATH', async (t) => {
  t.strictSame(check({}).ran, ['-a', '/dev/vda'])
  t.strictSame(check({}).env, { PATH: '/sbin:/bin:/usr/sbin:/usr/bin' })
  t.strictSame(check({}, { fsckMode: 'force', fsckRepair: 'yes' }).ran, ['-y', '-f', '/dev/vda'])
  t.strictSame(check({}, { fsckMode: 'auto', fsckRepair: 'no' }).ran, ['-n', '/dev/vda'])
  t.match(check({}, usual, 'ext4', false, '/usr/sbin/fsck.ext4').outcome, { kind: 'clean', program: '/usr/sbin/fsck.ext4' })
})

t.test('no check: asked not to, nothing to gain, read-only, not in the image', async (t) => {
  const none = (found: { outcome: FsckOutcome; ran: string[] }, why: string): void => {
    t.strictSame(found.outcome, { kind: 'none', why })
    t.strictSame(found.ran, [])
  }
  none(check({}, { ...usual, fsckMode: 'skip' }), 'fsck.mode=skip')
  none(check({}, usual, 'ext4', true), "'/dev/vda' is read-only")
  none(check(null), "the image has no 'fsck.ext4'")
  for (const type of ['xfs', 'btrfs', 'erofs', 'squashfs', 'iso9660', 'virtiofs', '9p']) {
    none(check({}, usual, type, false, `/bin/fsck.${type}`), `'${type}' is not checked before a mount`)
  }
})
