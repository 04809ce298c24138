// Plans the way back: from a running root into the initramfs that was kept, with the root at /oldroot.
//
// Pure. pivot_root(2) takes every process along whose root directory is the running root, PID 1 first of all, so
// any process with the right may do it. After a switch by MS_MOVE it is the same, from the bind at /run/rootfs;
// a concealed initramfs gets that bind first.  docs/return.md, docs/kernel-facts.md C.

import { MNT_DETACH, MS_BIND, MS_MOVE, MS_PRIVATE, MS_REC, MS_SHARED } from '../abi/mount.ts'
import { carriedMounts } from '../facts/carried.ts'
import { rootMount, topMountAt } from '../facts/mountinfo.ts'
import { inRoot } from '../facts/paths.ts'
import { OLD_ROOT_DIRECTORY } from '../facts/return-types.ts'
import type { ReturnFacts } from '../facts/return-types.ts'
import { INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import { privateSteps } from './prepare.ts'
import { refuse } from './step.ts'
import type { PlanResult, Step } from './step.ts'

const KEPT_MODE = 0o700

function check(facts: ReturnFacts): PlanResult | null {
  const { place, kept } = facts
  if (facts.uid !== 0) return refuse('no-permission', 'Cannot return to the initramfs: user id 0 is needed', 'run as root')
  if (place.kind === 'initramfs') return refuse('in-initramfs', 'Cannot return to the initramfs: "/" is an initramfs', "boot a root first; 'exit' or 'continue' goes on from the rescue console")
  if (place.kind === 'elsewhere') {
    return refuse('not-main-root', `Cannot return to the initramfs: ${place.what}`, 'run it where PID 1 runs: outside of containers and chroots, or by nsenter -t 1 -a')
  }
  if (kept.kind === 'none' && facts.recordedKeep === 'none') {
    return refuse('initramfs-not-kept', 'Cannot return to the initramfs: it was freed at the switch (keep=none)', 'boot with fulcrum.keep=full or fulcrum.keep=slim')
  }
  if (kept.kind === 'none') {
    const who = facts.recordedKeep === null ? ', and no record says that fulcrum booted this machine' : ''
    return refuse('initramfs-not-found', `Cannot return to the initramfs: it is not at '${ROOTFS_DIRECTORY}' and no process of it lives${who}`, 'boot by a fulcrum initramfs and leave that mount alone')
  }
  if (!facts.hasShutdown) {
    return refuse('shutdown-missing', `Cannot return to the initramfs: '${inRoot(kept.path, '/shutdown')}' cannot be executed`, 'build the image anew with this version of fulcrum build')
  }
  return null
}

/** Mounts that go along, and what has to be made for them. */
function carrySteps(facts: ReturnFacts, isWritable: boolean): { readonly make: Step[]; readonly move: Step[]; readonly notes: string[] } {
  const make: Step[] = []
  const move: Step[] = []
  const notes: string[] = []
  for (const { mountPoint } of carriedMounts(facts.mounts, OLD_ROOT_DIRECTORY)) {
    if (facts.targets.get(mountPoint) !== true) {
      if (!isWritable) {
        notes.push(`'${mountPoint}' stays below ${OLD_ROOT_DIRECTORY}: the read-only initramfs has no such directory`)
        continue
      }
      make.push({ op: 'mkdir', path: inRoot(ROOTFS_DIRECTORY, mountPoint), mode: 0o755 })
    }
    move.push({ op: 'mount', source: inRoot(OLD_ROOT_DIRECTORY, mountPoint), target: mountPoint, fstype: null, flags: MS_MOVE, data: null })
  }
  return { make, move, notes }
}

/**
 * Plans to enter the kept initramfs, or refuses. `console` is opened as descriptors 0 to 2, for PID 1. Everything can
 * be undone (planReturnUndo) and nothing is lost when a step fails; what comes after it is no part of this plan.
 */
export function planReturn(request: { readonly console: string | null }, facts: ReturnFacts): PlanResult {
  const impossible = check(facts)
  if (impossible !== null) return impossible
  const { kept } = facts
  const isConcealed = kept.kind === 'concealed'
  const isWritable = kept.kind !== 'mounted' || !kept.readOnlyFilesystem
  const steps: Step[] = [...privateSteps(facts.mounts)]
  if (isConcealed) {
    steps.push(
      { op: 'mkdir', path: ROOTFS_DIRECTORY, mode: KEPT_MODE },
      { op: 'mount', source: kept.path, target: ROOTFS_DIRECTORY, fstype: null, flags: MS_BIND, data: null },
    )
  }
  const extra = topMountAt(facts.mounts, INITRAMFS_DIRECTORY)
  if (extra !== undefined) steps.push({ op: 'umount', target: INITRAMFS_DIRECTORY, flags: MNT_DETACH })
  if (kept.kind === 'mounted' && kept.readOnlyMount && isWritable) steps.push({ op: 'set-read-only', path: ROOTFS_DIRECTORY, readOnly: false })
  if (!facts.hasOldRootDirectory) steps.push({ op: 'mkdir', path: inRoot(ROOTFS_DIRECTORY, OLD_ROOT_DIRECTORY), mode: 0o755 })
  const carried = carrySteps(facts, isWritable)
  steps.push(
    ...carried.make,
    { op: 'chdir', path: ROOTFS_DIRECTORY },
    { op: 'pivot_root', newRoot: '.', putOld: OLD_ROOT_DIRECTORY.slice(1) },
    // Not for the root, which pivot_root has changed: a process that stood elsewhere would not be taken along.
    { op: 'chroot', path: '.' },
    { op: 'chdir', path: '/' },
    ...carried.move,
  )
  const runIsCarried = carried.move.some((step) => step.op === 'mount' && step.target === '/run')
  if (runIsCarried) {
    steps.push({ op: 'rmdir', path: ROOTFS_DIRECTORY })
    if (extra !== undefined) steps.push({ op: 'rmdir', path: INITRAMFS_DIRECTORY, optional: true })
  }
  if (request.console !== null) steps.push({ op: 'reopen-console', path: request.console, optional: true })
  const running = rootMount(facts.mounts)
  return {
    plan: {
      name: 'return',
      reason: `${isConcealed ? `the initramfs is the root directory of process ${kept.pid}` : `the initramfs is at ${ROOTFS_DIRECTORY}`}; '${running?.source ?? '/'}' will be at ${OLD_ROOT_DIRECTORY}`,
      steps,
      pointOfNoReturn: steps.length,
      exec: null,
      notes: carried.notes,
    },
    refusal: null,
  }
}

function invert(step: Step): Step[] {
  switch (step.op) {
    case 'pivot_root':
      return [
        { op: 'chdir', path: OLD_ROOT_DIRECTORY }, { op: 'pivot_root', newRoot: '.', putOld: ROOTFS_DIRECTORY.slice(1) },
        { op: 'chroot', path: '.' }, { op: 'chdir', path: '/' },
      ]
    case 'mount':
      if (step.flags === (MS_REC | MS_PRIVATE)) return [{ ...step, flags: MS_REC | MS_SHARED }]
      if (step.flags === MS_MOVE) return [{ ...step, source: step.target, target: step.source }]
      return [{ op: 'umount', target: step.target, flags: MNT_DETACH }]
    case 'umount':
      return [
        { op: 'mount', source: ROOTFS_DIRECTORY, target: step.target, fstype: null, flags: MS_BIND, data: null },
        { op: 'set-read-only', path: step.target, readOnly: true },
      ]
    case 'set-read-only':
      return [{ ...step, readOnly: !step.readOnly }]
    case 'mkdir':
      return [{ op: 'rmdir', path: step.path }]
    case 'rmdir':
      return [{ op: 'mkdir', path: step.path, mode: KEPT_MODE }]
    case 'chdir':
      return step.path === '/' ? [] : [{ op: 'chdir', path: '/' }]
    default:
      return []
  }
}

/** Steps that lead back to the running root when the first `completed` steps of a plan of planReturn were done. */
export function planReturnUndo(steps: readonly Step[], completed: number): Step[] {
  return steps.slice(0, completed).reverse().flatMap(invert)
}
