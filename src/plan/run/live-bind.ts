// Plans `fulcrum bind` and `fulcrum unbind`: a mount into something that runs, and off again.
//
// The tree is copied where the source is, on the host, made a slave, read-only or idmapped as asked for while nobody sees it,
// and attached by a child that has the target's mount namespace and root: no symbolic link of the target leads
// anywhere but into the target.  open_tree(2), move_mount(2), docs/run.md

import { AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_SYMLINKS, MS_PRIVATE, MS_SLAVE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../../abi/mount.ts'
import { CLONE_NEWNS, CLONE_NEWUSER, O_RDONLY } from '../../abi/process.ts'
import type { Bind } from '../../facts/run/run-types.ts'
import { calls, handle, makeCall } from './calls.ts'
import type { ChildCall, HostStep, RunPlan } from './run-plan.ts'
import type { TargetFacts } from './target-facts.ts'

export interface LiveBindRequest extends Bind {
  /** Makes what is missing of the target. */
  readonly makeTarget: boolean
  readonly sourceIsDirectory: boolean
}

/** Into the target's mount namespace, and its user namespace where that has to make files. */
function go(facts: TargetFacts, withUser: boolean): ChildCall[] {
  const flags = CLONE_NEWNS | (withUser ? facts.namespaces & CLONE_NEWUSER : 0)
  return [
    { ...calls.setns(facts.pidfd, flags), shown: `setns(pidfd of ${facts.pid}, ${flags === CLONE_NEWNS ? 'CLONE_NEWNS' : 'CLONE_NEWNS|CLONE_NEWUSER'})` },
    calls.fchdir(facts.root),
    calls.chroot('.'),
    // Files belong to root in there, who is nobody without this.
    ...((flags & CLONE_NEWUSER) === 0 ? [] : [makeCall('setresgid', [0, 0, 0]), makeCall('setresuid', [0, 0, 0])]),
  ]
}

/** mkdir -p; what is there already stays as it is. */
function makeTarget({ target, sourceIsDirectory }: LiveBindRequest): ChildCall[] {
  const parts = target.split('/').filter((part) => part !== '')
  const paths = parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`)
  const S_IFREG = 0o100000
  return paths.map((path, i) =>
    sourceIsDirectory || i < paths.length - 1 ? calls.mkdir(AT_FDCWD, path, 0o755, { goOn: true }) : calls.mknod(AT_FDCWD, path, S_IFREG | 0o644, 0, { goOn: true }))
}

/** The plan of a bind. */
export function planLiveBind(request: LiveBindRequest, facts: TargetFacts): RunPlan {
  const { source, target, readOnly, recursive } = request
  const idmapped = request.idMapped === true && (facts.namespaces & CLONE_NEWUSER) !== 0
  const host: HostStep[] = [
    { op: 'open-tree', from: source, flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0), as: 'tree' },
    ...(idmapped ? [{ op: 'open', path: `/proc/${facts.pid}/ns/user`, flags: O_RDONLY, as: 'user-namespace' } as const] : []),
    {
      op: 'set-attributes', tree: handle('tree'), recursive, set: readOnly ? MOUNT_ATTR_RDONLY : 0, clear: 0,
      // With what is mounted below it now, also what will be.
      propagation: recursive ? MS_SLAVE : MS_PRIVATE, userNamespace: idmapped ? handle('user-namespace') : null,
    },
  ]
  return {
    name: idmapped ? 'bind-idmapped' : 'bind',
    reason: 'the tree is copied on the host and attached in there',
    host, clone: 0, intoCgroup: null,
    calls: [
      ...go(facts, request.makeTarget),
      ...(request.makeTarget ? makeTarget(request) : []),
      calls.moveMount(handle('tree'), '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS),
      calls.exit(0),
    ],
    main: null, notes: [],
  }
}

/** The plan of taking one off. */
export function planLiveUnbind(target: string, facts: TargetFacts): RunPlan {
  return {
    name: 'unbind', reason: 'it is unmounted in there', host: [], clone: 0, intoCgroup: null,
    calls: [...go(facts, false), calls.umount2(target, MNT_DETACH), calls.exit(0)],
    main: null, notes: [],
  }
}
