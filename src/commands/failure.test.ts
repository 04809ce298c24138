// --json and a failure: every command that has it prints one object, {"refusal"} or {"error"}, and nothing else.
//
// The kernel of these tests answers every call with EIO, so that whatever a command reads first fails.  docs/errors.md

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { errnoNumber } from '../abi/errno.ts'
import { SyscallError } from '../kernel/errors.ts'
import { asksJson, failureJson } from './failure.ts'
import { dispatch } from './index.ts'
import { commandTable } from './table.ts'
import { capturedIo } from './testing/captured-io.ts'

/** Cannot fail. */
const SURE = new Set(['getpid', 'getuid', 'monotonicUs', 'realtimeUs', 'exists'])

function broken(code: string, uid = 0): ModelKernel {
  const model = createBootedModel()
  model.proc.uid = uid
  return new Proxy(model, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function' || SURE.has(String(key))) return value
      return () => { throw new SyscallError(String(key), ['/x'], errnoNumber(code) ?? 0) }
    },
  })
}

async function run(name: string, args: readonly string[], kernel = broken('EIO')): Promise<{ readonly status: number; readonly json: unknown; readonly err: string }> {
  const io = capturedIo(kernel)
  const status = await dispatch('fulcrum', [name, ...args], io)
  return { status, json: JSON.parse(io.out()), err: io.err() }
}

const commands: string[] = []
for (const entry of commandTable) if ((await entry.load()).help.includes('--json')) commands.push(entry.name)

const error = { error: { message: /^(Cannot .*|[a-zA-Z]+\(.*): E[A-Z]+ \(/, call: /^\w+\(.*\)$/, errno: /^E[A-Z]+$/ } }
const refusal = (reason: string): object => ({ refusal: { reason, detail: /^Cannot /, remedy: /./ } })

type Row = readonly [command: string, args: readonly string[], status: number, json: object, kernel?: ModelKernel]
const rows: readonly Row[] = [
  ['build', ['--json', '--config', '/nonexistent/fulcrum.toml'], 111, error],
  ['inspect', ['--json', '/nonexistent/image'], 111, error],
  ['inspect', ['--json', '--cat', 'x', '/dev/null'], 100, { error: { message: /--cat writes/ } }],
  ['switch', ['--json', '--dry-run', '/newroot', '/init'], 111, error],
  ['switch', ['--json', '/nowhere', '/init'], 112, refusal('new-root-missing'), createBootedModel()],
  ['switch', ['--json', '/nowhere'], 100, { error: { message: /expected NEWROOT and INIT/ } }],
  ['run', ['--json', '--dry-run', '/newroot', 'true'], 111, error],
  ['run', ['--json', '--dry-run', '/newroot', 'true'], 112, refusal('no-permission'), broken('EIO', 1000)],
  ['list', ['--json'], 111, error],
  ['list', ['--json'], 112, refusal('no-permission'), broken('EACCES', 1000)],
  ['stop', ['--json', 'x'], 111, error],
  ['stop', ['--json', 'x'], 112, refusal('no-permission'), broken('EIO', 1000)],
  ['stop', ['--json', 'x'], 112, refusal('not-running'), createBootedModel()],
  ['bind', ['--json', 'x', '/etc'], 111, error],
  ['bind', ['--json', 'x', '/etc'], 112, refusal('not-running'), createBootedModel()],
  ['unbind', ['--json', 'x', '/etc'], 111, error],
  ['replace', ['--json', '/a', '/b'], 111, error],
  ['replace', ['--json', '/a', '/b'], 112, refusal('no-permission'), (() => { const k = createBootedModel(); k.proc.uid = 1000; return k })()],
  ['replace', ['--json', '/a'], 100, { error: { message: /^Cannot / } }],
  ['mounts', ['--json'], 111, error],
  ['mounts', ['diff', '--json', '/a', '/b'], 111, error],
  ['ps', ['--json'], 111, error],
  ['ps', ['--json', '--rules', '/nonexistent'], 111, { error: { message: /^Cannot read '\/nonexistent'/ } }, createBootedModel()],
  ['kill', ['--json'], 111, { error: { message: /^Cannot read '\/etc\/fulcrum\/processes.toml'/ } }],
  ['kill', ['--json'], 112, refusal('no-permission'), (() => { const k = createBootedModel(); k.proc.uid = 1000; return k })()],
  // What it cannot read is a field of each device.
  ['blk', ['--json', 'x'], 100, { error: { message: /^Cannot understand 'x'/ } }],
  ['dmesg', ['--json'], 111, error],
  ['cmdline', ['--json'], 111, error],
  ['install', ['--json'], 112, refusal('not-packed')],
  ['uninstall', ['--json'], 111, error],
  ['uninstall', ['--json'], 112, refusal('not-installed'), createBootedModel()],
  ['version', ['--json', 'x'], 100, { error: { message: /^Cannot understand 'x'/ } }],
]
for (const [name, args, status, json, kernel] of rows) {
  t.test(`${name} ${args.join(' ')}: ${status}`, async (t) => {
    const seen = await run(name, args, kernel)
    t.match(seen, { status, json, err: new RegExp(`^fulcrum ${name}`) })
  })
}
t.strictSame(commands.filter((name) => !rows.some(([one]) => one === name)), [], 'every command that has --json')

t.test('a mistake in the command line', async (t) => {
  for (const name of commands) {
    t.match(await run(name, ['--json', '--no-such-thing']), { status: 100, json: { error: { message: /Cannot understand option '--no-such-thing'/ } } }, name)
  }
  t.notOk(asksJson(['--', '--json']), 'a word of somebody else')
})

t.test('the call below a chain of errors, also one of node:fs', async (t) => {
  const call = new SyscallError('mount', ['a', '/b', null], 22)
  t.match(failureJson(new Error('Cannot do step 3', { cause: new Error('x', { cause: call }) })), { error: { message: 'Cannot do step 3', call: 'mount("a", "/b", NULL)', errno: 'EINVAL' } })
  t.strictSame(failureJson(Object.assign(new Error('no'), { code: 'ENOSPC', syscall: 'write' })), { error: { message: 'no', call: 'write()', errno: 'ENOSPC' } })
  t.strictSame(failureJson(new Error('no')), { error: { message: 'no' } })
})
