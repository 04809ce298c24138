// The bind trick: makes pivot_root possible from an initramfs before Linux 7.0.
//
// There the initramfs is the absolute root, which pivot_root refuses to move. A bind of "/" that is
// moved over "/" is an ordinary mount of the same file system: processes started afterwards run from
// it, and after the pivot their /proc/PID/exe reads /run/rootfs/…  Must run before any process is
// started (docs/kernel-facts.md B).

import { MS_BIND, MS_MOVE, MS_PRIVATE, MS_REC } from '../abi/mount.ts'
import { childrenOf, isAbsoluteRoot, rootMount } from '../facts/mountinfo.ts'
import type { Mount } from '../facts/mountinfo.ts'
import type { Plan, Step } from './step.ts'

/** Where the bind is made; removed again at the end. */
export const STAGING = '/.fulcrum-root'

/** The private step where anything is shared: MS_MOVE and pivot_root refuse shared parents. */
export function privateSteps(mounts: readonly Mount[]): Step[] {
  if (!mounts.some((m) => m.optional.shared !== undefined)) return []
  return [{ op: 'mount', source: 'none', target: '/', fstype: null, flags: MS_REC | MS_PRIVATE, data: null }]
}

/** The steps of the trick: every mount that stands on "/" goes along. */
export function prepareSteps(mounts: readonly Mount[]): Step[] {
  const root = rootMount(mounts)
  const children = root === undefined ? [] : childrenOf(mounts, root.id)
  return [
    ...privateSteps(mounts),
    { op: 'mkdir', path: STAGING, mode: 0o755 },
    { op: 'mount', source: '/', target: STAGING, fstype: null, flags: MS_BIND, data: null },
    ...children.map((m): Step => ({ op: 'mount', source: m.mountPoint, target: `${STAGING}${m.mountPoint}`, fstype: null, flags: MS_MOVE, data: null })),
    { op: 'chdir', path: STAGING },
    { op: 'mount', source: '.', target: '/', fstype: null, flags: MS_MOVE, data: null },
    { op: 'chroot', path: '.' },
    { op: 'chdir', path: '/' },
    { op: 'rmdir', path: STAGING },
  ]
}

/** The plan of the bind trick, or null where "/" can be pivoted as it is. */
export function planPrepare(mounts: readonly Mount[]): Plan | null {
  if (!isAbsoluteRoot(mounts)) return null
  const steps = prepareSteps(mounts)
  return {
    name: 'prepare',
    reason: 'the initramfs is the absolute root, which pivot_root cannot move: a bind of it takes its place',
    steps,
    pointOfNoReturn: steps.length,
    exec: null,
    notes: [],
  }
}
