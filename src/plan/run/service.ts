// Plans a service: a command whose mount namespace has another root and follows the mounts of the host.
//
// All engines end in the same tree: each mount is a slave of the host's and in a peer group of its own, so that one copy of a
// mount event arrives and nothing flows back. They differ in what is copied on the way and what stays.  docs/services.md

import { AT_FDCWD, AT_RECURSIVE, MNT_DETACH, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_REC, MS_SHARED, MS_SLAVE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE, OPEN_TREE_NAMESPACE } from '../../abi/mount.ts'
import { CLONE_NEWNS, O_PATH, O_RDONLY, POLLPRI } from '../../abi/process.ts'
import type { Refusal } from '../../facts/refusal.ts'
import type { Bind, RunFacts, ServiceRequest } from '../../facts/run/run-types.ts'
import { calls, handle, makeCall, result } from './calls.ts'
import { cgroupSteps } from './cgroup-steps.ts'
import { checkRequest } from './check-request.ts'
import { commandTail } from './command-tail.ts'
import type { ChildCall, Handle, HostStep, RunPlan, RunPlanResult } from './run-plan.ts'

/**
 * Label of the call that fails where the mounts of the host have changed between the copy of a tree and its place in the
 * namespace: what is attached nowhere follows no event. The same may be started again.
 */
export const MOUNTS_CHANGED = 'mounts-changed'

/** Our own copies follow the host's mounts, and theirs do not come to us. */
const followHost = calls.mount(null, '/', null, MS_REC | MS_SLAVE)
/** Peers of nobody, until the service makes a mount namespace of its own. */
const shareOwn = (label?: string): ChildCall => calls.mount(null, '/', null, MS_REC | MS_SHARED, null, label === undefined ? {} : { label })
const readOnlyTree = (path: string): ChildCall => calls.mountSetattr(AT_FDCWD, path, AT_RECURSIVE, { set: MOUNT_ATTR_RDONLY })

interface Engine {
  readonly name: string
  readonly reason: string
  readonly host: readonly HostStep[]
  readonly clone: number
  readonly calls: readonly ChildCall[]
}

/** A bind from the old root, which the working directory is on. One call each: no event is between the copy and its place. */
function bindFromOldRoot({ recursive, readOnly, source, target }: Bind, facts: RunFacts): ChildCall[] {
  // Without links: an absolute one would lead into the new root.
  const path = facts.sources[source]?.path ?? source
  return [
    calls.mount(path === '/' ? '.' : `.${path}`, target, null, MS_BIND | (recursive ? MS_REC : 0)),
    ...(readOnly ? [calls.mountSetattr(AT_FDCWD, target, recursive ? AT_RECURSIVE : 0, { set: MOUNT_ATTR_RDONLY })] : []),
  ]
}

/**
 * A copy of the host's whole namespace, ROOT bound over its "/", and the switch to that. pivot_root(".", ".") puts the old root
 * where it can be unmounted; chroot(".") leaves it beneath, with all its mounts, each of which gets every event as well.
 */
function selfContained(request: ServiceRequest, facts: RunFacts, engine: 'pivot' | 'move'): Engine {
  const fromOld = request.binds.flatMap((bind) => bindFromOldRoot(bind, facts))
  return {
    name: `service-${engine}`,
    reason: 'asked for',
    host: [],
    clone: CLONE_NEWNS,
    calls: [
      followHost,
      ...(fromOld.length > 0 ? [calls.open(AT_FDCWD, '/', O_PATH, { label: 'old-root' })] : []),
      calls.mount(request.root, '/', null, MS_BIND | MS_REC),
      // "/.." is "/" with what is mounted on it.
      calls.chdir('/..'),
      ...(request.readOnly ? [readOnlyTree('.')] : []),
      engine === 'pivot' ? calls.pivotRoot('.', '.') : calls.chroot('.'),
      ...(fromOld.length > 0 ? [calls.fchdir(result('old-root')), ...fromOld] : []),
      ...(engine === 'pivot' ? [calls.umount2('.', MNT_DETACH)] : []),
      shareOwn(),
    ],
  }
}

/** A detached copy of a tree of the host. It is its peer at first: nothing may be mounted in it before it is a slave. */
function copyTree(from: string, as: string, recursive: boolean, readOnly: boolean): HostStep[] {
  const depth = recursive ? AT_RECURSIVE : 0
  return [
    { op: 'open-tree', from, flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth, as },
    { op: 'set-attributes', tree: handle(as), recursive, set: readOnly ? MOUNT_ATTR_RDONLY : 0, clear: 0, propagation: MS_SLAVE, userNamespace: null },
  ]
}

const attach = (tree: Handle, path: string): ChildCall => calls.moveMount(tree, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)

/** Copies of the binds, made by this process, and the calls that put them into the new root. */
function detachedBinds(binds: readonly Bind[]): { readonly host: readonly HostStep[]; readonly calls: readonly ChildCall[] } {
  return {
    host: binds.flatMap(({ source, recursive, readOnly }, i) => copyTree(source, `bind-${i}`, recursive, readOnly)),
    calls: binds.map(({ target }, i) => attach(handle(`bind-${i}`), target)),
  }
}

/** Opened before the first copy. It tells of every change to the mounts of this namespace since: proc_pid_mountinfo(5). */
const watchMounts: HostStep = { op: 'open', path: '/proc/self/mountinfo', flags: O_RDONLY, as: 'host-mounts' }
const failIfChanged = (next: string): ChildCall[] => [
  makeCall('poll', [{ pollfd: handle('host-mounts'), events: POLLPRI }, 1, 0], { ifZero: next }, ['{host-mounts, POLLPRI}']),
  { call: 'close', args: [-1], shown: 'close(-1) because the mounts of the host have changed', label: MOUNTS_CHANGED },
]

/** A copy of ROOT's mounts alone, pivoted to out of a namespace that has almost nothing to be copied. */
function fromTemplate(request: ServiceRequest): Engine {
  const binds = detachedBinds(request.binds)
  return {
    name: 'service-pivot-template',
    reason: 'only the mounts of the root are copied; before Linux 7.0 out of a small namespace that is kept',
    host: [watchMounts, ...copyTree(request.root, 'root', true, request.readOnly), ...binds.host, { op: 'template-namespace', as: 'template' }],
    clone: 0,
    calls: [
      calls.setns(handle('template'), CLONE_NEWNS),
      calls.unshare(CLONE_NEWNS),
      attach(handle('root'), '/'),
      calls.fchdir(handle('root')),
      calls.pivotRoot('.', '.'),
      calls.umount2('.', MNT_DETACH),
      ...binds.calls,
      ...failIfChanged('share'),
      shareOwn('share'),
    ],
  }
}

/** The namespace is made of ROOT's mounts by one call. It follows the host from the first moment on. */
function byOpenTree(request: ServiceRequest): Engine {
  const binds = detachedBinds(request.binds)
  const hasBinds = request.binds.length > 0
  return {
    name: 'service-namespace',
    reason: request.engine === 'namespace' ? 'asked for' : 'only the mounts of the root are copied, and one call makes a namespace of them (Linux 7.0)',
    host: [
      ...(hasBinds ? [watchMounts] : []),
      { op: 'open-tree', from: request.root, flags: OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_RECURSIVE, as: 'namespace' },
      ...binds.host,
    ],
    clone: 0,
    calls: [
      calls.setns(handle('namespace'), CLONE_NEWNS),
      followHost,
      ...(request.readOnly ? [readOnlyTree('/')] : []),
      ...binds.calls,
      ...(hasBinds ? failIfChanged('share') : []),
      shareOwn('share'),
    ],
  }
}

function chooseEngine(request: ServiceRequest, facts: RunFacts): Engine {
  switch (request.engine) {
    case 'pivot':
    case 'move': return selfContained(request, facts, request.engine)
    case 'namespace': return byOpenTree(request)
    case 'auto': return facts.features.openTreeNamespace ? byOpenTree(request) : fromTemplate(request)
  }
}

/** Why the engine that was asked for cannot work, or null. */
function checkEngine({ engine, root }: ServiceRequest, facts: RunFacts): Refusal | null {
  const cannot = `Cannot run in '${root}' by engine '${engine}'`
  if (engine === 'namespace' && !facts.features.openTreeNamespace) {
    return { reason: 'kernel-too-old', detail: `${cannot}: this kernel has no OPEN_TREE_NAMESPACE, which is there since Linux 7.0`, remedy: 'use --engine auto, which ends in the same tree' }
  }
  if (engine !== 'pivot' && engine !== 'move') return null
  if (facts.hostRoot === 'chroot') {
    return { reason: 'pivot-impossible', detail: `${cannot}: "/" is not a mount point, this process is in a chroot`, remedy: 'run it outside of the chroot; from Linux 7.0 on --engine namespace works there too' }
  }
  if (engine === 'pivot' && facts.hostRoot === 'absolute') {
    return { reason: 'pivot-impossible', detail: `${cannot}: this process is in the initramfs, which pivot_root(2) cannot move before Linux 7.0`, remedy: 'use --engine move' }
  }
  return null
}

/** Plans the service that `request` asks for, or refuses. */
export function planService(request: ServiceRequest, facts: RunFacts): RunPlanResult {
  const refusal = checkRequest(request, facts) ?? checkEngine(request, facts)
  if (refusal !== null) return { plan: null, refusal }
  if ('problem' in facts.program) throw new RangeError('Cannot happen: checkRequest() refuses it')
  const engine = chooseEngine(request, facts)
  const cgroup = cgroupSteps(request, facts)
  const terminal: HostStep[] = request.terminal ? [{ op: 'terminal', devpts: null, master: 'terminal', peer: 'terminal-peer' }] : []
  const plan: RunPlan = {
    ...engine,
    host: [...engine.host, ...terminal, ...cgroup.steps],
    intoCgroup: cgroup.into,
    calls: [...engine.calls, ...commandTail(request, facts.program.path, request.terminal ? { terminal: handle('terminal-peer') } : {})],
    main: null,
    keep: request.terminal ? ['terminal'] : [],
    notes: engine.name === 'service-move' ? ['the mounts of the host stay beneath the root, without a path: every mount event costs twice'] : [],
  }
  return { plan, refusal: null }
}
