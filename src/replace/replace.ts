// replaceMount: the library call behind `fulcrum replace`: facts, plan, execution, and a look at what it did elsewhere.
//
// Also what comes later: lifting the old mount (--finish), and taking a replacement back (--rollback).  docs/replace.md

import { MNT_DETACH } from '../abi/mount.ts'
import { O_PATH, S_IFDIR, S_IFMT } from '../abi/process.ts'
import type { Trace } from '../execute/trace.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Namespaces } from '../facts/mounts/namespaces.ts'
import type { Refusal } from '../facts/refusal.ts'
import { isSeenElsewhere, judgeNamespaces } from '../facts/replace/judge-namespaces.ts'
import type { MountedThing, PlaceVerdict } from '../facts/replace/judge-namespaces.ts'
import { readRecord, readReplaceFacts } from '../facts/replace/read-replace-facts.ts'
import type { ReplaceRequest } from '../facts/replace/replace-types.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { readNamespaces } from '../mounts/read-namespaces.ts'
import { planReplace } from '../plan/replace.ts'
import type { ReplacePlan } from '../plan/replace-step.ts'
import { executeReplace, ReplaceError } from './execute-replace.ts'
import { forgetReplacement, recordFinished, tidyDirectory } from './kept.ts'
import { ReplaceRefused } from './places.ts'
import { withReplaceLock } from './lock.ts'
import { mountIdOf, takeBack } from './take-back.ts'
import { withStage } from './staging.ts'

/** What was done, and who sees it. */
export interface ReplaceReport {
  readonly target: string
  readonly action: 'replaced' | 'pending' | 'finished' | 'rolled-back'
  /** Done with a window (--allow-window). */
  readonly window: boolean
  readonly old: MountWords
  readonly new: MountWords
  readonly places: readonly PlaceVerdict[]
  /** Processes whose namespace may not be looked at. */
  readonly unknownProcesses: number
  readonly notes: readonly string[]
}

/** A mount for people. */
export type MountWords = Pick<Mount, 'fstype' | 'source' | 'root'>

export type ReplaceOutcome = { readonly report: ReplaceReport; readonly refusal: null } | { readonly report: null; readonly refusal: Refusal }

const refuse = (reason: Refusal['reason'], detail: string, remedy: string): ReplaceOutcome => ({ report: null, refusal: { reason, detail, remedy } })
const words = ({ fstype, source, root }: Mount): MountWords => ({ fstype, source, root })
interface Swap {
  readonly target: string
  readonly old: MountedThing & MountWords
  readonly fresh: MountedThing & MountWords
  readonly before: Namespaces
}

function report(kernel: Kernel, swap: Swap, rest: Pick<ReplaceReport, 'action' | 'window' | 'notes'>): ReplaceOutcome {
  const after = readNamespaces(kernel)
  const places = judgeNamespaces({ target: swap.target, old: swap.old, new: swap.fresh, before: swap.before, after, keepsOld: rest.action === 'pending' })
  const cut = ({ fstype, source, root }: MountWords): MountWords => ({ fstype, source, root })
  return { report: { target: swap.target, old: cut(swap.old), new: cut(swap.fresh), places, unknownProcesses: after.unknown, ...rest }, refusal: null }
}

/** Plans only: for --dry-run. */
export function planOnly(kernel: Kernel, request: ReplaceRequest): { readonly plan: ReplacePlan | null; readonly refusal: Refusal | null } {
  return planReplace(request, readReplaceFacts(kernel, request))
}

/**
 * Replaces a mount. Throws ReplaceError when a step fails, with everything as it was; refuses before anything is done.
 * `say` hears the plan's notes before the first step.
 */
export function replaceMount(kernel: Kernel, request: ReplaceRequest, trace: Trace, say: (plan: ReplacePlan) => void = () => {}): ReplaceOutcome {
  return withReplaceLock(kernel, () => replaceLocked(kernel, request, trace, say))
}

function replaceLocked(kernel: Kernel, request: ReplaceRequest, trace: Trace, say: (plan: ReplacePlan) => void = () => {}): ReplaceOutcome {
  const facts = readReplaceFacts(kernel, request)
  const { plan, refusal } = planReplace(request, facts)
  if (plan === null) return { report: null, refusal }
  if (facts.old === null) throw new Error('Cannot happen: a plan without a mount')
  const before = readNamespaces(kernel)
  say(plan)
  let id: number
  try {
    id = executeReplace(kernel, plan, trace)
  } catch (error) {
    const refusal = lateRefusal(error)
    if (refusal === null) throw error
    return { report: null, refusal }
  }
  tidyDirectory(kernel)
  const fresh = readOwnMounts(kernel).find((m) => m.id === id)
  if (fresh === undefined) throw new Error(`Cannot find the new mount on '${plan.target}': it was unmounted meanwhile`)
  return report(kernel, { target: plan.target, old: facts.old, fresh, before }, { action: request.keepOld ? 'pending' : 'replaced', window: plan.name === 'window', notes: plan.notes })
}

/** What only the attempt could show, when everything is as it was. */
function lateRefusal(error: unknown): Refusal | null {
  if (!(error instanceof ReplaceError) || error.left.length > 0) return null
  if (error.cause instanceof ReplaceRefused) return error.cause.refusal
  if (error.plan.steps[error.index]?.op !== 'mount-beneath' || !isErrno(error.cause, 'EINVAL')) return null
  const remedy = 'mounts of a user namespace are replaced where they were made, or since Linux 7.1; fulcrum mounts shows what is there'
  return { reason: 'beneath-impossible', detail: `Cannot mount beneath '${error.plan.target}': the kernel refuses it (EINVAL), as for a mount that a user namespace has locked`, remedy }
}

interface Pending {
  readonly path: string
  readonly top: Mount
  readonly lower: Mount
}

/**
 * A pending replacement at a path: the mount on top is the older one, which only a mount beneath makes; or the record
 * says so.
 */
function findPending(kernel: Kernel, target: string): Pending | null {
  const path = attempt(() => kernel.realpath(target))
  if (path === null) return null
  const mounts = readOwnMounts(kernel)
  const top = topMountAt(mounts, path)
  const lower = mounts.find((m) => m.id === top?.parentId && m.id !== top.id)
  if (top === undefined || lower === undefined || lower.mountPoint !== path) return null
  const record = readRecord(kernel, path)
  const isRecorded = record?.state === 'pending' && record.newDev === `${lower.major}:${lower.minor}`
  return isRecorded || isYounger(kernel, path, lower.id) ? { path, top, lower } : null
}

/** Whether the mount below was made after the one on top. Unique ids grow; since Linux 6.8. */
function isYounger(kernel: Kernel, path: string, lowerId: number): boolean {
  const found = attempt(() => {
    const top = kernel.statmountDetails(kernel.uniqueMountId(path))
    const below = kernel.statmountDetails(top.parentId)
    return below.oldId === lowerId && below.id > top.id
  })
  return found === true
}

function nothingPending(target: string, reason: 'nothing-to-finish' | 'nothing-to-roll-back'): ReplaceOutcome {
  return refuse(reason, `Cannot ${reason === 'nothing-to-finish' ? 'finish' : 'roll back'} '${target}': no replacement waits beneath it${reason === 'nothing-to-finish' ? '' : ', and no old mount was kept'}`, 'fulcrum mounts shows what is mounted there')
}

/** Lifts the old mount of a replacement with --keep-old, in this namespace and those that receive its mounts. */
export function finishReplace(kernel: Kernel, target: string): ReplaceOutcome {
  if (kernel.getuid() !== 0) return refuse('no-permission', `Cannot finish '${target}': root is needed`, 'run as root')
  return withReplaceLock(kernel, () => finishLocked(kernel, target))
}

function finishLocked(kernel: Kernel, target: string): ReplaceOutcome {
  const pending = findPending(kernel, target)
  if (pending === null) return nothingPending(target, 'nothing-to-finish')
  const { path, top, lower } = pending
  const before = readNamespaces(kernel)
  const fd = kernel.open(path, O_PATH)
  try {
    if (mountIdOf(kernel, fd) !== top.id) throw new Error(`Cannot finish '${target}': another mount came on top meanwhile; try again`)
    kernel.umount2(`/proc/self/fd/${fd}`, MNT_DETACH)
  } finally {
    kernel.close(fd)
  }
  recordFinished(kernel, path)
  const { target: at, ...rest } = { target: path, old: top, fresh: lower, before }
  return report(kernel, { target: at, ...rest }, { action: 'finished', window: false, notes: [] })
}

const AGAIN: Omit<ReplaceRequest, 'source' | 'target'> = { fstype: null, options: '', submounts: 'carry', makeMountPoints: false, keepOld: false, keepForRollback: false, allowWindow: false }

/** Takes the last replacement of a mount back: one that is pending, or one whose old mount was kept. */
export function rollBackReplace(kernel: Kernel, target: string, trace: Trace): ReplaceOutcome {
  if (kernel.getuid() !== 0) return refuse('no-permission', `Cannot roll back '${target}': root is needed`, 'run as root')
  return withReplaceLock(kernel, () => rollBackLocked(kernel, target, trace))
}

function rollBackLocked(kernel: Kernel, target: string, trace: Trace): ReplaceOutcome {
  const pending = findPending(kernel, target)
  if (pending !== null) return rollBackPending(kernel, pending, trace)
  const path = attempt(() => kernel.realpath(target)) ?? target
  const kept = readRecord(kernel, path)?.kept ?? null
  if (kept === null || topMountAt(readOwnMounts(kernel), kept) === undefined) return nothingPending(target, 'nothing-to-roll-back')
  const outcome = replaceLocked(kernel, { ...AGAIN, source: { kind: 'path', path: kept, recursive: false }, target: path }, trace)
  if (outcome.report === null) return outcome
  forgetReplacement(kernel, path)
  return { report: { ...outcome.report, action: 'rolled-back' }, refusal: null }
}

/** The kept peer of the new mount, if it still is one. */
function openPeer(kernel: Kernel, path: string, lower: Mount): Fd | null {
  const place = readRecord(kernel, path)?.peer ?? null
  const mount = place === null ? undefined : topMountAt(readOwnMounts(kernel), place)
  if (place === null || mount?.optional.shared === undefined || mount.optional.shared !== lower.optional.shared) return null
  return kernel.open(place, O_PATH)
}

function rollBackPending(kernel: Kernel, { path, top, lower }: Pending, trace: Trace): ReplaceOutcome {
  const before = readNamespaces(kernel)
  const isSeen = isSeenElsewhere(before, lower)
  const submounts = readOwnMounts(kernel).some((m) => m.parentId === lower.id && m.id !== top.id)
  const peer = openPeer(kernel, path, lower)
  if (!isSeen && (!submounts || peer !== null)) {
    const isDirectory = (kernel.stat(path).mode & S_IFMT) === S_IFDIR
    try {
      withStage(kernel, (stage) => takeBack(kernel, { target: path, mountId: lower.id, isDirectory, fd: peer, stage }))
    } finally {
      if (peer !== null) kernel.close(peer)
    }
    forgetReplacement(kernel, path)
    return report(kernel, { target: path, old: lower, fresh: top, before }, { action: 'rolled-back', window: false, notes: [] })
  }
  if (peer !== null) kernel.close(peer)
  // Somebody has lifted the old one already, or mounts lie on the new one: a clone of the old one goes over it.
  const outcome = replaceLocked(kernel, { ...AGAIN, source: { kind: 'path', path, recursive: false }, target: path }, trace)
  if (outcome.report === null) return outcome
  forgetReplacement(kernel, path)
  const note = `the rejected mount stays hidden below, as mount ${lower.id}, until '${path}' is unmounted`
  return { report: { ...outcome.report, action: 'rolled-back', notes: [...outcome.report.notes, note] }, refusal: null }
}
