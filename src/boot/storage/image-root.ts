// A root in an image file, as live media have it: root=live:SPEC, the file on a file system there, a loop device.
//
//   medium ── LiveOS/squashfs.img ── loop ── the root, or LiveOS/rootfs.img in it ── loop ── the root
//
// Ends with the name of a block device, which is checked and mounted like any other; the overlay is overlay.ts's.
// dracut.cmdline(7) (rd.live.*), loop(4).

import { MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT } from '../../abi/mount.ts'
import { attachLoopDevice, detachLoopDevice } from '../../execute/mount-image.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import { attempt, errorLine } from '../../kernel/errors.ts'
import { BootFailure, errorFailure, refusalFailure } from '../boot-failure.ts'
import { ensureNode, loadFilesystem, mountTypes } from '../devices/index.ts'
import { makeDirectories } from '../make-directories.ts'
import { mountFilesystem } from '../mount-root.ts'
import type { RootContext, SpecialRoot, Wanted } from './context.ts'
import { copyToMemory } from './copy-to-memory.ts'
import { letGoOfIso } from './iso-scan.ts'
import { wantedOverlay } from './overlay.ts'

const DIRECTORY = '/run/fulcrum/live'
/** The medium, with the image file on it. */
export const MEDIUM = `${DIRECTORY}/medium`
/** The image, where it holds another one. */
const OUTER = `${DIRECTORY}/image`

/** Images in the directory of rd.live.dir=, behind that of rd.live.squashimg=. */
const USUAL_NAMES: readonly string[] = ['squashfs.img', 'rootfs.img', 'ext3fs.img', 'filesystem.squashfs']
/** Where a root lies in a squashfs that is made of one file. */
const INNER: readonly string[] = ['LiveOS/rootfs.img', 'LiveOS/ext3fs.img', 'rootfs.img']

/** What root=live:SPEC[:/PATH] names; null for any other root=. CDLABEL= is a label. */
export function parseLive(root: string): { readonly spec: string; readonly path: string | null } | null {
  const [, spec, path = null] = /^live:((?:[A-Z]+=[^:]+|\/dev\/[^:]+))(?::(\/[^:]+))?$/.exec(root) ?? []
  return spec === undefined ? null : { spec: spec.replace(/^CDLABEL=/, 'LABEL='), path }
}

function isImage(device: BlockDevice): boolean {
  return device.superblock?.type === 'squashfs' || device.superblock?.type === 'erofs'
}

/** Mounts a block device at one of our places. */
function mountAt(context: RootContext, device: BlockDevice, target: string, readOnly: boolean): void {
  const { kernel } = context.state
  const { superblock } = device
  if (superblock === null || superblock.usage !== 'filesystem') throw new Error(`Cannot mount '${device.path}': there is no file system on it`)
  const prepare = (type: string): void => {
    const failure = loadFilesystem(kernel, context.loader, type)
    if (failure !== null) throw new Error(failure)
  }
  makeDirectories(kernel, target)
  ensureNode(kernel, device)
  mountFilesystem(kernel, { source: device.path, target, types: mountTypes(superblock.type), options: 'nosuid,nodev', readOnly }, prepare)
  context.onRetry(() => kernel.umount2(target, 0))
}

/** A loop device on a file, as a block device. */
function attach(context: RootContext, file: string, readOnly: boolean): BlockDevice {
  const { kernel, log } = context.state
  context.loader.loadIfThere(['loop'])
  const node = attachLoopDevice(kernel, file, readOnly)
  context.onRetry(() => detachLoopDevice(kernel, node))
  log.debug(`${node}: ${file}`)
  return context.waitForDevice(node, `the loop device on '${file}'`, LOOP_MS)
}

/** It is there once the ioctl returns; its node on devtmpfs as well. */
const LOOP_MS = 5000

/** The image file on the medium. Throws BootFailure with what is there instead. */
function imageOn(context: RootContext, path: string | null): string {
  const { kernel, parameters } = context.state
  const { directory, image } = parameters.layers.live
  const folder = `${MEDIUM}/${directory}`.replace(/\/{2,}/g, '/').replace(/\/$/, '')
  const candidates = path === null ? [image, ...USUAL_NAMES].map((name) => `${folder}/${name}`) : [`${MEDIUM}${path}`]
  const found = candidates.find((candidate) => kernel.exists(candidate))
  if (found !== undefined) return found
  const listing = (at: string): string => `${at.slice(MEDIUM.length) || '/'}: ${(attempt(() => kernel.readdir(at)) ?? ['(is not there)']).slice(0, 20).join('  ')}`
  throw refusalFailure('root-device', {
    reason: 'image-not-found',
    detail: `Cannot find an image on the medium: there is no '${(candidates[0] ?? '').slice(MEDIUM.length)}'`,
    remedy: 'name it: root=live:SPEC:/PATH, or rd.live.dir= and rd.live.squashimg=',
  }, null, [listing(MEDIUM), ...(path === null ? [listing(folder)] : [])])
}

/** The image that is in the image, as a device of its own; else the image. */
function innermost(context: RootContext, outer: BlockDevice): BlockDevice {
  if (outer.superblock?.type !== 'squashfs' && outer.superblock?.type !== 'erofs') return outer
  const { kernel } = context.state
  mountAt(context, outer, OUTER, true)
  const inner = INNER.map((name) => `${OUTER}/${name}`).find((path) => kernel.exists(path))
  if (inner !== undefined) return attach(context, inner, true)
  kernel.umount2(OUTER, 0)
  return outer
}

function find(context: RootContext, spec: string, path: string | null): BlockDevice {
  const { state } = context
  const { kernel, parameters, log } = state
  const { toRam } = parameters.layers.live
  // Media are written to only where no overlay keeps the writes.
  const readOnly = parameters.readOnly || wantedOverlay(context) !== null
  const medium = context.waitForDevice(spec, 'the medium of root=live:', parameters.rootTimeoutMs)
  const isWhole = path === null && isImage(medium)
  if (!isWhole) mountAt(context, medium, MEDIUM, readOnly)
  if (isWhole && !toRam) return innermost(context, medium)
  const file = isWhole ? medium.path : imageOn(context, path)
  log.info(`the root is in ${isWhole ? medium.path : `${file.slice(MEDIUM.length)} of ${medium.path}`}`)
  if (!toRam) return innermost(context, attach(context, file, readOnly))
  const size = isWhole ? BigInt(medium.sizeBytes) : kernel.stat(file).size
  const target = `${DIRECTORY}/ram`
  makeDirectories(kernel, target)
  kernel.mount('live', target, 'tmpfs', MS_NOSUID | MS_NODEV, `mode=0700,nr_inodes=16,size=${size + 65536n}`)
  context.onRetry(() => kernel.umount2(target, 0))
  const copy = `${target}/root.img`
  copyToMemory(state, file, copy, size)
  kernel.mount('none', target, null, MS_REMOUNT | MS_RDONLY, null)
  if (!isWhole) kernel.umount2(MEDIUM, 0)
  letGoOfIso(kernel, medium)
  log.info(`the image is in memory, ${medium.path} is no longer needed`)
  return innermost(context, attach(context, copy, true))
}

/** The device of a root=live:, or null for any other root=. Throws BootFailure. */
export function imageRoot(context: RootContext, wanted: Wanted): SpecialRoot | null {
  if (!wanted.spec.startsWith('live:')) return null
  const live = parseLive(wanted.spec)
  if (live === null) {
    throw refusalFailure('root-device', {
      reason: 'root-invalid', detail: `Cannot use root='${wanted.spec}': behind 'live:' a device is needed, and perhaps ':/PATH'`,
      remedy: 'write root=live:LABEL=…, root=live:UUID=… or root=live:/dev/NAME',
    }, null, [])
  }
  try {
    return { kind: 'device', spec: find(context, live.spec, live.path).path }
  } catch (error) {
    if (error instanceof BootFailure) throw error
    throw errorFailure('root-device', error, [`root=${wanted.spec}: ${errorLine(error)}`])
  }
}
