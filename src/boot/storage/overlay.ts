// An overlay over the root: what is written goes to memory or to a directory of another device, the root stays as it is.
//
// The mount of the root is moved to LOWER, which is in /run and so is there after the switch too; its name in
// mountinfo then still leads to it, for /shutdown as for a person.
// Documentation/filesystems/overlayfs.rst, tmpfs(5).

import { AT_FDCWD, MOUNT_ATTR_RDONLY, MS_MOVE, MS_NODEV, MS_NOSUID, MS_RDONLY } from '../../abi/mount.ts'
import { O_DIRECTORY, O_RDONLY } from '../../abi/process.ts'
import { deleteContents } from '../../execute/delete-contents.ts'
import { SYSROOT } from '../../facts/switch-types.ts'
import { inRoot } from '../../facts/paths.ts'
import { attempt, errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { BootFailure, errorFailure, refusalFailure } from '../boot-failure.ts'
import { ensureNode, loadFilesystem } from '../devices/index.ts'
import { mountFilesystem } from '../mount-root.ts'
import type { OverlayWords } from '../words/layer-words.ts'
import type { MountedRoot, RootContext } from './context.ts'
import { makeDirectories } from '../make-directories.ts'

export const OVERLAY_DIRECTORY = '/run/fulcrum/overlay'
/** The root that lies below, read-only. */
export const LOWER = `${OVERLAY_DIRECTORY}/lower`
/** The file system that takes what is written. */
const UPPER = `${OVERLAY_DIRECTORY}/rw`

/** What the command line asks for, or null: live media are overlaid unless told otherwise. */
export function wantedOverlay({ state }: Pick<RootContext, 'state'>): Exclude<OverlayWords, { kind: 'none' }> | null {
  const { overlay } = state.parameters.layers
  if (overlay !== null) return overlay.kind === 'none' ? null : overlay
  return state.parameters.root?.startsWith('live:') === true ? { kind: 'tmpfs', options: '' } : null
}

function need(context: RootContext, fstype: string): void {
  const failure = loadFilesystem(context.state.kernel, context.loader, fstype)
  if (failure !== null) throw errorFailure('mount', new Error(failure), [])
}

/** Mounts what takes the writes. Returns the directories upper and work. */
function mountUpper(context: RootContext, wanted: Exclude<OverlayWords, { kind: 'none' }>): { readonly source: string; readonly upper: string; readonly work: string } {
  const { kernel, parameters } = context.state
  makeDirectories(kernel, UPPER)
  if (wanted.kind === 'tmpfs') {
    kernel.mount('overlay', UPPER, 'tmpfs', MS_NOSUID | MS_NODEV, ['mode=0755', ...(wanted.options === '' ? [] : [wanted.options])].join(','))
    context.onRetry(() => kernel.umount2(UPPER, 0))
    return { source: 'tmpfs', upper: `${UPPER}/upper`, work: `${UPPER}/work` }
  }
  const device = context.waitForDevice(wanted.spec, 'the device of overlay=', parameters.rootTimeoutMs)
  ensureNode(kernel, device)
  const { superblock } = device
  if (superblock === null || superblock.usage !== 'filesystem') {
    throw refusalFailure('mount', {
      reason: 'root-no-filesystem', detail: `Cannot keep the overlay on '${device.path}': there is ${superblock === null ? 'nothing that is known' : `'${superblock.type}'`} on it, not a file system`,
      remedy: 'make one (mkfs.ext4) or name another device with overlay=; overlay=tmpfs needs none',
    }, null, [])
  }
  const request = { source: device.path, target: UPPER, types: [superblock.type], options: '', readOnly: parameters.layers.overlayReadOnly }
  mountFilesystem(kernel, request, (type) => need(context, type))
  context.onRetry(() => kernel.umount2(UPPER, 0))
  const upper = `${UPPER}${wanted.path}`.replace(/\/+$/, '')
  const parent = upper.slice(0, upper.lastIndexOf('/'))
  return { source: device.path, upper, work: `${parent}/ovlwork` }
}

/**
 * systemd would mount the root again with the options that fstab has for it, which an overlay refuses since they are
 * meant for what lies below: in the upper layer that line is a comment.
 */
function quietFstab(kernel: Kernel): void {
  const path = inRoot(SYSROOT, '/etc/fstab')
  const text = attempt(() => kernel.readText(path))
  if (text === null) return
  const changed = text.split('\n').map((line) => (/^\s*[^#\s]\S*\s+\/\s/.test(line) ? `# ${line} # the root is an overlay` : line)).join('\n')
  if (changed !== text) kernel.writeFile(path, changed, 0o644)
}

function empty(kernel: Kernel, path: string): void {
  if (!kernel.exists(path)) return
  const fd = kernel.open(path, O_RDONLY | O_DIRECTORY)
  try {
    deleteContents(kernel, fd)
  } finally {
    kernel.close(fd)
  }
}

/** The upper layer's own permissions are those of "/" of the overlay. */
function makeLayer(kernel: Kernel, upper: string, work: string): void {
  const isNew = !kernel.exists(upper)
  makeDirectories(kernel, upper)
  makeDirectories(kernel, work)
  if (isNew) kernel.chmod(upper, kernel.stat(SYSROOT).mode & 0o7777)
}

function lay(context: RootContext, wanted: Exclude<OverlayWords, { kind: 'none' }>): MountedRoot {
  const { kernel, parameters, log } = context.state
  const { overlayReadOnly, overlayReset } = parameters.layers
  need(context, 'overlay')
  // Those of the boot before may still be there.
  if (context.state.returned !== null) for (const left of [LOWER, UPPER]) attempt(() => kernel.umount2(left, 0))
  const { source, upper, work } = mountUpper(context, wanted)
  if (overlayReset && !overlayReadOnly) for (const path of [upper, work]) empty(kernel, path)
  if (!overlayReadOnly || wanted.kind === 'tmpfs') makeLayer(kernel, upper, work)
  makeDirectories(kernel, LOWER)
  kernel.mount(SYSROOT, LOWER, null, MS_MOVE, null)
  context.onRetry(() => kernel.umount2(LOWER, 0))
  // What we mount is read-only anyway; what a hook has mounted may not be.
  kernel.mountSetattr(AT_FDCWD, LOWER, 0, { set: MOUNT_ATTR_RDONLY })
  const data = overlayReadOnly ? `lowerdir=${upper}:${LOWER}` : `lowerdir=${LOWER},upperdir=${upper},workdir=${work}`
  kernel.mount('overlay', SYSROOT, 'overlay', overlayReadOnly ? MS_RDONLY : 0, data)
  if (!overlayReadOnly) quietFstab(kernel)
  log.info(`the root is an overlay: what is written goes to ${overlayReadOnly ? 'nowhere' : source}`)
  return { source: 'overlay', type: 'overlay', options: `${overlayReadOnly ? 'ro' : 'rw'},${data}` }
}

/** Lays an overlay over the root on SYSROOT if one is asked for, and says what is mounted there then. Throws BootFailure. */
export function overlayRoot(context: RootContext, mounted: MountedRoot): MountedRoot {
  const wanted = wantedOverlay(context)
  if (wanted === null) return mounted
  try {
    return context.state.trace.measure('mount', 'overlay', () => lay(context, wanted))
  } catch (error) {
    if (error instanceof BootFailure) throw error
    throw errorFailure('mount', error, [`the overlay could not be laid over ${mounted.source}: ${errorLine(error)}`])
  }
}
