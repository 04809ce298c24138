// Images whose root is served by a process of the initramfs: nbd-client, fuse2fs, mdmon. Debian's programs with
// busybox for the hook (qemu-tests/hooks) that starts them, or fulcrum by itself; their libraries are found by the builder.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { busybox } from './small-root.ts'
import { testImage } from './test-image.ts'

/** `make-imsm`: the image of the guest that makes the disks of 'imsm'. */
export type StorageKind = 'nbd' | 'fuse' | 'imsm' | 'make-imsm'

interface Needs {
  /** null: fulcrum does it by itself, with these features. */
  readonly hook: string | null
  readonly features?: readonly string[]
  readonly programs: readonly string[]
  readonly load: readonly string[]
}

const NEEDS: Readonly<Record<StorageKind, Needs>> = {
  nbd: { hook: 'root-on-nbd', programs: ['nbd-client'], load: ['virtio_pci', 'virtio_net', 'nbd'] },
  fuse: { hook: 'root-by-fuse', programs: ['fuse2fs'], load: ['virtio_pci', 'virtio_blk', 'fuse'] },
  imsm: { hook: null, features: ['md'], programs: [], load: [] },
  'make-imsm': { hook: 'make-imsm', programs: ['mdadm', 'mdmon'], load: ['virtio_pci', 'virtio_blk', 'raid1'] },
}

/** Path of a program of the host. */
function program(name: string): string {
  const path = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].map((folder) => join(folder, name)).find((candidate) => existsSync(candidate))
  if (path === undefined) throw new Error(`Cannot find '${name}': install Debian's package of it`)
  return path
}

/** Path of a hook's source. */
export function hookPath(name: string): string {
  return join(import.meta.dirname, '../hooks', name)
}

/** An image that finds its root through such a process. */
export function storageImage(kernel: Kernel, kind: StorageKind): Promise<string> {
  const { hook, programs, load, features = [] } = NEEDS[kind]
  return testImage(kernel, {
    load, features,
    include: [
      { source: busybox(), destination: '/bin/busybox' },
      ...programs.map((name) => ({ source: program(name), destination: `/sbin/${name}` })),
      ...(hook === null ? [] : [{ source: hookPath(hook), destination: `/etc/fulcrum/hooks/pre-mount/50-${hook}` }]),
    ],
  })
}
