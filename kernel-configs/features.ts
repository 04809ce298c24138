// The features of a kernel that can be asked for, one fragment each, and what each needs besides.
// The order is that of merging: a later fragment wins, so 'modules' can turn what others built in into modules.
// Each name is a file in fragments/, whose first comment says what it is.

export interface KernelFeature {
  readonly name: string
  /** Features that have to be there too. */
  readonly needs: readonly string[]
}

export const kernelFeatures: readonly KernelFeature[] = [
  { name: 'base', needs: [] },
  { name: 'node', needs: ['base'] },
  { name: 'initramfs', needs: ['base'] },
  { name: 'initramfs-xz', needs: ['initramfs'] },
  { name: 'console', needs: ['base'] },
  { name: 'block', needs: ['base'] },
  { name: 'virtio', needs: ['block', 'console'] },
  { name: 'disks', needs: ['block', 'virtio'] },
  { name: 'ext4', needs: ['block'] },
  { name: 'xfs', needs: ['block'] },
  { name: 'btrfs', needs: ['block'] },
  { name: 'erofs', needs: ['block'] },
  { name: 'squashfs', needs: ['block'] },
  { name: 'namespaces', needs: ['base', 'node'] },
  { name: 'shares', needs: ['virtio', 'node'] },
  { name: 'modules', needs: ['virtio', 'ext4'] },
  { name: 'testing', needs: ['base'] },
]

/** What the scenario at the end of a build boots with. */
export const DEFAULT_FEATURES: readonly string[] = ['node', 'initramfs', 'console', 'virtio', 'ext4', 'testing']

/** The named features and all that they need, in the order of the table. @throws Error for an unknown name */
export function withNeeds(names: readonly string[]): KernelFeature[] {
  const wanted = new Set<string>()
  const add = (name: string): void => {
    const feature = kernelFeatures.find((candidate) => candidate.name === name)
    if (feature === undefined) throw new Error(`Cannot find feature '${name}': there are ${kernelFeatures.map((it) => it.name).join(', ')}`)
    if (wanted.has(name)) return
    wanted.add(name)
    for (const need of feature.needs) add(need)
  }
  for (const name of names) add(name)
  return kernelFeatures.filter((feature) => wanted.has(feature.name))
}
