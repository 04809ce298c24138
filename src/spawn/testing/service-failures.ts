// Services that cannot be started, and mounts that happen while one is: nothing is left behind, no event is lost.
//
// Runs on the host and in guests, as service-checks.ts does.

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_REC, MS_SLAVE, MS_UNBINDABLE, OPEN_TREE_CLONE } from '../../abi/mount.ts'
import { CLONE_NEWNS, CLONE_VFORK, CLONE_VM, O_RDONLY, SIGKILL } from '../../abi/process.ts'
import { RAW_CALLS } from '../../abi/raw-syscalls.ts'
import { bindOf } from '../../facts/run/request-for-tests.ts'
import type { RunEngine, ServiceRequest } from '../../facts/run/run-types.ts'
import type { Row } from '../../kernel/child-table.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { waitReadable } from '../../kernel/wait-readable.ts'
import { MOUNTS_CHANGED } from '../../plan/run/service.ts'
import { SpawnError } from '../spawn-error.ts'
import { Spawner } from '../spawner.ts'
import type { RunningChild } from '../spawner-types.ts'
import { readRunPlan, RunRefused, startRun } from '../start-run.ts'
import { injectFailures } from './inject-failures.ts'
import { kernelWith, mountsOf, sleeping } from './service-bed.ts'
import { enginesOf } from './service-checks.ts'
import type { CheckContext } from './service-checks.ts'

/** Each step and call of each plan fails once. */
export function failureChecks({ kernel, spawner, bed, tap }: CheckContext): void {
  const binds = [bindOf(`${bed.base}/src`, '/bound'), bindOf(`${bed.base}/src`, '/data', { readOnly: true })]
  for (const engine of enginesOf(spawner)) {
    const all: Partial<ServiceRequest> = { root: bed.root, binds, readOnly: true, capabilities: ['CHOWN'], noNewPrivileges: true, cgroupParent: '/', name: `service-${engine}` }
    for (const [name, changes] of [['plain', { root: '/' }], ['everything', all]] as const) {
      tap.attempt(`failures, ${engine}, ${name}`, () => {
        const plan = readRunPlan(kernel, spawner, { ...sleeping({ engine, ...changes }), command: ['sleep', '0'] })
        const injected = injectFailures(plan, spawner, kernel, ({ label }) => label === MOUNTS_CHANGED)
        tap.point(injected.length > plan.calls.length, `${engine}, ${name}: ${injected.length} places to fail`)
        tap.same(`${engine}, ${name}: a failure at each leaves nothing`, injected.filter(({ wrong }) => wrong.length > 0), [])
      })
    }
  }
}

interface Disturbed {
  readonly child: RunningChild
  readonly attempts: number
}

/** Starts a service while `disturb` is called right before each new process, when all copies have been made. */
function startDisturbed(kernel: Kernel, request: ServiceRequest, disturb: (attempt: number) => void): Disturbed {
  let attempts = 0
  let armed = false
  const disturbed = kernelWith(kernel, {
    startChild: (rows, options) => {
      if (armed) disturb((attempts += 1))
      return kernel.startChild(rows, options)
    },
  })
  const spawner = new Spawner(disturbed)
  try {
    // So that the template is there.
    startRun(disturbed, spawner, { ...request, command: ['sleep', '0'] }).wait()
    armed = true
    return { child: startRun(disturbed, spawner, request), attempts }
  } finally {
    spawner.close()
  }
}

function oneEvent({ kernel, bed, tap }: CheckContext, engine: RunEngine, withBinds: boolean): void {
  const target = `${bed.base}/src/sub`
  const inside = withBinds ? '/bound/sub' : target
  const request = sleeping(withBinds ? { engine, root: bed.root, binds: [bindOf(`${bed.base}/src`, '/bound')] } : { engine, root: '/' })
  const { child, attempts } = startDisturbed(kernel, request, (attempt) => attempt === 1 && kernel.mount('/opt', target, null, MS_BIND, null))
  const copies = engine === 'pivot' || engine === 'move' || (child.plan.name === 'service-namespace' && !withBinds) ? 1 : 2
  const name = `${engine} (${child.plan.name})${withBinds ? ', binds' : ''}: a mount while it is started`
  tap.same(`${name} is there, after so many attempts`, [mountsOf(kernel, child.pid).filter(({ mountPoint }) => mountPoint === inside).length, attempts], [2, copies])
  child.signal(SIGKILL)
  child.wait()
  kernel.umount2(target, 0)
}

/** What makes all this necessary. Should a kernel begin to let detached trees follow events, this says so. */
function detachedTree({ kernel, bed, tap }: CheckContext): void {
  const tree = kernel.openTree(AT_FDCWD, `${bed.base}/src`, OPEN_TREE_CLONE | AT_RECURSIVE)
  kernel.mountSetattr(tree, '', AT_EMPTY_PATH | AT_RECURSIVE, { propagation: MS_SLAVE })
  kernel.mount('/opt', `${bed.base}/src/sub`, null, MS_BIND, null)
  kernel.moveMount(tree, '', AT_FDCWD, `${bed.root}/mnt`, MOVE_MOUNT_F_EMPTY_PATH)
  kernel.close(tree)
  const below = mountsOf(kernel, 'self').filter(({ mountPoint }) => mountPoint === `${bed.root}/mnt/sub`).length
  kernel.umount2(`${bed.root}/mnt`, 2)
  kernel.umount2(`${bed.base}/src/sub`, 0)
  tap.same('a tree that is attached nowhere does not get what is mounted meanwhile', below, 1)
}

/** Mounts of the host that come between the copy of a tree and its place in the namespace. */
export function raceChecks(context: CheckContext): void {
  const { kernel, spawner, bed, tap } = context
  const before = mountsOf(kernel, 'self')
  tap.attempt('a detached tree', () => detachedTree(context))
  for (const engine of enginesOf(spawner)) {
    for (const withBinds of [false, true]) tap.attempt(`an event, ${engine}`, () => oneEvent(context, engine, withBinds))
  }
  const always = (): void => {
    kernel.mount('/opt', `${bed.root}/mnt`, null, MS_BIND, null)
    kernel.umount2(`${bed.root}/mnt`, 0)
  }
  tap.attempt('mounts all the time', () => {
    const { child, attempts } = startDisturbed(kernel, sleeping({ root: bed.root, engine: 'auto' }), always)
    tap.same('mounts all the time: the whole namespace is copied at last', [child.plan.name, attempts], spawner.features.openTreeNamespace ? ['service-namespace', 1] : ['service-pivot', 4])
    child.signal(SIGKILL)
    child.wait()
  })
  if (spawner.features.openTreeNamespace) {
    tap.attempt('mounts all the time, binds', () => {
      let error: unknown
      try {
        startDisturbed(kernel, sleeping({ root: bed.root, engine: 'namespace', binds: [bindOf(`${bed.base}/src`, '/bound')] }), always)
      } catch (thrown) {
        error = thrown
      }
      tap.point(error instanceof SpawnError && error.plan.calls[error.index]?.label === MOUNTS_CHANGED, 'mounts all the time: binds are an error in the end', [String(error)])
    })
  }
  tap.same('and the host has nothing of it', mountsOf(kernel, 'self'), before)
}

/** Services that are started while another process mounts have the tree of the host in the end. */
export function noiseChecks({ kernel, spawner, bed, tap }: CheckContext, count: number): void {
  const at = `${bed.root}/mnt`
  kernel.mount('places', at, 'tmpfs', 0, null)
  const places = Array.from({ length: count }, (_, i) => `${at}/${i}`)
  for (const place of places) kernel.mkdir(place, 0o755)
  // Nothing is unmounted: what was missed once is missing for good.
  const noise = kernel.spawn('/bin/sh', ['-c', 'for at; do mount -t tmpfs x "$at"; sleep 0.001; done', 'sh', ...places], { PATH: '/bin:/usr/bin' })
  const running: RunningChild[] = []
  let ended = false
  for (let i = 0; !ended && i < count / 3; i += 1) {
    const binds = i % 2 === 0 ? [] : [bindOf(at, '/bound')]
    for (const engine of enginesOf(spawner)) tap.attempt(`a service while another process mounts, ${engine}`, () => void running.push(startRun(kernel, spawner, sleeping({ root: bed.root, engine, binds }))))
    kernel.sleepMs(2)
    ended = kernel.reap(noise) !== null
  }
  while (!ended) {
    kernel.sleepMs(5)
    ended = kernel.reap(noise) !== null
  }
  const mounted = (pid: number): number[] => ['/mnt/', '/bound/'].map((below) => mountsOf(kernel, pid).filter(({ mountPoint }) => mountPoint.startsWith(below)).length)
  const wrong = running.map(({ plan, pid }) => [plan.name, ...mounted(pid)] as const).filter(([, root, bound]) => root !== count || (bound !== 0 && bound !== count))
  tap.same(`${running.length} services that were started while another process mounted have all mounts`, wrong, [])
  const names = running.map(({ plan }) => plan.name)
  tap.note(`plans: ${[...new Set(names)].map((name) => `${name} ${names.filter((one) => one === name).length}`).join(', ')}`)
  for (const child of running) child.signal(SIGKILL)
  for (const child of running) child.wait()
  kernel.umount2(at, MNT_DETACH)
}

/** Whether MS_SLAVE leaves the mark on a mount that is unbindable: 6.18 takes it off, 6.1 and 7.3 do not. */
function staysUnbindable(kernel: Kernel, point: string): boolean {
  const rows: Row[] = [{ nr: RAW_CALLS.mount, args: [null, '/', null, MS_REC | MS_SLAVE, null] }, { nr: RAW_CALLS.execve, args: ['/bin/sleep', ['sleep', '1000'], []] }]
  const child = kernel.startChild(rows, { flags: CLONE_NEWNS | CLONE_VM | CLONE_VFORK })
  const copy = mountsOf(kernel, child.pid).find(({ mountPoint }) => mountPoint === point)
  kernel.pidfdSendSignal(child.pidfd, SIGKILL)
  waitReadable(kernel, child.pidfd, 5000)
  kernel.reap(child.pid)
  kernel.close(child.pidfd)
  child.release()
  return copy?.optional.unbindable === true
}

/** What open_tree(2) and binds do not copy, and clone(2) does. */
export function unbindableChecks({ kernel, spawner, bed, tap }: CheckContext): void {
  const root = `${bed.base}/unbindable`
  kernel.mkdir(root, 0o755)
  kernel.mount('unbindable', root, 'tmpfs', 0, null)
  kernel.mount('none', root, null, MS_UNBINDABLE, null)
  const staysMarked = staysUnbindable(kernel, root)
  tap.note(`MS_SLAVE ${staysMarked ? 'leaves mounts unbindable' : 'makes unbindable mounts private'}`)
  const programs = ['bin', 'lib', 'lib64', 'usr'].filter((name) => kernel.exists(`/${name}`))
  for (const name of programs) kernel.mkdir(`${root}/${name}`, 0o755)
  for (const engine of enginesOf(spawner)) {
    tap.attempt(`unbindable, ${engine}`, () => {
      let said = ''
      try {
        const child = startRun(kernel, spawner, { ...sleeping({ root, engine, binds: programs.map((name) => bindOf(`/${name}`, `/${name}`)) }), command: ['/bin/sleep', '0'] })
        said = `${child.plan.name} ended with ${child.wait()?.code}`
      } catch (error) {
        said = error instanceof Error ? error.message : String(error)
      }
      const expected = engine === 'namespace' || staysMarked ? /^Cannot start the command .*EINVAL \(Invalid argument\); .*unbindable/ : engine === 'move' ? /^service-move ended with 0/ : /^service-pivot ended with 0/
      tap.point(expected.test(said), `${engine}: an unbindable root`, [said])
    })
  }
  kernel.umount2(root, MNT_DETACH)
  kernel.rmdir(root)
  kernel.mount('unbindable', `${bed.root}/tmp`, 'tmpfs', 0, null)
  kernel.mount('none', `${bed.root}/tmp`, null, MS_UNBINDABLE, null)
  for (const engine of enginesOf(spawner)) {
    const child = startRun(kernel, spawner, sleeping({ root: bed.root, engine }))
    const copied = mountsOf(kernel, child.pid).filter(({ mountPoint }) => mountPoint === '/tmp').length
    tap.same(`${engine}: an unbindable mount below the root`, copied, !staysMarked && (engine === 'pivot' || engine === 'move') ? 1 : 0)
    child.signal(SIGKILL)
    child.wait()
  }
  kernel.umount2(`${bed.root}/tmp`, 0)
}

/** Where no template can be made: the next plan is tried, or says why there is none. */
export function chrootChecks({ kernel, bed, tap }: CheckContext): void {
  const jail = `${bed.root}/jail`
  kernel.mkdir(jail, 0o755)
  for (const path of ['proc', 'bin', 'lib', 'lib64', 'usr', 'dev']) {
    if (!kernel.exists(`/${path}`)) continue
    kernel.mkdir(`${jail}/${path}`, 0o755)
    kernel.mount(`/${path}`, `${jail}/${path}`, null, MS_BIND | MS_REC, null)
  }
  const out = kernel.open('/', O_RDONLY)
  const spawner = new Spawner(kernel)
  tap.attempt('in a chroot to a plain directory', () => {
    kernel.chroot(jail)
    try {
      const child = startRun(kernel, spawner, { ...sleeping({ root: '/' }), command: ['/bin/sleep', '0'] })
      tap.same('in a chroot: OPEN_TREE_NAMESPACE works', [child.plan.name, child.wait()], ['service-namespace', { code: 0, signal: null }])
    } catch (error) {
      tap.same('in a chroot: refused', error instanceof RunRefused ? error.refusal.reason : String(error), 'pivot-impossible')
      tap.point(!spawner.features.openTreeNamespace, 'in a chroot: before Linux 7.0 only')
    } finally {
      kernel.fchdir(out)
      kernel.chroot('.')
    }
  })
  kernel.close(out)
  spawner.close()
  for (const path of ['proc', 'bin', 'lib', 'lib64', 'usr', 'dev']) if (kernel.exists(`${jail}/${path}`)) kernel.umount2(`${jail}/${path}`, MNT_DETACH)
}
