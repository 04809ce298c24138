// planReplace: how a mount is replaced so that no reader sees what lies below it, nor an error.
//
// Pure. The new tree is made complete where nobody sees it, goes beneath the old mount in one system call, and the old
// one is lifted: every lookup ends in the one or the other.  move_mount(2), docs/replace.md

import { MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_SHARED } from '../abi/mount.ts'
import type { Refusal } from '../facts/refusal.ts'
import { recordName } from '../facts/replace/record.ts'
import { REPLACE_DIRECTORY } from '../facts/replace/replace-types.ts'
import type { PathFacts, ReplaceFacts, ReplaceRequest } from '../facts/replace/replace-types.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { inRoot } from '../facts/paths.ts'
import { fsSettings, lostRestrictions } from './replace-options.ts'
import { refusalFor } from './replace-refusals.ts'
import type { Place, ReplacePlan, ReplacePlanResult, ReplaceStep } from './replace-step.ts'

interface Context {
  readonly request: ReplaceRequest
  readonly facts: ReplaceFacts
  readonly old: Mount
  readonly target: string
}

/** Steps that make one path a tree of its own, as `handle`. */
function opened(facts: PathFacts, request: ReplaceRequest, handle: string, recursive: boolean, options: string): ReplaceStep[] {
  const fstype = request.fstype ?? facts.fstype
  if ((facts.kind === 'image' || (facts.kind === 'file' && request.fstype !== null)) && fstype !== null) return [{ op: 'make-image-fs', fstype, file: facts.path, settings: fsSettings(options, true), handle }]
  if (facts.kind === 'device' && fstype !== null) return [{ op: 'make-fs', fstype, source: facts.path, settings: fsSettings(options, false), handle }]
  return [{ op: 'clone', path: facts.path, recursive, handle }]
}

/** Where the layers' base is, and whether the old mount is kept as one. */
function baseOf({ request, facts, old, target }: Context): { readonly path: string; readonly keep: boolean; readonly kept: string | null } {
  if (facts.base !== null) return { path: facts.base.path, keep: request.keepForRollback, kept: null }
  const { record } = facts
  const isOurs = record !== null && record.layers && record.state === 'done' && record.newDev === `${old.major}:${old.minor}`
  if (isOurs && record.kept !== null) return { path: record.kept, keep: false, kept: record.kept }
  return { path: target, keep: true, kept: null }
}

/** Steps that make the new tree, without submounts, as handle 'new'. */
function made(context: Context, stage: boolean): ReplaceStep[] {
  const { request, facts, target } = context
  const { source } = request
  const readOnly = fsSettings(request.options, false).attributes
  if (source.kind === 'type') return [{ op: 'make-fs', fstype: source.fstype, source: source.source, settings: fsSettings(request.options, false), handle: 'new' }]
  if (source.kind === 'path') {
    const [one] = facts.sources
    const steps = one === undefined ? [] : opened(one, request, 'new', source.recursive, request.options)
    const isClone = steps[0]?.op === 'clone'
    return [...steps, { op: 'set-attributes', handle: 'new', set: isClone ? readOnly : 0, propagation: MS_PRIVATE, recursive: true }]
  }
  const layers = facts.sources.flatMap((one, i) => opened(one, request, `layer${i}`, false, 'ro'))
  const base: ReplaceStep[] = facts.base === null ? [{ op: 'clone', path: baseOf(context).path, recursive: false, handle: 'base' }] : opened(facts.base, request, 'base', false, 'ro')
  const names = [...facts.sources.map((_, i) => `layer${i}`), 'base']
  const attach = names.flatMap((handle): ReplaceStep[] => [
    { op: 'make-place', path: `${REPLACE_DIRECTORY}/${handle}`, isDirectory: true },
    { op: 'attach', handle, on: null, at: `${REPLACE_DIRECTORY}/${handle}` },
  ])
  return [
    ...layers, ...base,
    ...names.map((handle): ReplaceStep => ({ op: 'set-attributes', handle, set: 0, propagation: MS_PRIVATE, recursive: false })),
    ...(stage ? [{ op: 'enter-staging', path: REPLACE_DIRECTORY } as const, ...attach] : []),
    { op: 'make-overlay', layers: names, inside: target, settings: fsSettings(request.options, false), handle: 'new' },
  ]
}

/** Steps that put the submounts into the tree 'new'. */
function carried({ request, facts }: Context): ReplaceStep[] {
  if (request.submounts === 'drop' || facts.submounts.length === 0) return []
  const places = facts.submounts.map((one): Place => ({ path: one.place, isDirectory: one.isDirectory }))
  return [
    ...(request.makeMountPoints ? [{ op: 'make-places', handle: 'new', places } as const] : []),
    { op: 'check-places', handle: 'new', places },
    ...facts.submounts.map((one, i): ReplaceStep => ({ op: 'attach', handle: `sub${i}`, on: 'new', at: one.place })),
  ]
}

/** The whole new tree, and the handle that holds it. */
function tree(context: Context, inPlace: boolean): { readonly steps: ReplaceStep[]; readonly handle: string } {
  const { request, facts, target } = context
  const carries = request.submounts === 'carry' && facts.submounts.length > 0
  const stagesLayers = !facts.canMountDetached && request.source.kind === 'layers'
  const stage = stagesLayers || (!facts.canMountDetached && (carries || request.keepOld) && !inPlace)
  const clones = !carries ? [] : facts.submounts.flatMap((one, i): ReplaceStep[] => [
    { op: 'clone', path: inRoot(target, `/${one.place}`), recursive: true, handle: `sub${i}` },
    // A mount on a peer of its parent is unmounted with the old one: these must be no peers. The old "/" tells nobody.
    ...(one.hasMounts && !inPlace ? [{ op: 'set-attributes', handle: `sub${i}`, set: 0, propagation: MS_PRIVATE, recursive: true } as const] : []),
    ...(one.hasMounts && !inPlace && (one.mount.optional.shared !== undefined || request.keepOld) ? [{ op: 'set-attributes', handle: `sub${i}`, set: 0, propagation: MS_SHARED, recursive: true } as const] : []),
  ])
  const isShared = context.old.optional.shared !== undefined || request.keepOld
  const shared: ReplaceStep[] = !isShared || inPlace ? [] : [{ op: 'set-attributes', handle: 'new', set: 0, propagation: MS_SHARED, recursive: false }]
  const attach: ReplaceStep[] = [
    { op: 'make-place', path: `${REPLACE_DIRECTORY}/new`, isDirectory: facts.target.kind === 'directory' },
    { op: 'attach', handle: 'new', on: null, at: `${REPLACE_DIRECTORY}/new` },
  ]
  const body = made(context, stagesLayers)
  // While it is attached, or kernels before 6.15 refuse it.
  const peer: ReplaceStep[] = request.keepOld ? [{ op: 'clone-handle', from: 'new', recursive: true, handle: 'peer' }] : []
  const end: ReplaceStep[] = [{ op: 'clone-handle', from: 'new', recursive: true, handle: 'whole' }, { op: 'leave-staging' }]
  const enter: ReplaceStep[] = stage && !stagesLayers ? [{ op: 'enter-staging', path: REPLACE_DIRECTORY }] : []
  const subs = inPlace ? [] : carried(context)
  return {
    steps: [...clones, ...body, ...enter, ...(stage ? attach : []), ...shared, ...subs, ...peer, ...(stage ? end : [])],
    handle: stage ? 'whole' : 'new',
  }
}

/** What is kept of the old mount and written down. */
function remembered(context: Context, handle: string): { readonly before: ReplaceStep[]; readonly after: ReplaceStep[] } {
  const { request, facts, old, target } = context
  const layers = request.source.kind === 'layers'
  const base = layers ? baseOf(context) : { keep: request.keepForRollback, kept: null }
  const former = facts.record?.kept ?? null
  const path = `${REPLACE_DIRECTORY}/${recordName(target)}`
  const fresh = former === `${path}.kept` ? `${path}.kept2` : `${path}.kept`
  const kept = base.keep ? fresh : base.kept
  const keep: ReplaceStep[] = !base.keep ? [] : [
    { op: 'private-directory', path: REPLACE_DIRECTORY, isMount: facts.directoryIsMount },
    { op: 'clone', path: target, recursive: false, handle: 'kept' },
    { op: 'set-attributes', handle: 'kept', set: 0, propagation: MS_PRIVATE, recursive: false },
    { op: 'make-place', path: fresh, isDirectory: facts.target.kind === 'directory' },
    { op: 'attach', handle: 'kept', on: null, at: fresh },
  ]
  const peer = !request.keepOld ? null : facts.record?.peer === `${path}.new` ? `${path}.new2` : `${path}.new`
  const reach: ReplaceStep[] = peer === null ? [] : [
    ...(base.keep ? [] : [{ op: 'private-directory', path: REPLACE_DIRECTORY, isMount: facts.directoryIsMount } as const]),
    { op: 'make-place', path: peer, isDirectory: facts.target.kind === 'directory' },
    { op: 'attach', handle: 'peer', on: null, at: peer },
  ]
  const record = {
    target, state: request.keepOld ? 'pending' : 'done', source: sourceText(request), oldDev: `${old.major}:${old.minor}`, newDev: '',
    kept, layers: layers && kept !== null, peer,
  } as const
  const formerPeer = facts.record?.peer ?? null
  const drop = [former === kept ? null : former, formerPeer].flatMap((place): ReplaceStep[] => (place === null ? [] : [{ op: 'drop-kept', path: place }]))
  if (kept === null && !request.keepOld) return { before: [], after: [...(facts.record === null ? [] : [{ op: 'remove-record', path: `${path}.json` } as const]), ...drop] }
  return { before: [...keep, ...reach, { op: 'write-record', path: `${path}.json`, record, handle }], after: drop }
}

/** What is put there, in words. */
export function sourceText({ source }: ReplaceRequest): string {
  if (source.kind === 'path') return source.path
  return source.kind === 'type' ? source.fstype : `layers ${source.layers.join(' ')}`
}

function notesOf({ request, facts, old }: Context, windowed: boolean): string[] {
  const notes: string[] = []
  const [first] = facts.sources
  const isClone = request.source.kind === 'path' && (first?.kind === 'directory' || first?.kind === 'file')
  const isReadOnly = request.source.kind === 'layers' || first?.kind === 'image' || first?.fstype === 'squashfs' || first?.fstype === 'erofs'
  const lost = isClone ? [] : lostRestrictions(old.options, fsSettings(request.options, isReadOnly).attributes | (isReadOnly ? MOUNT_ATTR_RDONLY : 0))
  if (lost.length > 0) notes.push(`the old mount was ${lost.join(',')}, the new one is not: --options ${lost.join(',')}`)
  if (request.submounts === 'drop' && facts.submounts.length > 0) notes.push(`lost with the old mount: ${facts.submounts.map((one) => one.mount.mountPoint).join(', ')}`)
  if (windowed) notes.push('between the unmount and the mount readers see what lies below, or get errors')
  if (request.keepOld) notes.push('the old mount stays on top until `fulcrum replace --finish` lifts it')
  return notes
}

function planBeneath(context: Context): ReplacePlan {
  const { request, old, target } = context
  const { steps, handle } = tree(context, false)
  const { before, after } = remembered(context, handle)
  return {
    name: 'beneath', target,
    reason: 'the kernel mounts beneath: every lookup finds the old or the new one',
    steps: [
      { op: 'open-old', path: target, mountId: old.id, handle: 'old' }, ...steps, ...before,
      { op: 'mount-beneath', handle, target },
      { op: 'check-beneath', old: 'old', handle },
      ...(request.keepOld ? [] : [{ op: 'lift', handle: 'old', target } as const]),
      ...after,
    ],
    notes: notesOf(context, false),
  }
}

function planWindow(context: Context, why: Refusal): ReplacePlan {
  const { old, target } = context
  const { steps, handle } = tree(context, false)
  const { before, after } = remembered(context, handle)
  return {
    name: 'window', target,
    reason: `${why.detail}; a window was allowed`,
    steps: [
      { op: 'open-old', path: target, mountId: old.id, handle: 'old' }, ...steps, ...before,
      { op: 'clone', path: target, recursive: true, handle: 'backup' },
      { op: 'set-attributes', handle: 'backup', set: 0, propagation: MS_PRIVATE, recursive: true },
      { op: 'unmount', target, backup: 'backup' },
      { op: 'attach', handle, on: null, at: target },
      ...after,
    ],
    notes: notesOf(context, true),
  }
}

/** "/" cannot be lifted off by a flag that moves only the caller: pivot_root(2) moves every process that has it as root. */
function planRoot(context: Context): ReplacePlan {
  const { facts, old } = context
  const { steps, handle } = tree(context, true)
  const at = `${REPLACE_DIRECTORY}/root`
  const subs = carried(context).map((step): ReplaceStep => (step.op === 'attach' ? { ...step, on: handle } : 'handle' in step && step.handle === 'new' ? { ...step, handle } : step))
  return {
    name: 'root', target: '/',
    reason: 'pivot_root moves every process of this namespace whose root is "/"',
    steps: [
      { op: 'open-old', path: '/', mountId: old.id, handle: 'old' }, ...steps,
      { op: 'private-directory', path: REPLACE_DIRECTORY, isMount: facts.directoryIsMount },
      { op: 'make-place', path: at, isDirectory: true },
      { op: 'attach', handle, on: null, at },
      ...subs,
      { op: 'pivot', handle, old: 'old' },
      { op: 'lift-root', old: 'old', handle, directory: facts.directoryIsMount ? null : REPLACE_DIRECTORY, shared: old.optional.shared !== undefined },
    ],
    notes: [...notesOf(context, false), 'processes in other mount namespaces, and those in a chroot, keep their root', 'once pivoted, this cannot be taken back'],
  }
}

/** Plans a replacement, or says why not. */
export function planReplace(request: ReplaceRequest, facts: ReplaceFacts): ReplacePlanResult {
  const { hard, window } = refusalFor(request, facts)
  if (hard !== null) return { plan: null, refusal: hard }
  const { old } = facts
  if (old === null) throw new Error('Cannot happen: no mount and no refusal')
  const context: Context = { request, facts, old, target: facts.target.path }
  if (context.target === '/') return { plan: planRoot(context), refusal: null }
  if (window === null) return { plan: planBeneath(context), refusal: null }
  return request.allowWindow ? { plan: planWindow(context, window), refusal: null } : { plan: null, refusal: window }
}
