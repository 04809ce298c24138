// The medium in an ISO file: iso-scan/filename= names its path, on whatever file system has it.
//
// Boot loaders that start a live system from an ISO on a stick say so. Each file system is mounted read-only and
// looked into as it appears; the one with the file stays mounted, a loop device makes the file a medium with its label.

import { attachLoopDevice, detachLoopDevice } from '../../execute/mount-image.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { ensureNode, loadFilesystem, mountTypes } from '../devices/index.ts'
import type { ModuleLoader } from '../devices/index.ts'
import type { BootState } from '../boot-state.ts'
import { makeDirectories } from '../make-directories.ts'
import { mountFilesystem } from '../mount-root.ts'
import type { Assembler } from './assembly.ts'

/** Where the file system with the ISO file is mounted. */
const HOLDER = '/run/fulcrum/live/iso'

function canHold(device: BlockDevice): boolean {
  const { superblock } = device
  return superblock?.usage === 'filesystem' && superblock.type !== 'iso9660' && !device.name.startsWith('loop')
}

const fileAt = (path: string): string => `${HOLDER}/${path}`.replace(/\/{2,}/g, '/')

/** Makes a loop device of the file if it is there. Throws when the file system cannot be mounted. */
function look({ kernel }: BootState, loader: ModuleLoader, device: BlockDevice, path: string): void {
  const prepare = (type: string): void => {
    const failure = loadFilesystem(kernel, loader, type)
    if (failure !== null) throw new Error(failure)
  }
  makeDirectories(kernel, HOLDER)
  ensureNode(kernel, device)
  mountFilesystem(kernel, { source: device.path, target: HOLDER, types: mountTypes(device.superblock?.type ?? ''), options: 'nosuid,nodev', readOnly: true }, prepare)
  let isOurs = false
  try {
    if (!kernel.exists(fileAt(path))) return
    loader.loadIfThere(['loop'])
    attachLoopDevice(kernel, fileAt(path), true)
    isOurs = true
  } finally {
    if (!isOurs) kernel.umount2(HOLDER, 0)
  }
}

/** Looks for the file on each file system once, until it is found; null where no file is asked for. */
export function isoScanner(state: BootState, loader: ModuleLoader): Assembler | null {
  const path = state.parameters.layers.live.isoFile
  if (path === null) return null
  return {
    name: 'iso-scan',
    tasks: (devices) => (state.kernel.exists(fileAt(path)) ? [] : devices.filter(canHold).map((device) => ({
      key: `iso-scan ${device.major}:${device.minor} ${device.diskseq ?? ''}`,
      text: `looking for ${path} on ${device.path}`,
      when: 'now',
      run: () => look(state, loader, device, path),
    }))),
  }
}

/** Lets go of a medium that is in such a file, once nothing is mounted from it. */
export function letGoOfIso(kernel: Kernel, medium: BlockDevice): void {
  if (medium.backingFile?.startsWith(`${HOLDER}/`) !== true) return
  detachLoopDevice(kernel, medium.path)
  kernel.umount2(HOLDER, 0)
}
