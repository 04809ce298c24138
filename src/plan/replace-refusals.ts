// Why a mount will not be replaced: what is missing, and what this kernel or this place does not allow.
//
// Pure. A refusal of the second kind can be lived with (--allow-window). The conditions are those of the kernel's
// can_move_mount_beneath(), found by experiment: docs/replace.md.

import type { Refusal, RefusalReason } from '../facts/refusal.ts'
import type { PathFacts, ReplaceFacts, ReplaceRequest } from '../facts/replace/replace-types.ts'

const no = (reason: RefusalReason, detail: string, remedy: string): Refusal => ({ reason, detail, remedy })

function sourceProblem(request: ReplaceRequest, one: PathFacts, targetIsDirectory: boolean): Refusal | null {
  const fstype = request.fstype ?? one.fstype
  if (one.kind === 'missing') return no('source-unusable', `Cannot use '${one.name}': it does not exist`, 'name a directory, an image or a block device')
  if (one.kind === 'other') return no('source-unusable', `Cannot use '${one.name}': it is no directory, file or block device`, 'name a directory, an image or a block device')
  if (one.damaged !== null && one.kind !== 'file') return no('source-unusable', `Cannot use '${one.name}': ${one.damaged}`, 'repair it, or name another')
  if (one.kind === 'device' && fstype === null) {
    return no('source-unusable', `Cannot use '${one.name}': no file system is recognised on it`, 'look whether it is the right device (fulcrum blk); --type names a file system type')
  }
  const isDirectory = one.kind !== 'file' || request.fstype !== null
  if (isDirectory === targetIsDirectory) return null
  if (targetIsDirectory) return no('source-unusable', `Cannot use '${one.name}': no file system is recognised in the file`, 'name an image of squashfs, erofs, ext4 or another file system, or a directory')
  return no('kind-mismatch', `Cannot put '${one.name}' on '${request.target}': a file is mounted there`, 'name a file')
}

/** What the kernel or the place does not allow, or null. */
function placeProblem({ target, target: { path }, old, parent, ...facts }: ReplaceFacts): Refusal | null {
  const remedy = '--allow-window unmounts and mounts instead: for a moment what lies below is seen'
  const detail = `Cannot mount beneath '${path}'`
  if (!facts.canBeneath) return no('beneath-impossible', `${detail}: this kernel does not know how (MOVE_MOUNT_BENEATH came with Linux 6.5)`, remedy)
  if (old === null || parent === null) return no('beneath-impossible', `${detail}: what '${target.name}' is mounted on is not in sight (a chroot)`, `run it outside of the chroot; ${remedy}`)
  if (facts.root === 'absolute' && parent.id === facts.rootId) {
    return no('beneath-impossible', `${detail}: it lies directly on the initramfs, where kernels before 7.0 refuse it`, `replace it after the switch of root; ${remedy}`)
  }
  const { shared } = parent.optional
  if (shared !== undefined && (old.optional.shared === shared || old.optional.master === shared)) {
    return no('beneath-impossible', `${detail}: it is a bind of what it lies on and hears of its mounts`, `mount --make-private ${path}; or ${remedy}`)
  }
  return null
}

function rootProblem(request: ReplaceRequest, { root }: ReplaceFacts): Refusal | null {
  if (root === 'absolute') return no('pivot-impossible', `Cannot replace '/': it is the initramfs, which kernels before 7.0 do not let go of`, 'switch root (fulcrum switch)')
  if (root === 'no-mount') return no('pivot-impossible', `Cannot replace '/': it is a directory of another mount (a chroot)`, 'run it outside of the chroot')
  if (request.keepOld || request.keepForRollback || request.source.kind === 'layers') {
    return no('pivot-impossible', `Cannot keep the old '/': nothing of it stays mounted`, 'leave --keep-old, --keep-for-rollback and --layer away')
  }
  return null
}

/** `hard` forbids it; `window` forbids doing it without a window. Both null: go. */
export function refusalFor(request: ReplaceRequest, facts: ReplaceFacts): { readonly hard: Refusal | null; readonly window: Refusal | null } {
  const { target, old } = facts
  const hard = (refusal: Refusal | null): { hard: Refusal | null; window: null } => ({ hard: refusal, window: null })
  if (facts.uid !== 0) return hard(no('no-permission', `Cannot replace '${request.target}': root is needed`, 'run as root'))
  if (target.kind === 'missing') return hard(no('target-missing', `Cannot replace '${request.target}': it does not exist`, 'name a mount point'))
  if (old === null && target.path === '/') return hard(rootProblem(request, { ...facts, root: 'no-mount' }))
  if (old === null) {
    const remedy = `make it one first, in all namespaces that receive mounts: mount --bind ${target.path} ${target.path} && mount --make-private ${target.path}`
    return hard(no('not-mount-point', `Cannot replace '${target.path}': it is not a mount point`, remedy))
  }
  const isDirectory = target.kind === 'directory'
  if (request.source.kind !== 'path' && !isDirectory) return hard(no('kind-mismatch', `Cannot put a file system on '${target.path}': a file is mounted there`, 'name a file'))
  const all = facts.base === null ? facts.sources : [...facts.sources, facts.base]
  const bad = all.map((one) => sourceProblem(request, one, isDirectory)).find((one) => one !== null)
  if (bad !== undefined) return hard(bad)
  if (target.path === '/') return hard(rootProblem(request, facts))
  const window = placeProblem(facts)
  if (window !== null && request.allowWindow && request.keepOld) {
    return hard(no('beneath-impossible', window.detail, 'leave --keep-old away: with a window the old one cannot stay on top'))
  }
  return { hard: null, window }
}
