// The steps that take back what a plan has done so far.
//
// Pure. PID 1 undoes a failed switch to stand in the initramfs again with everything in place, so
// that the rescue console can retry with other settings. Only completed steps are inverted, last one
// first; the bind trick and private propagation stay, they harm nobody.

import { MNT_DETACH, MS_BIND, MS_MOVE } from '../abi/mount.ts'
import { ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import { OLD_ROOT } from './keep.ts'
import { STAGING } from './prepare.ts'
import type { Plan, Step } from './step.ts'

/** Where the new root stood: the directory of the last chdir before the root changed. */
function newRootOf(plan: Plan, before: number): string {
  for (let i = before - 1; i >= 0; i -= 1) {
    const step = plan.steps[i]
    if (step?.op === 'chdir') return step.path
  }
  return '/sysroot'
}

function invert(plan: Plan, index: number): Step[] {
  const step = plan.steps[index]
  if (step === undefined) return []
  switch (step.op) {
    case 'pivot_root': {
      const putOld = newRootOf(plan, index).slice(1)
      return [{ op: 'chdir', path: ROOTFS_DIRECTORY }, { op: 'pivot_root', newRoot: '.', putOld }, { op: 'chroot', path: '.' }, { op: 'chdir', path: '/' }]
    }
    case 'mount': {
      if (step.flags === MS_MOVE && step.source === '.') {
        // The initramfs lies concealed below: from its root, "/.." is the root that covers it.
        return [
          { op: 'fchdir', handle: OLD_ROOT },
          { op: 'chroot', path: '.' },
          { op: 'chdir', path: '/' },
          { op: 'mount', source: '/..', target: newRootOf(plan, index), fstype: null, flags: MS_MOVE, data: null },
        ]
      }
      if (step.flags === MS_MOVE) return [{ op: 'mount', source: step.target, target: step.source, fstype: null, flags: MS_MOVE, data: null }]
      if ((step.flags & MS_BIND) !== 0) return [{ op: 'umount', target: step.target, flags: MNT_DETACH }]
      return []
    }
    case 'chdir':
      // Standing in the new root would keep it busy.
      return step.path === '/' ? [] : [{ op: 'chdir', path: '/' }]
    case 'mount-image':
      return [{ op: 'umount', target: step.target, flags: MNT_DETACH }]
    case 'chmod':
      return [{ ...step, mode: step.before, before: step.mode }]
    case 'set-read-only':
      return [{ ...step, readOnly: !step.readOnly }]
    case 'open-root':
      return [{ op: 'close', handle: step.handle }]
    default:
      return []
  }
}

/**
 * Steps that restore the state before `plan` when its first `completed` steps were done.
 * Empty past the point of no return: then nothing can be restored.
 */
export function planUndo(plan: Plan, completed: number): Step[] {
  if (completed > plan.pointOfNoReturn) return []
  // The bind trick, when it was part of the plan, ends with removing its staging directory: what comes before stays.
  const staged = plan.steps.findIndex((step) => step.op === 'rmdir' && step.path === STAGING)
  const first = staged < completed ? staged + 1 : 0
  const undo: Step[] = []
  for (let i = completed - 1; i >= first; i -= 1) undo.push(...invert(plan, i))
  return undo
}
