// The spawner in a guest: what spawner.ns.test.ts tries on the kernel of the build machine, on older and newer ones.
//
// The busybox of the guest is what is run. The name of the kernel series is the first argument.

import { toFd } from '../src/kernel/kernel.ts'
import { createKoffiKernel } from '../src/kernel/koffi-kernel.ts'
import { Spawner } from '../src/spawn/spawner.ts'
import { injectFailures } from '../src/spawn/testing/inject-failures.ts'
import { leaks, snapshot } from '../src/spawn/testing/leaks.ts'
import { container, plain, twoChildren } from '../src/spawn/testing/plans.ts'
import { guestTap } from './harness/guest-tap.ts'

const kernel = createKoffiKernel()
const tap = guestTap((text) => kernel.write(toFd(1), text))
const spawner = new Spawner(kernel)
const series = process.argv[2] ?? ''
const sh = (script: string): string[] => ['/bin/busybox', 'sh', '-c', script]

const since = (first: string): boolean => ['6.1', '6.12', '7.x'].indexOf(series) >= ['6.1', '6.12', '7.x'].indexOf(first)
const { kernelFiles, ...features } = spawner.features
tap.same('features', features, { openTreeNamespace: since('7.x'), mountIntoDetached: since('7.x'), procPidns: since('7.x'), cloneIntoCgroup: true, idmappedMounts: true })
tap.point(kernelFiles.length > 5, 'files of the kernel that containers do not get')
for (const make of [plain, container, twoChildren]) {
  tap.attempt(make.name, () => {
    tap.same(`${make.name}: exit status`, spawner.start(make(sh('exit 7'))).wait(), { code: 7, signal: null })
    const before = snapshot(kernel)
    const started = performance.now()
    for (let i = 0; i < 30; i++) spawner.start(make(['/bin/busybox', 'true'])).wait()
    tap.note(`${make.name}: ${((performance.now() - started) / 30).toFixed(2)} ms each`)
    tap.same(`${make.name}: nothing is left of 30`, leaks(kernel, before), [])
    tap.same(`${make.name}: nothing is left of a failure`, injectFailures(make(['/bin/busybox', 'true']), spawner, kernel).filter(({ wrong }) => wrong.length > 0), [])
  })
}
tap.attempt('init', () => {
  const signalled = spawner.start(container(sh('trap "exit 33" USR1; while :; do sleep 0.02; done'), { user: { uid: 1000, gid: 1000, groups: [] } }))
  // It is ready once the trap is set: SIGUSR1 is caught.
  const inside = (): string => kernel.readText(`/proc/${signalled.pid}/task/${signalled.pid}/children`).trim()
  const isReady = (): boolean => inside() !== '' && /^SigCgt:\t[0-9a-f]+[2367abef][0-9a-f]{2}$/m.test(kernel.readText(`/proc/${inside()}/status`))
  for (let i = 0; i < 12_000 && !isReady(); i++) kernel.sleepMs(5)
  signalled.signal(10)
  tap.same('a signal is passed on to another user', signalled.wait(60_000), { code: 33, signal: null })
  tap.same('of a killed command', spawner.start(container(sh('kill -9 $$'))).wait(), { code: 137, signal: null })
})
tap.attempt('memory.max', () => {
  const parent = '/sys/fs/cgroup/spawner'
  for (const limit of [65536, 262144, 1048576, 2097152, 4194304]) {
    const before = snapshot(kernel)
    const plan = container(sh('exit 7'))
    let outcome: string
    try {
      const status = spawner.start({ ...plan, intoCgroup: { handle: 'cgroup' }, host: [...plan.host, { op: 'cgroup', path: `${parent}/limited`, files: [['memory.max', String(limit)]], as: 'cgroup' }] }).wait()
      outcome = `code ${status?.code} signal ${status?.signal}`
    } catch (error) {
      outcome = String(error)
    }
    tap.note(`memory.max ${limit}: ${outcome}`)
    tap.same(`a limit of ${limit} bytes: this process lives, nothing is left`, [kernel.exists(`${parent}/limited`), leaks(kernel, before)], [false, []])
  }
})
spawner.close()
tap.end()
