// The real kernel's part in keeping: a loop-mounted copy whose file is deleted, mounts made read-only, wiped files.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { MS_BIND } from '../abi/mount.ts'
import { O_CREAT, O_RDWR } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { Plan, Step } from '../plan/step.ts'
import { executePlan } from './execute.ts'
import { mountImage } from './mount-image.ts'
import { Trace } from './trace.ts'
import { wipeFile } from './wipe-file.ts'

const kernel = createKoffiKernel()
const directory = mkdtempSync('/tmp/fulcrum-mount-image-')
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

function run(steps: readonly Step[]): Trace {
  const plan: Plan = { name: 'test', reason: '', steps, pointOfNoReturn: steps.length, exec: null, notes: [] }
  const trace = new Trace(() => kernel.monotonicUs())
  executePlan(kernel, plan, trace, new Map())
  return trace
}

t.test('a squashfs is mounted, outlives its file, and takes its device along', async (t) => {
  const [tree, image, at] = [join(directory, 'tree'), join(directory, 'image'), join(directory, 'at')]
  mkdirSync(tree)
  mkdirSync(at)
  writeFileSync(join(tree, 'file'), 'content of the copy\n')
  t.equal(spawnSync('mksquashfs', [tree, image, '-quiet', '-no-progress', '-root-mode', '700']).status, 0)
  const device = mountImage(kernel, image, at, 'squashfs')
  const backing = `/sys/block/${basename(device)}/loop/backing_file`
  t.equal(readFileSync(backing, 'utf8'), `${image}\n`)
  kernel.unlink(image)
  t.equal(readFileSync(join(at, 'file'), 'utf8'), 'content of the copy\n')
  t.equal(kernel.stat(at).mode & 0o777, 0o700)
  t.throws(() => kernel.mkdir(join(at, 'x'), 0o755), { code: 'EROFS' })
  kernel.umount2(at, 0)
  for (let tries = 0; existsSync(backing) && tries < 50; tries++) kernel.sleepMs(20)
  t.notOk(existsSync(backing), 'the device is free again')
})

t.test('read-only by mount: the file system stays writable elsewhere, an open file keeps all as it was', async (t) => {
  const at = join(directory, 'bound')
  mkdirSync(at)
  kernel.mount(directory, at, null, MS_BIND, null)
  t.match(run([{ op: 'set-read-only', path: at, readOnly: true }]).events[0], { data: { changed: true } })
  t.throws(() => kernel.writeFile(join(at, 'x'), ''), { code: 'EROFS' })
  kernel.writeFile(join(directory, 'x'), '')
  run([{ op: 'set-read-only', path: at, readOnly: false }])
  const fd = kernel.open(join(at, 'open'), O_RDWR | O_CREAT, 0o600)
  t.match(run([{ op: 'set-read-only', path: at, readOnly: true }]).events[0], { data: { changed: false } })
  kernel.writeFile(join(at, 'y'), '')
  kernel.close(fd)
  kernel.umount2(at, 0)
  t.throws(() => run([{ op: 'set-read-only', path: at, readOnly: true }]), /EINVAL/, 'no mount')
})

t.test('a secret is overwritten in the pages where it lies', async (t) => {
  const key = join(directory, 'key')
  writeFileSync(key, 's'.repeat(100_000), { mode: 0o400 })
  const reader = kernel.open(key, 0)
  const root = kernel.open(directory, 0)
  t.equal(wipeFile(kernel, root, '/key'), 100_000)
  const seen = Buffer.alloc(100_001, 1)
  t.equal(kernel.read(reader, seen, 0), 100_000, 'who had it open reads as much as before')
  t.ok(seen.subarray(0, 100_000).every((byte) => byte === 0), 'and only zeros')
  t.notOk(existsSync(key))
  for (const fd of [reader, root]) kernel.close(fd)
})
