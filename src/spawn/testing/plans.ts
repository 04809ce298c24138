// Plans as the tests of the spawner use them: a request with everything at its default, a service, a container.
//
// They are made by hand from the constructors of src/plan/run, so that the spawner is tested without the planners.

import { AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MS_PRIVATE, OPEN_TREE_CLONE } from '../../abi/mount.ts'
import { CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS, CLONE_PARENT } from '../../abi/process.ts'
import type { ServiceRequest } from '../../facts/run/run-types.ts'
import { calls, handle } from '../../plan/run/calls.ts'
import { commandTail, withInit } from '../../plan/run/command-tail.ts'
import type { ChildCall, HostStep, RunPlan } from '../../plan/run/run-plan.ts'

/** A request for this command as root, with nothing special. */
export function requestFor(command: readonly string[], more: Partial<ServiceRequest> = {}): ServiceRequest {
  return {
    kind: 'service', engine: 'auto', name: 'test', root: '/', command, env: { PATH: '/usr/bin:/bin' }, workingDirectory: '/',
    user: { uid: 0, gid: 0, groups: [] }, binds: [], readOnly: false, capabilities: null, noNewPrivileges: false,
    limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null }, cgroupParent: null, stdio: [0, 1, 2], terminal: false, ...more,
  }
}

/** A plan of these calls, with nothing else. */
export function planOf(list: readonly ChildCall[], more: Partial<RunPlan> = {}): RunPlan {
  return { name: 'test', reason: 'a test', host: [], clone: 0, intoCgroup: null, calls: list, main: null, notes: [], ...more }
}

/** The command, in a mount namespace of its own. */
export function plain(command: readonly string[], more: Partial<ServiceRequest> = {}): RunPlan {
  return planOf(commandTail(requestFor(command, more), command[0] ?? ''), { clone: CLONE_NEWNS })
}

/** Steps and calls of a root of its own, a copy of "/" out of the template. */
const rootSteps: readonly HostStep[] = [
  { op: 'template-namespace', as: 'template' },
  { op: 'open-tree', from: '/', flags: OPEN_TREE_CLONE, as: 'root' },
  // A copy of a shared mount is shared, and pivot_root(2) wants none.
  { op: 'set-attributes', tree: handle('root'), recursive: false, set: 0, clear: 0, propagation: MS_PRIVATE, userNamespace: null },
]
const rootCalls: readonly ChildCall[] = [
  calls.moveMount(handle('root'), '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH),
  calls.fchdir(handle('root')),
  calls.pivotRoot('.', '.'),
  calls.umount2('.', MNT_DETACH),
  calls.mount('proc', '/proc', 'proc', 0),
]
const OTHERS = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET

/** One child that is PID 1 itself, with our init and the command as its main child. */
export function container(command: readonly string[], more: Partial<ServiceRequest> = {}): RunPlan {
  const list = [
    calls.setns(handle('template'), CLONE_NEWNS),
    calls.unshare(CLONE_NEWNS | OTHERS),
    ...rootCalls,
    ...withInit(requestFor(command, more), command[0] ?? '', handle('init'), { session: true }),
  ]
  return planOf(list, { name: 'container', clone: CLONE_NEWPID, host: [...rootSteps, { op: 'init-program', as: 'init' }] })
}

/** Two children: the outer one ends when the inner one has its program. */
export function twoChildren(command: readonly string[], more: Partial<ServiceRequest> = {}): RunPlan {
  const list = [
    calls.setns(handle('template'), CLONE_NEWNS),
    calls.unshare(CLONE_NEWNS | CLONE_NEWPID | OTHERS),
    calls.clone(CLONE_PARENT, { label: 'main', ifZero: 'inner' }),
    calls.exit(0),
    { ...calls.sethostname('inner'), label: 'inner' },
    ...rootCalls,
    ...commandTail(requestFor(command, more), command[0] ?? ''),
  ]
  return planOf(list, { name: 'two-children', host: rootSteps, main: 'main' })
}
