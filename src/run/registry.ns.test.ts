// The registry on real files: names, stale entries, and many that want the same name at once.
//
// In a private /run.

import t from 'tap'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { Registry, isSame, markOf, stateOf } from './registry.ts'
import type { RunEntry } from './registry.ts'

const kernel = createKoffiKernel()
kernel.mount('run', '/run', 'tmpfs', 0, null)
const registry = new Registry(kernel)
const own = markOf(kernel, 'self')
const entry: RunEntry = {
  version: 1, name: 'web', kind: 'service', root: '/', command: ['true'], process: null, supervisor: own, pidNamespace: kernel.readlink('/proc/self/ns/pid'),
  cgroup: null, since: 1000, user: { uid: 0, gid: 0, groups: [] }, idMap: null, capabilities: null, noNewPrivileges: false, init: false, terminal: false, plan: '', binds: [],
}
const files = (): string[] => (existsSync('/run/fulcrum/run') ? readdirSync('/run/fulcrum/run').filter((name) => name !== '.lock') : [])

t.test('a name from begin to end', async (t) => {
  t.strictSame(registry.entries(), [], 'nothing yet, not even the directory')
  t.strictSame(registry.prune(), [])
  registry.claim(entry)
  t.strictSame(registry.find('web'), entry)
  t.equal(stateOf(kernel, entry), 'starting')
  t.throws(() => registry.claim(entry), { message: /^Cannot use the name 'web': it is being started/ })
  registry.update('web', (now) => ({ ...now, process: own, plan: 'p' }))
  const running = registry.find('web')
  t.match(running, { process: own, plan: 'p' })
  t.equal(running === null ? null : stateOf(kernel, running), 'running')
  t.throws(() => registry.claim(entry), { message: /it runs as process/ })
  registry.forget('web', 1)
  t.strictSame(files(), ['web.json'], 'not ours to forget')
  registry.forget('web', process.pid)
  t.strictSame(files(), [])
  registry.update('web', () => entry)
  t.strictSame(files(), [], 'what is gone is not brought back')
})

t.test('stale entries', async (t) => {
  const dead = { pid: spawnSync('true').pid, startTicks: 5 }
  registry.claim({ ...entry, supervisor: dead })
  t.equal(stateOf(kernel, { ...entry, supervisor: dead }), 'gone')
  registry.claim(entry)
  t.match(registry.find('web'), { supervisor: own }, 'taken over')
  registry.release({ ...entry, supervisor: dead })
  t.strictSame(files(), ['web.json'], 'one that was stale does not remove its successor')
  const other = { ...entry, name: 'reused', process: { pid: process.pid, startTicks: (own?.startTicks ?? 0) - 1 } }
  t.equal(stateOf(kernel, other), 'gone', 'the pid is of another process now')
  registry.claim({ ...other })
  t.strictSame(registry.prune(), ['reused'])
  const foreign = { ...entry, name: 'foreign', pidNamespace: 'pid:[1]', process: dead }
  registry.claim(foreign)
  t.equal(stateOf(kernel, foreign), 'unknown')
  t.strictSame(registry.prune(), [])
  t.throws(() => registry.claim({ ...entry, name: 'foreign' }), /of another pid namespace/)
  t.notOk(isSame(entry, { ...entry, since: 7 }))
})

t.test('what is no entry is none', async (t) => {
  mkdirSync('/run/fulcrum/run', { recursive: true })
  for (const [name, text] of [['a', ''], ['b', '{"version":1'], ['c', '{"version":2}'], ['d', JSON.stringify({ ...entry, name: 'other' })], ['e', 'null']] as const) writeFileSync(`/run/fulcrum/run/${name}.json`, text)
  t.strictSame(registry.entries().map(({ name }) => name), ['foreign', 'web'])
  registry.claim({ ...entry, name: 'b' })
  t.match(registry.find('b'), { name: 'b' }, 'and its name is free')
})

t.test('one of many gets the name', async (t) => {
  const script = `
    const { createKoffiKernel } = await import(${JSON.stringify(join(import.meta.dirname, '../kernel/koffi-kernel.ts'))})
    const { Registry, markOf } = await import(${JSON.stringify(join(import.meta.dirname, 'registry.ts'))})
    const kernel = createKoffiKernel()
    let got = 0
    console.log('ready')
    while (!kernel.exists('/run/go')) {}
    for (let i = 0; i < 300; i += 1) {
      const entry = { ...${JSON.stringify(entry)}, name: 'race' + i, supervisor: markOf(kernel, 'self') }
      try { new Registry(kernel).claim(entry); got += 1 } catch (error) { if (!/being started/.test(error.message)) throw error }
    }
    console.log(got)
    process.stdin.resume()`
  const children = [1, 2, 3].map(() => spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }))
  const line = (child: (typeof children)[number]): Promise<string> => new Promise((resolve) => void child.stdout.once('data', (text) => resolve(String(text).trim())))
  t.strictSame(await Promise.all(children.map(line)), ['ready', 'ready', 'ready'])
  writeFileSync('/run/go', '')
  const got = (await Promise.all(children.map(line))).map(Number)
  t.equal(got.reduce((sum, n) => sum + n, 0), 300, `each name once: ${got.join(' + ')}`)
  await Promise.all(children.map((child) => new Promise((resolve) => {
    child.on('exit', resolve)
    child.stdin.end()
  })))
  t.equal(registry.prune().length, 300)
})
