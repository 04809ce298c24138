// The model's pivot_root(2), check by check in the kernel's order (fs/namespace.c, path_pivot_root).
//
// The order matters: on the absolute root a new root on the same mount is EBUSY, any other EINVAL.

import { Errno } from './errno.ts'
import { hasParent, isMountRoot, isReachable, sameLoc, type Loc } from './mount-tree.ts'
import type { ModelProcess } from './model-process.ts'
import type { ModelWorld } from './world.ts'

/** `newRoot` as looked up, `putOld` at the top of what is mounted there. */
export function pivotRoot(world: ModelWorld, proc: ModelProcess, newRoot: Loc, putOld: Loc): void {
  const table = world.mounts
  const root = proc.root
  if (putOld.mnt.shared !== 0 || newRoot.mnt.parent.shared !== 0 || root.mnt.parent.shared !== 0) throw new Errno('EINVAL')
  if (root.mnt.ns !== proc.ns || newRoot.mnt.ns !== proc.ns) throw new Errno('EINVAL')
  if (newRoot.node.unlinked) throw new Errno('ENOENT')
  if (newRoot.mnt === root.mnt || putOld.mnt === root.mnt) throw new Errno('EBUSY')
  if (!isMountRoot(root) || !hasParent(root.mnt)) throw new Errno('EINVAL')
  if (!isMountRoot(newRoot) || !hasParent(newRoot.mnt)) throw new Errno('EINVAL')
  if (!isReachable(putOld, newRoot) || !isReachable(newRoot, root)) throw new Errno('EINVAL')

  const above: Loc = { mnt: root.mnt.parent, node: root.mnt.mountpoint }
  table.attach(newRoot.mnt, above)
  table.attach(root.mnt, putOld)
  // chroot_fs_refs(): whoever stands exactly on the old root is taken along.
  for (const p of world.processes.values()) {
    if (sameLoc(p.root, root)) p.root = newRoot
    if (sameLoc(p.cwd, root)) p.cwd = newRoot
  }
}
