// What the image cannot put together because it was built without the tool for it.
//
// For the report of a wait that was in vain: nothing of this runs in a boot that goes well.

import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { findTool } from '../tool.ts'

/** Types of superblocks, the program that makes something of them, and the feature that brings it. */
const TOOLS: readonly (readonly [type: RegExp, tool: string, feature: string])[] = [
  [/^LVM2_member$/, 'lvm', 'lvm'],
  [/^(linux|isw|ddf)_raid_member$/, 'mdadm', 'md'],
  [/^crypto_LUKS$/, 'cryptsetup', 'luks'],
]

/** A line for each tool that is missing although a device is there for it. */
export function missingTools(kernel: Pick<Kernel, 'exists'>, devices: readonly BlockDevice[]): string[] {
  const held = new Set(devices.flatMap((device) => device.slaves))
  return TOOLS.flatMap(([type, tool, feature]) => {
    const found = devices.filter(({ name, superblock }) => type.test(superblock?.type ?? '') && !held.has(name)).map(({ path }) => path).sort()
    if (found.length === 0 || findTool(kernel, tool) !== undefined) return []
    return [`the image has no '${tool}' for ${found.join(', ')}: build it with --feature ${feature}`]
  })
}
