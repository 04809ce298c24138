// How the initramfs stays: decided here, and the steps that make it so. By root only, read-only, known to systemd.
//
// Pure. Kept in full it is the old root at /run/rootfs, bound to /run/initramfs, which is where systemd-shutdown looks
// for /shutdown and what it leaves alone while it unmounts. Slim, a compressed copy is mounted there instead and the
// rest is deleted as with 'none': the copy's file too, since the loop device holds it.
// docs/keep.md; systemd-shutdown(8), systemd.mount(5), systemd.unit(5).

import { MNT_DETACH, MS_BIND } from '../abi/mount.ts'
import { INITRAMFS_DIRECTORY, KEPT_IMAGE, ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import type { Keep, SwitchFacts, SwitchRequest } from '../facts/switch-types.ts'
import { isBelow } from '../facts/paths.ts'
import { refuse } from './step.ts'
import type { Plan, PlanResult, Step } from './step.ts'

/** Only root may look into the kept initramfs. */
const KEPT_MODE = 0o700

function dropIn(unit: string, text: string): Step {
  return { op: 'write-file', path: `/run/systemd/system/${unit}.d/50-fulcrum.conf`, text }
}

const HAS_SHUTDOWN = `# ${INITRAMFS_DIRECTORY} is the kept initramfs: there is nothing to unpack.\n[Unit]\nConditionPathExists=!${INITRAMFS_DIRECTORY}/shutdown\n`

/**
 * systemd shares all mounts when it starts, and every service with a file system of its own would get a copy of
 * these. It makes such a file system by a recursive bind of "/" (since version 254), which passes over what is
 * unbindable. Early, but only before what runs on: the copy of a short-lived service goes with it.
 */
const HIDE = `[Unit]
Description=Keep the initramfs out of the mount namespaces of services
DefaultDependencies=no
Before=sysinit.target systemd-udevd.service systemd-networkd.service systemd-resolved.service systemd-timesyncd.service systemd-userdbd.service systemd-oomd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/bin/sh -c 'mount --make-unbindable ${ROOTFS_DIRECTORY}; mount --make-unbindable ${INITRAMFS_DIRECTORY}'
`

/**
 * systemd makes a mount unit of what it finds at /run/rootfs and would try in vain to unmount it at shutdown: a
 * process of the initramfs may still live there. The services of dracut and mkinitcpio would unpack an initramfs.
 */
const SYSTEMD_DROP_INS: readonly Step[] = [
  dropIn('run-rootfs.mount', '# The kept initramfs: in use until the machine is off.\n[Unit]\nDefaultDependencies=no\n'),
  dropIn('dracut-shutdown.service', HAS_SHUTDOWN),
  dropIn('mkinitcpio-generate-shutdown-ramfs.service', HAS_SHUTDOWN),
  { op: 'write-file', path: '/run/systemd/system/fulcrum-hide.service', text: HIDE },
  dropIn('sysinit.target', '[Unit]\nWants=fulcrum-hide.service\n'),
]

/** Handle of the old root in plans that wipe or delete it, or can come back to it. */
export const OLD_ROOT = 'old_root'

export type Engine = 'move' | 'pivot'

/** "/" is an initramfs in memory, so that it may be changed and deleted. */
function isInitramfs(facts: SwitchFacts): boolean {
  return facts.oldRootIsMemory && facts.oldRootIsInitramfs
}

/** How the initramfs will be kept, or why that cannot be. `runProblem`: why the new root's /run is no place for a copy, or null. */
export function decideKeep(request: SwitchRequest, facts: SwitchFacts, engine: Engine, runProblem: string | null): { readonly keep: Keep; readonly notes: readonly string[]; readonly refusal: PlanResult | null } {
  const as = (keep: Keep, ...notes: string[]): ReturnType<typeof decideKeep> => ({ keep, notes, refusal: null })
  if (facts.oldRootIsCopy) return request.keep === 'none' ? as('slim', 'the compressed copy of the initramfs stays: it cannot be deleted') : as('slim')
  const fallback: Keep = engine === 'pivot' || !isInitramfs(facts) || facts.newRoot.sameDevice ? 'full' : 'none'
  const keep = request.keep ?? fallback
  if (keep === 'slim') {
    const problem = facts.slimProblem ?? (!isInitramfs(facts) ? '"/" is not an initramfs' : facts.newRoot.sameDevice ? 'the new root is in it' : runProblem)
    return problem === null ? as('slim') : as('full', `Cannot keep the initramfs as its compressed copy: ${problem}; keeping all of it`)
  }
  if (keep === 'none' && !isInitramfs(facts)) {
    return { ...as(keep), refusal: refuse('not-initramfs', 'Cannot delete the old root: "/" is not an initramfs (ramfs or tmpfs with /init)', 'use --keep full') }
  }
  if (keep === 'none' && facts.newRoot.sameDevice) {
    return { ...as(keep), refusal: refuse('new-root-is-root', `Cannot delete the old root: '${request.newRoot}' is on the same file system`, 'use --keep full, or mount the root file system') }
  }
  return as(keep)
}

/** What the steps of keeping depend on. */
export interface Keeping {
  readonly keep: Keep
  readonly engine: Engine
  /** Whether /run of the new root takes another directory. */
  readonly isWritable: boolean
  /** Whether drop-ins for systemd are of use. */
  readonly systemd: boolean
}

/** Before anything is carried: the compressed copy is mounted at `target`, on the /run with which it goes along. */
export function copySteps(keep: Keep, facts: SwitchFacts, target: string): Step[] {
  if (keep !== 'slim' || facts.oldRootIsCopy) return []
  return [
    { op: 'mkdir', path: target, mode: KEPT_MODE },
    { op: 'mount-image', file: KEPT_IMAGE, target, fstype: 'squashfs' },
  ]
}

/** What is to be done where another program switches root and a copy of the initramfs is at /run/initramfs already. */
export interface OthersSwitch {
  readonly keep: 'slim' | 'none'
  /** It is at /run/rootfs already. */
  readonly isShown: boolean
  /** The root's init is systemd. */
  readonly systemd: boolean
}

/** The plan for that: the copy at its second place, and what systemd of the real root has to know. */
export function planOthersSwitch({ keep, isShown, systemd }: OthersSwitch): Plan {
  const steps = keep === 'none' ? [] : [...(isShown ? [] : bindSteps(INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY)), ...(systemd ? SYSTEMD_DROP_INS : [])]
  return {
    name: 'keep', reason: `another program switches root; the initramfs is ${keep === 'none' ? 'not kept' : 'kept as a copy'}`,
    steps, pointOfNoReturn: steps.length, exec: null, keep, notes: [],
  }
}

/** What stands below /run/initramfs and would be hidden by the kept one, as the file system of a live medium does; or null. */
export function heldPlace(facts: Pick<SwitchFacts, 'mounts' | 'oldRootIsCopy'>, run: string): string | null {
  const places = [INITRAMFS_DIRECTORY, `${run}${INITRAMFS_DIRECTORY.slice('/run'.length)}`]
  return facts.mounts.find((m) => places.some((place) => isBelow(m.mountPoint, place)))?.mountPoint ?? null
}

function bindSteps(source: string, target: string): Step[] {
  return [
    { op: 'mkdir', path: target, mode: KEPT_MODE },
    { op: 'mount', source, target, fstype: null, flags: MS_BIND, data: null },
  ]
}

function readOnly(path: string): Step {
  return { op: 'set-read-only', path, readOnly: true }
}

/** After the switch: secrets go, then the initramfs takes the form in which it stays, or goes as well. */
export function keptSteps({ keep, engine, isWritable, systemd }: Keeping, facts: SwitchFacts): Step[] {
  const secrets = isInitramfs(facts) ? facts.secrets.filter(({ state }) => state === 'file') : []
  const isDeleted = keep === 'none' || (keep === 'slim' && !facts.oldRootIsCopy)
  const steps: Step[] = []
  const isOpen = engine === 'move'
  if (!isOpen && (isDeleted || secrets.length > 0)) steps.push({ op: 'open-root', path: ROOTFS_DIRECTORY, handle: OLD_ROOT })
  steps.push(...secrets.map(({ path }): Step => ({ op: 'wipe-file', handle: OLD_ROOT, path })))
  if (isDeleted) {
    steps.push({ op: 'delete-contents', handle: OLD_ROOT })
    if (engine === 'pivot') steps.push({ op: 'umount', target: ROOTFS_DIRECTORY, flags: MNT_DETACH })
    if (engine === 'pivot' && keep === 'none') steps.push({ op: 'rmdir', path: ROOTFS_DIRECTORY })
    if (keep === 'slim') steps.push(...bindSteps(INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY))
  } else if (isInitramfs(facts) || facts.oldRootIsCopy) {
    // A squashfs has its mode from its making and cannot be written to.
    if (!facts.oldRootIsCopy) steps.push({ op: 'chmod', path: ROOTFS_DIRECTORY, mode: KEPT_MODE, before: facts.oldRootMode })
    if (isWritable) steps.push(...bindSteps(ROOTFS_DIRECTORY, INITRAMFS_DIRECTORY), readOnly(INITRAMFS_DIRECTORY))
    steps.push(readOnly(ROOTFS_DIRECTORY))
  }
  if (isDeleted || (!isOpen && secrets.length > 0)) steps.push({ op: 'close', handle: OLD_ROOT })
  if (keep !== 'none' && systemd && (isInitramfs(facts) || facts.oldRootIsCopy)) steps.push(...SYSTEMD_DROP_INS)
  return steps
}

/** What a user should know of the secrets. */
export function secretNotes(facts: SwitchFacts): string[] {
  return facts.secrets.flatMap(({ path, state }) => {
    if (state === 'missing') return [`the secret '${path}' is not there: nothing to wipe`]
    if (state === 'other') return [`Cannot wipe secret '${path}': it is not a regular file, ignoring`]
    return isInitramfs(facts) ? [] : [`Cannot wipe secret '${path}': "/" is not an initramfs in memory, ignoring`]
  })
}
