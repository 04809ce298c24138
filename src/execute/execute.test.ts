// The executor: order, failures that say how far it came, handles, deletion on a real directory.

import * as fs from 'node:fs'
import t from 'tap'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { Plan, Step } from '../plan/step.ts'
import { SyscallError } from '../kernel/errors.ts'
import { deleteContents } from './delete-contents.ts'
import { executePlan, executeUndo, StepError } from './execute.ts'
import type { Handles } from './execute.ts'
import { Trace } from './trace.ts'

const kernel = createKoffiKernel()
const trace = (): Trace => new Trace(() => kernel.monotonicUs())

function plan(steps: readonly Step[]): Plan {
  return { name: 'test', reason: 'a test', steps, pointOfNoReturn: steps.length, exec: null, notes: [] }
}

t.test('steps run in order and are traced', async (t) => {
  const dir = t.testdir({ old: { a: 'x', deep: { b: 'yy' } } })
  const log = trace()
  const handles: Handles = new Map()
  const steps: Step[] = [
    { op: 'mkdir', path: `${dir}/new`, mode: 0o700 },
    { op: 'mkdir', path: `${dir}/new`, mode: 0o700 },
    { op: 'open-root', path: `${dir}/old`, handle: 'old_root' },
    { op: 'delete-contents', handle: 'old_root' },
    { op: 'close', handle: 'old_root' },
    { op: 'rmdir', path: `${dir}/old` },
  ]
  executePlan(kernel, plan(steps), log, handles)
  t.strictSame(fs.readdirSync(dir), ['new'], 'mkdir twice is fine')
  t.equal(handles.size, 0)
  t.equal(log.events.length, steps.length)
  t.match(log.events[3]?.data, { files: 2, directories: 1, bytes: 3, skipped: 0 })
  const times = log.events.map((e) => e.us)
  t.strictSame(times, [...times].sort((a, b) => a - b))
})

t.test('a failure names the step and what was done; the rest is not run', async (t) => {
  const dir = t.testdir({ file: '' })
  const log = trace()
  const steps: Step[] = [
    { op: 'mkdir', path: `${dir}/one`, mode: 0o755 },
    { op: 'mkdir', path: `${dir}/file`, mode: 0o755 },
    { op: 'mkdir', path: `${dir}/three`, mode: 0o755 },
  ]
  try {
    executePlan(kernel, plan(steps), log, new Map())
    t.fail('must throw')
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    t.equal(error.completed, 1)
    t.match(error.message, /step 2 of plan 'test', mkdir\(".*file", 0755\): mkdir\(".*file", 0755\): EEXIST/)
  }
  t.notOk(fs.existsSync(`${dir}/three`))
  t.match(log.events[1]?.error, /EEXIST/)
})

t.test('an undo goes on after a failure and reports it', async (t) => {
  const dir = t.testdir({ here: {} })
  const failures = executeUndo(kernel, [{ op: 'rmdir', path: `${dir}/gone` }, { op: 'rmdir', path: `${dir}/here` }], trace(), new Map())
  t.equal(failures.length, 1)
  t.match(failures[0], /ENOENT/)
  t.notOk(fs.existsSync(`${dir}/here`))
})

t.test('a file is written with its directories', async (t) => {
  const dir = t.testdir({ a: {} })
  executePlan(kernel, plan([{ op: 'write-file', path: `${dir}/a/b/c.conf`, text: 'x\n' }]), trace(), new Map())
  t.equal(fs.readFileSync(`${dir}/a/b/c.conf`, 'utf8'), 'x\n')
})

t.test('a handle that nobody opened is an error', async (t) => {
  t.throws(() => executePlan(kernel, plan([{ op: 'fchdir', handle: 'nobody' }]), trace(), new Map()), /no step opened it/)
})

t.test('deletion: links are not followed, what cannot be deleted is counted', async (t) => {
  const dir = t.testdir({ outside: { keep: 'k' }, tree: { a: '1', link: t.fixture('symlink', '../outside') } })
  const fd = kernel.open(`${dir}/tree`, 0)
  t.strictSame(deleteContents(kernel, fd), { files: 2, directories: 0, bytes: 1 + '../outside'.length, skipped: 0 })
  const doors = (unlink: () => void): Parameters<typeof deleteContents>[0] => ({
    fchdir: (at) => kernel.fchdir(at), chdir: (path) => kernel.chdir(path), fstat: (at) => kernel.fstat(at),
    readdir: (path) => kernel.readdir(path), lstat: (path) => kernel.lstat(path), rmdir: (path) => kernel.rmdir(path), unlink,
  })
  fs.writeFileSync(`${dir}/tree/b`, '')
  t.match(deleteContents(doors(() => kernel.unlink(`${dir}/nosuch`)), fd), { files: 0, skipped: 1 })
  t.match(deleteContents(doors(() => { throw new SyscallError('unlink', ['b'], 30) }), fd), { files: 0, skipped: 1 }, 'a read-only file system too')
  t.equal(fs.readlinkSync('/proc/self/cwd'), '/', 'and it stands in "/" again')
  kernel.close(fd)
  t.ok(fs.existsSync(`${dir}/outside/keep`))
})
