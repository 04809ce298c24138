// Plans a switch of root: chooses the engine, refuses what cannot work, and lists the steps.
//
// Pure. The two engines differ in a few steps only; everything else (private propagation, bind of a
// plain directory, mount points, carried mounts, console, deletion) is common, so it is one file.
// switch_root(8), pivot_root(2), mount(2); docs/architecture.md has the reasons.

import { MS_BIND, MS_MOVE, MS_REC } from '../abi/mount.ts'
import { isAbsoluteRoot, rootMount, topMountAt } from '../facts/mountinfo.ts'
import { mountPathPrefixes } from '../facts/mount-path.ts'
import { inRoot, isBelow } from '../facts/paths.ts'
import { carriedMounts, staging } from '../facts/carried.ts'
import { copySteps, decideKeep, heldPlace, keptSteps, OLD_ROOT, secretNotes } from './keep.ts'
import type { Engine } from './keep.ts'
import { prepareSteps, privateSteps } from './prepare.ts'
import { refuse } from './step.ts'
import type { ExecStep, PlanResult, Refusal, Step } from './step.ts'
import { INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import type { Keep, SwitchFacts, SwitchRequest } from '../facts/switch-types.ts'

const KEPT_AS: Readonly<Record<Keep, string>> = {
  full: `kept at ${ROOTFS_DIRECTORY}`, slim: `kept at ${ROOTFS_DIRECTORY} as its compressed copy`, none: 'deleted',
}

/** Modes of mount points that have to be made: proc and sysfs are read-only places. */
const TARGET_MODES: Readonly<Record<string, number>> = { '/proc': 0o555, '/sys': 0o555 }

function refusal(found: Refusal): PlanResult {
  return { plan: null, refusal: found }
}

/** Everything that makes a switch impossible whatever the engine, checked before the first step. */
function check(request: SwitchRequest, facts: SwitchFacts): PlanResult | null {
  const { newRoot } = request
  if (facts.uid !== 0) return refuse('no-permission', 'Cannot switch root: user id 0 is needed', 'run as root')
  if (request.requirePid1 && facts.pid !== 1) {
    return refuse('not-pid1', `Cannot switch root: this is process ${facts.pid}, not PID 1`, 'use exec, so that the command takes the place of PID 1')
  }
  if (rootMount(facts.mounts) === undefined) {
    return refuse('pivot-impossible', 'Cannot switch root: "/" is not a mount point, this process is in a chroot', 'run outside of the chroot')
  }
  if (!facts.newRoot.exists) return refuse('new-root-missing', `Cannot switch to '${newRoot}': it does not exist`, 'mount the root file system there first')
  if (!facts.newRoot.isDirectory) return refuse('new-root-not-directory', `Cannot switch to '${newRoot}': not a directory`, 'name the directory that the root file system is mounted on')
  if (facts.newRoot.isRoot) return refuse('new-root-is-root', `Cannot switch to '${newRoot}': it is the current root`, 'name the directory that the root file system is mounted on')
  if (facts.init.problem !== null) return refusal(facts.init.problem)
  return null
}

/** Where a carried mount point, or a path below it, lies in the new root. */
function placeOf(facts: SwitchFacts, path: string): string {
  const own = facts.places?.[path]
  if (own !== undefined) return own
  const [point, place] = Object.entries(facts.places ?? {}).find(([from]) => isBelow(path, from)) ?? []
  return point === undefined || place === undefined ? path : `${place}${path.slice(point.length)}`
}

/** The mount point steps; or the first one that cannot be made. */
function mountPointSteps(request: SwitchRequest, facts: SwitchFacts, newRoot: string, wanted: readonly string[]): { steps: Step[]; refusal: PlanResult | null } {
  const steps: Step[] = []
  const made = new Set<string>()
  const make = (point: string): void => {
    if (facts.targets[point] !== 'missing' || made.has(point)) return
    made.add(point)
    steps.push({ op: 'mkdir', path: inRoot(newRoot, placeOf(facts, point)), mode: TARGET_MODES[point] ?? 0o755 })
  }
  for (const point of wanted) {
    const state = facts.targets[point]
    const path = inRoot(request.newRoot, placeOf(facts, point))
    if (state === 'not-directory') {
      return { steps, refusal: refuse('mount-point-missing', `Cannot carry '${point}': '${path}' is not a directory`, `replace '${point}' in the root file system by a directory`) }
    }
    if (state !== 'missing') continue
    if (facts.newRoot.readOnly) {
      return { steps, refusal: refuse('mount-point-missing', `Cannot carry '${point}': '${path}' does not exist and the new root is read-only`, `make the directory '${point}' in the root file system, or boot with "rw"`) }
    }
    for (const path of mountPathPrefixes(point)) make(path)
  }
  return { steps, refusal: null }
}

/** Where the old root's mount point is made: on the carried /run, or on the new root's own. */
function rootfsBase(facts: SwitchFacts, carried: readonly string[], newRoot: string): { path: string; onNewRoot: boolean } {
  const onCarriedRun = carried.some((point) => isBelow(ROOTFS_DIRECTORY, point))
  return { path: inRoot(newRoot, placeOf(facts, ROOTFS_DIRECTORY)), onNewRoot: !onCarriedRun }
}

function chooseEngine(request: SwitchRequest, facts: SwitchFacts, canHoldOld: boolean): { engine: Engine; reason: string; notes: string[] } {
  const absolute = isAbsoluteRoot(facts.mounts)
  const without = 'started before the switch keep their old path: prepare at the start of /init to have them under /run/rootfs'
  if (request.engine === 'move') return { engine: 'move', reason: 'asked for', notes: [] }
  if (request.engine === 'pivot') {
    return { engine: 'pivot', reason: 'asked for', notes: absolute ? [`the absolute root is replaced by a bind of itself first; processes ${without}`] : [] }
  }
  if (absolute) return { engine: 'move', reason: 'this kernel cannot pivot away from the absolute root and no bind of it was prepared', notes: [] }
  if (!canHoldOld) return { engine: 'move', reason: `'${ROOTFS_DIRECTORY}' can neither be found nor made in the new root`, notes: [] }
  return { engine: 'pivot', reason: 'pivot_root can move this root', notes: [] }
}

function tail(request: SwitchRequest): Step[] {
  const steps: Step[] = []
  if (request.console !== null) steps.push({ op: 'reopen-console', path: request.console, optional: true })
  if (request.dropCapabilities.length > 0) steps.push({ op: 'drop-capabilities', numbers: request.dropCapabilities })
  return steps
}

function isSystemd(facts: SwitchFacts): boolean {
  return (facts.init.resolved ?? '').endsWith('/systemd')
}

/** Argv as the kernel builds it: the path as it was asked for, then the arguments. */
function execStep(request: SwitchRequest, facts: SwitchFacts): ExecStep {
  const systemd = request.timestamps && isSystemd(facts)
  return { op: 'exec', path: facts.init.path, argv: [request.argv0 ?? facts.init.path, ...request.initArgs], env: request.env, kind: systemd ? 'systemd' : 'plain' }
}

/**
 * Plans the switch that `request` asks for, or refuses.
 * The point of no return is the deletion of the old root; up to there `planUndo` restores what was.
 */
export function planSwitch(request: SwitchRequest, facts: SwitchFacts): PlanResult {
  const impossible = check(request, facts)
  if (impossible !== null) return impossible
  const staged = staging(facts.mounts, request.newRoot)
  const newRoot = staged ?? request.newRoot
  const carried = carriedMounts(facts.mounts, newRoot)
  const moved = carried.filter((m) => facts.targets[m.mountPoint] !== 'mount-same')
  const notes = carried
    .filter((m) => facts.targets[m.mountPoint] === 'mount-same')
    .map((m) => `'${m.mountPoint}' is mounted in the new root already, left as it is`)
  if (facts.init.problem === null) notes.push(...facts.init.passedOver)
  for (const m of moved) {
    if (facts.targets[m.mountPoint] === 'mount-other') notes.push(`'${m.mountPoint}' is carried on top of another mount in the new root`)
  }
  for (const m of facts.mounts) {
    if (m.mountPoint !== '/' && staged === null && m.mountPoint !== newRoot && isBelow(newRoot, m.mountPoint)) notes.push(`'${m.mountPoint}' holds the new root and is not carried`)
  }
  const base = rootfsBase(facts, carried.map((m) => m.mountPoint), newRoot)
  // Scripts differ in who moves /run: they, before they call, or we.
  const hasRun = !base.onNewRoot || topMountAt(facts.mounts, inRoot(newRoot, '/run')) !== undefined
  const held = facts.oldRootIsCopy ? null : heldPlace(facts, inRoot(newRoot, '/run'))
  const canHoldOld = !base.onNewRoot || facts.rootfsTarget === 'directory' || !facts.rootfsReadOnly
  const choice = chooseEngine(request, facts, canHoldOld)
  const { engine } = choice
  notes.push(...choice.notes)
  const decision = decideKeep(request, facts, engine, hasRun ? (held === null ? null : `'${held}' is mounted in its place`) : '/run is not carried')
  if (decision.refusal !== null) return decision.refusal
  const { keep } = decision
  notes.push(...decision.notes, ...secretNotes(facts))
  const staysWhole = keep === 'full' || (keep === 'slim' && facts.oldRootIsCopy)
  const needsRootfs = engine === 'pivot' || staysWhole
  if (needsRootfs && !canHoldOld) {
    return refuse('mount-point-missing', `Cannot keep the initramfs at '${ROOTFS_DIRECTORY}': the new root is read-only and has no such directory`, 'make the directory, boot with "rw", or use --engine move --keep none')
  }
  const points = mountPointSteps(request, facts, newRoot, moved.map((m) => m.mountPoint))
  if (points.refusal !== null) return points.refusal

  const steps: Step[] = [...privateSteps(facts.mounts)]
  if (engine === 'pivot' && isAbsoluteRoot(facts.mounts)) steps.push(...prepareSteps(facts.mounts))
  const isMount = topMountAt(facts.mounts, request.newRoot) !== undefined
  if (staged !== null) {
    steps.push({ op: 'mkdir', path: staged, mode: 0o755 }, { op: 'mount', source: request.newRoot, target: staged, fstype: null, flags: isMount ? MS_MOVE : MS_BIND | MS_REC, data: null })
  } else if (!isMount) {
    steps.push({ op: 'mount', source: newRoot, target: newRoot, fstype: null, flags: MS_BIND | MS_REC, data: null })
  }
  steps.push(...points.steps, ...copySteps(keep, facts, inRoot(base.onNewRoot ? newRoot : '/', INITRAMFS_DIRECTORY)))
  for (const m of moved) {
    steps.push({ op: 'mount', source: m.mountPoint, target: inRoot(newRoot, placeOf(facts, m.mountPoint)), fstype: null, flags: MS_MOVE, data: null })
  }
  if (needsRootfs) {
    if (base.onNewRoot && facts.rootfsTarget === 'missing') steps.push({ op: 'mkdir', path: inRoot(newRoot, '/run'), mode: 0o755 })
    steps.push({ op: 'mkdir', path: base.path, mode: 0o700 })
  }
  if (engine === 'move') {
    steps.push({ op: 'open-root', path: '/', handle: OLD_ROOT })
    if (staysWhole) steps.push({ op: 'mount', source: '/', target: base.path, fstype: null, flags: MS_BIND, data: null })
    steps.push(
      { op: 'chdir', path: newRoot },
      { op: 'mount', source: '.', target: '/', fstype: null, flags: MS_MOVE, data: null },
      { op: 'chroot', path: '.' },
      { op: 'chdir', path: '/' },
    )
    if (keep === 'full') notes.push('processes of the initramfs keep their old exe path: only pivot shows them under /run/rootfs')
  } else {
    steps.push({ op: 'chdir', path: newRoot }, { op: 'pivot_root', newRoot: '.', putOld: placeOf(facts, ROOTFS_DIRECTORY).slice(1) }, { op: 'chdir', path: '/' })
  }
  if (held !== null) notes.push(`'${held}' is mounted where the initramfs would be bound: systemd will not find it at shutdown`)
  const isWritable = held === null && (!base.onNewRoot || !facts.rootfsReadOnly)
  if (keep === 'full' && !isWritable && held === null) notes.push(`'${INITRAMFS_DIRECTORY}' cannot be made in the new root: systemd will not find the initramfs at shutdown`)
  steps.push(...keptSteps({ keep, engine, isWritable, systemd: isSystemd(facts) && isWritable && hasRun }, facts), ...tail(request))
  const deletion = steps.findIndex((step) => step.op === 'delete-contents')
  return {
    plan: {
      name: engine,
      reason: `${choice.reason}; the initramfs is ${KEPT_AS[keep]}`,
      steps,
      pointOfNoReturn: deletion < 0 ? steps.length : deletion,
      exec: execStep(request, facts),
      keep,
      notes,
    },
    refusal: null,
  }
}
