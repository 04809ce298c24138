// The library as its callers use it, for the bench of spawning: requests that are planned and started anew each time, and plans
// made by hand for isolation that no request asks for.
// A request is the whole way: facts of the root, plan, start; a caller may keep the plan. A plan by hand is what the peers are told to do in the sets
// `two` and `five`: these namespaces, /proc, the command.
// src/spawn/start-run.ts, src/spawn/spawner.ts

import { AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE } from '../../src/abi/mount.ts'
import { CLONE_NEWNS } from '../../src/abi/process.ts'
import { CONTAINER_CAPABILITIES } from '../../src/commands/run-options.ts'
import type { ContainerRequest, RunRequest, ServiceRequest } from '../../src/facts/run/run-types.ts'
import type { Kernel } from '../../src/index.ts'
import { calls, handle } from '../../src/plan/run/calls.ts'
import { commandTail } from '../../src/plan/run/command-tail.ts'
import type { RunPlan } from '../../src/plan/run/run-plan.ts'
import { Spawner } from '../../src/spawn/spawner.ts'
import type { RunningChild } from '../../src/spawn/spawner-types.ts'
import { readRunPlan, startRun, startRuns } from '../../src/spawn/start-run.ts'
import { PAYLOADS, SETS } from './spawn-cases.ts'
import type { SetName } from './spawn-cases.ts'
import { cloneFlags } from './spawn-tables.ts'
import type { Running, Start } from './spawn-tables.ts'

function request(root: string): Omit<ServiceRequest, 'kind' | 'engine'> {
  return {
    name: 'bench', root, command: PAYLOADS.true, env: { PATH: '/bin' }, workingDirectory: '/', user: { uid: 0, gid: 0, groups: [] },
    binds: [], readOnly: false, capabilities: null, noNewPrivileges: true, cgroupParent: null, stdio: [0, 1, 2], terminal: false,
    limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null },
  }
}

function container(root: string, set: SetName): ContainerRequest {
  const namespaces: readonly string[] = SETS[set]
  const ids = [{ inside: 0, outside: 0, count: 65536 }]
  return {
    ...request(root), kind: 'container', engine: 'auto', hostname: null, volatile: 'no', init: false,
    capabilities: CONTAINER_CAPABILITIES,
    idMap: namespaces.includes('user') ? { uids: ids, gids: ids } : null, network: namespaces.includes('net') ? 'none' : 'host',
  }
}

/** The namespaces of the set, /proc, the command: by OPEN_TREE_NAMESPACE, or out of the template namespace. */
function barePlan(spawner: Spawner, root: string, set: SetName): RunPlan {
  const tail = [calls.mount('proc', '/proc', 'proc', 0), ...commandTail({ ...request(root), kind: 'service', engine: 'auto' }, PAYLOADS.true[0])]
  const plan = { name: 'bench', reason: 'by hand', clone: cloneFlags(set), intoCgroup: null, main: null, notes: [] }
  if (spawner.features.openTreeNamespace) {
    return {
      ...plan,
      host: [{ op: 'open-tree', from: root, flags: OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC, as: 'namespace' }],
      calls: [calls.setns(handle('namespace'), CLONE_NEWNS), ...tail],
    }
  }
  return {
    ...plan,
    host: [{ op: 'open-tree', from: root, flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, as: 'root' }, { op: 'template-namespace', as: 'template' }],
    calls: [
      calls.setns(handle('template'), CLONE_NEWNS), calls.unshare(CLONE_NEWNS), calls.moveMount(handle('root'), '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH),
      calls.fchdir(handle('root')), calls.pivotRoot('.', '.'), calls.umount2('.', MNT_DETACH), ...tail,
    ],
  }
}

function running(child: RunningChild): ReturnType<Start> {
  return { pidfd: child.pidfd, end: () => child.wait()?.code === 0 }
}

export const LIBRARY_WAYS = ['request', 'kept', 'plan'] as const
export type LibraryWay = (typeof LIBRARY_WAYS)[number]

/** What runs /bin/true: `request` by startRun, `kept` by Spawner.start of a plan made once per root, `plan` of one by hand. */
export function startByLibrary(kernel: Kernel, set: SetName, way: LibraryWay): Start {
  const spawner = new Spawner(kernel)
  const requestFor = (root: string): RunRequest => (set === 'one' ? { ...request(root), kind: 'service', engine: 'auto' } : container(root, set))
  const started = (answer: RunningChild | Error): ReturnType<Start> => {
    if (answer instanceof Error) throw answer
    return running(answer)
  }
  if (way === 'request') {
    const all = (roots: readonly string[]): Running[] => startRuns(kernel, spawner, roots.map(requestFor)).map(started)
    return Object.assign((root: string) => running(startRun(kernel, spawner, requestFor(root))), { all })
  }
  const plans = new Map<string, RunPlan>()
  const planFor = (root: string): RunPlan => {
    const plan = plans.get(root) ?? (way === 'plan' ? barePlan(spawner, root, set) : readRunPlan(kernel, spawner, requestFor(root)))
    plans.set(root, plan)
    return plan
  }
  return Object.assign((root: string) => running(spawner.start(planFor(root))), { all: (roots: readonly string[]) => spawner.startAll(roots.map(planFor)).map(started) })
}
