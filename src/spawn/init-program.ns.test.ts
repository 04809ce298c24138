// The init of a container by what it does: it reaps, passes signals on, ends with its main child, holds nothing.
//
// Real containers (testing/plans.ts); the commands are sh and ps of this machine.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { initExecutable, makeInitProgram } from './init-program.ts'
import { Spawner } from './spawner.ts'
import type { RunningChild } from './spawner-types.ts'
import { container } from './testing/plans.ts'

const kernel = createKoffiKernel()
const spawner = new Spawner(kernel)
if (process.env['FULCRUM_NOEXEC'] !== undefined) {
  // In a pid namespace of its own, which has this setting of its own.
  kernel.writeFile('/proc/sys/vm/memfd_noexec', process.env['FULCRUM_NOEXEC'])
  try {
    process.stdout.write(`code ${spawner.start(container(['/bin/true'])).wait()?.code}\n`)
  } catch (error) {
    process.stdout.write(`${String(error)}\n`)
  }
  process.exit(0)
}
t.teardown(() => spawner.close())
const sh = (script: string): string[] => ['/bin/sh', '-c', script]
const OTHER_USER = { uid: 1234, gid: 1234, groups: [] }

/** Runs it and answers its standard output line by line, and the exit code behind. */
function linesOf(script: string): (string | number | null)[] {
  const out = kernel.memfdCreate('out', 0)
  const status = spawner.start(container(sh(script), { stdio: [0, out, 2] })).wait()
  const lines = kernel.readText(`/proc/self/fd/${out}`).trimEnd().split('\n')
  kernel.close(out)
  return [...lines, status?.code ?? null]
}

/** Starts it and waits until it has said that it is ready. */
function ready(script: string): { child: RunningChild; said: () => string; close: () => void } {
  const out = kernel.memfdCreate('out', 0)
  const child = spawner.start(container(sh(script), { stdio: [0, out, 2], user: OTHER_USER }))
  const said = (): string => kernel.readText(`/proc/self/fd/${out}`)
  for (let i = 0; i < 6000 && !said().includes('ready'); i++) kernel.sleepMs(10)
  return { child, said, close: () => kernel.close(out) }
}

t.test('who it is: no descriptor, no capability but CAP_KILL, every signal waited for', async (t) => {
  t.strictSame(linesOf("cat /proc/1/comm /proc/1/cmdline | tr '\\0' '\\n'; ls /proc/1/fd; sed -n 's/^\\(CapEff\\|CapPrm\\|CapInh\\|CapBnd\\|NoNewPrivs\\):\\t//p' /proc/1/status; readlink /proc/1/cwd"), [
    'init', 'init', '0000000000000000', '0000000000000020', '0000000000000020', '0000000000000020', '1', '/', 0,
  ])
  t.equal(initExecutable().length, 361)
})

t.test('it ends as its main child does', async (t) => {
  for (const code of [0, 1, 42, 255]) t.strictSame(spawner.start(container(sh(`exit ${code}`))).wait(), { code, signal: null })
  for (const signal of [9, 15, 6]) t.strictSame(spawner.start(container(sh(`kill -${signal} $$`))).wait(), { code: 128 + signal, signal: null })
})

t.test('1,000 orphans are reaped', async (t) => {
  const script = 'exec 3>&1; i=0; while [ $i -lt 1000 ]; do ( (exit 5) <&3 & ); i=$((i+1)); done; for try in $(seq 600); do left=$(grep -l "^State:.Z" /proc/[0-9]*/status 2> /dev/null | wc -l); [ $left = 0 ] && break; sleep 0.1; done; echo $left'
  t.strictSame(linesOf(script), ['0', 0])
})

t.test('the rest of the container goes with the main child', async (t) => {
  const started = performance.now()
  t.equal(linesOf('sleep 1000 < /dev/full & setsid sleep 1000 < /dev/full & exit 3').at(-1), 3)
  t.ok(performance.now() - started < 60_000)
})

t.test('signals are passed on, to another user too', async (t) => {
  // Those that end, those that are ignored by default, those of real time.
  for (const signal of [1, 2, 3, 10, 12, 15, 18, 23, 28, 34, 40, 64]) {
    const { child, close } = ready(`trap 'exit 33' ${signal}; echo ready; while :; do sleep 0.01; done`)
    child.signal(signal)
    t.strictSame(child.wait(60_000), { code: 33, signal: null }, `signal ${signal}`)
    close()
  }
})

t.test('stopped and continued through it; a burst; a signal from inside', async (t) => {
  // Not a shell that makes children: stopped in the middle of a vfork(2), it is said to sleep.
  const stopped = ready('echo ready; exec sleep 1000')
  stopped.child.signal(20)
  const state = (): string => /State:\t(.)/.exec(kernel.readText(`/proc/${kernel.readText(`/proc/${stopped.child.pid}/task/${stopped.child.pid}/children`).trim()}/status`))?.[1] ?? ''
  for (let i = 0; i < 12_000 && state() !== 'T'; i++) kernel.sleepMs(5)
  t.equal(state(), 'T')
  stopped.child.signal(18)
  for (let i = 0; i < 12_000 && state() === 'T'; i++) kernel.sleepMs(5)
  t.not(state(), 'T')
  for (let i = 0; i < 100; i++) stopped.child.signal(28)
  stopped.child.signal(15)
  t.strictSame(stopped.child.wait(60_000), { code: 143, signal: null })
  stopped.close()
  t.equal(linesOf("trap 'echo got; exit 4' TERM; kill -TERM 1; for try in $(seq 600); do sleep 0.1; done").at(-1), 4)
})

t.test('killed itself, nothing of the container is left', async (t) => {
  const { child, close } = ready('sleep 1000 </dev/full & echo ready; sleep 1000')
  const inside = kernel.readText(`/proc/${child.pid}/task/${child.pid}/children`).trim().split(' ')
  child.signal(9)
  t.strictSame(child.wait(60_000), { code: null, signal: 9 })
  t.strictSame(inside.filter((pid) => kernel.exists(`/proc/${pid}`)), [])
  close()
})

t.test('it is sealed and read-only', async (t) => {
  const init = makeInitProgram(kernel)
  t.throws(() => kernel.write(init, 'x'), { code: 'EBADF' })
  t.throws(() => kernel.writeFile(`/proc/self/fd/${init}`, 'x'), { code: 'EPERM' })
  kernel.close(init)
})

t.test('sysctl vm.memfd_noexec: 1 is no obstacle, 2 an error that says so', async (t) => {
  const before = kernel.readText('/proc/sys/vm/memfd_noexec')
  const [one, two] = ['1', '2'].map((value) => spawnSync('unshare', ['--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc', process.execPath, import.meta.filename], { encoding: 'utf8', env: { ...process.env, FULCRUM_NOEXEC: value } }).stdout)
  t.equal(one, 'code 0\n')
  t.match(two, /Cannot start the command.*memfd_create\("init"\) = init, by this process: EACCES .*vm\.memfd_noexec is 2/)
  t.equal(kernel.readText('/proc/sys/vm/memfd_noexec'), before)
})
