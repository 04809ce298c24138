// Tags: shared directories of a virtual machine's host (virtiofs, 9p), which are no block devices.
//
// virtiofs tells its tags in sysfs since Linux 6.9; before that only the device can be seen and the
// tag has to be believed. See Documentation/filesystems/virtiofs.rst, Documentation/filesystems/9p.rst.

import type { RootSpec, TagFilesystem } from '../../facts/block/root-spec.ts'
import { readdirIfThere, readTextIfThere, type DeviceKernel } from './device-kernel.ts'

export interface Tag {
  readonly fstype: TagFilesystem
  readonly tag: string
}

/** The tags that the kernel tells. */
export function listTags(kernel: DeviceKernel): Tag[] {
  const virtiofs = tagsOf(kernel, 'virtiofs', '/sys/fs/virtiofs', 'tag')
  return [...virtiofs, ...tagsOf(kernel, '9p', '/sys/bus/virtio/drivers/9pnet_virtio', 'mount_tag')]
}

/** Which tag a spec means, or null when it is not there. Its type is known afterwards. */
export function findTag(kernel: DeviceKernel, spec: RootSpec): Tag | null {
  if (spec.kind !== 'tag') return null
  const tags = listTags(kernel)
  const told = tags.find(t => t.tag === spec.tag && (spec.fstype === null || spec.fstype === t.fstype))
  if (told !== undefined) return told
  const isUntold = tags.every(t => t.fstype !== 'virtiofs') && hasVirtiofsDevice(kernel)
  return isUntold && spec.fstype !== '9p' ? { fstype: 'virtiofs', tag: spec.tag } : null
}

function tagsOf(kernel: DeviceKernel, fstype: TagFilesystem, directory: string, file: string): Tag[] {
  const texts = readdirIfThere(kernel, directory).map(name => readTextIfThere(kernel, `${directory}/${name}/${file}`))
  return texts.filter(text => text !== null).map(text => ({ fstype, tag: text.replace(/[\0\n]+$/, '') }))
}

/** A device bound to the driver: KERNEL(6.9) tells its tag, so this can go once that is the oldest. */
function hasVirtiofsDevice(kernel: DeviceKernel): boolean {
  return readdirIfThere(kernel, '/sys/bus/virtio/drivers/virtiofs').some(name => /^virtio\d+$/.test(name))
}
