// The model's mounts: what hangs where, in which namespace, and which path a location has.
//
// Written after fs/namespace.c and fs/d_path.c: a mount is its own parent on the absolute root and when it is
// detached; a lookup crosses down, "..", d_path and mountinfo cross up. Events are not propagated to peers:
// the model keeps group ids only as far as they decide over EINVAL and are printed in mountinfo.

import { MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW, MS_RDONLY, MS_RELATIME } from '../../abi/mount.ts'
import type { SuperBlock, VNode } from './vfs.ts'

/** A place: a node seen through a mount. */
export interface Loc {
  readonly mnt: ModelMount
  readonly node: VNode
}

export interface Namespace {
  readonly id: number
}

export interface ModelMount {
  readonly id: number
  readonly sb: SuperBlock
  readonly root: VNode
  /** Itself on the absolute root and when detached. */
  parent: ModelMount
  mountpoint: VNode
  /** MS_RDONLY, MS_NOSUID, … of this mount. */
  flags: number
  /** Peer group, 0 for none. */
  shared: number
  /** Group it is a slave of, 0 for none. */
  master: number
  unbindable: boolean
  /** Null when it is in none: detached, or a clone that was never attached. */
  ns: Namespace | null
}

/** The flags that belong to a mount and not to its superblock. */
export const MOUNT_FLAGS = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME | MS_RELATIME

export const hasParent = (mnt: ModelMount): boolean => mnt.parent !== mnt
export const sameLoc = (a: Loc, b: Loc): boolean => a.mnt === b.mnt && a.node === b.node
/** path_mounted() of the kernel: the place is the root of its mount. */
export const isMountRoot = (loc: Loc): boolean => loc.node === loc.mnt.root

/** True when `node` is `top` or below it in one file system. */
export function isSubdir(node: VNode, top: VNode): boolean {
  for (let at = node; ; at = at.parent) {
    if (at === top) return true
    if (at.parent === at) return false
  }
}

/** All living mounts of a model, in the order of their making. */
export class MountTable {
  readonly all: ModelMount[] = []
  private nextId = 1
  private nextGroup = 1

  create(sb: SuperBlock, root: VNode, flags: number): ModelMount {
    const id = this.nextId++
    const mnt: ModelMount = {
      id, sb, root, mountpoint: root, flags: flags & MOUNT_FLAGS, shared: 0, master: 0, unbindable: false, ns: null,
      get parent(): ModelMount { return holder.parent ?? mnt },
      set parent(to: ModelMount) { holder.parent = to },
    }
    const holder: { parent?: ModelMount } = {}
    this.all.push(mnt)
    return mnt
  }

  newGroup(): number {
    return this.nextGroup++
  }

  /** clone_mnt(): the same place of the same file system, peer of a shared one, slave of the same master. */
  clone(of: ModelMount, root: VNode): ModelMount {
    const copy = this.create(of.sb, root, of.flags)
    copy.shared = of.shared
    copy.master = of.master
    copy.unbindable = of.unbindable
    return copy
  }

  /** copy_tree(): what is mounted below `root` too when `recursive`, unbindable mounts left out. */
  copyTree(of: ModelMount, root: VNode, recursive: boolean): ModelMount {
    const copy = this.clone(of, root)
    if (recursive) {
      for (const child of this.childrenOf(of)) {
        if (child.unbindable || !isSubdir(child.mountpoint, root)) continue
        this.attach(this.copyTree(child, child.root, true), { mnt: copy, node: child.mountpoint })
      }
    }
    return copy
  }

  childrenOf(mnt: ModelMount): ModelMount[] {
    return this.all.filter((m) => m !== mnt && m.parent === mnt)
  }

  /** The mount and everything on it, parents first. */
  subtree(mnt: ModelMount): ModelMount[] {
    return [mnt, ...this.childrenOf(mnt).flatMap((child) => this.subtree(child))]
  }

  attach(mnt: ModelMount, at: Loc): void {
    mnt.parent = at.mnt
    mnt.mountpoint = at.node
    for (const m of this.subtree(mnt)) m.ns = at.mnt.ns
  }

  /** umount_tree(): each mount on its own from now on; what is open or current in it stays usable. */
  detach(top: ModelMount): void {
    for (const mnt of this.subtree(top)) {
      const i = this.all.indexOf(mnt)
      if (i >= 0) this.all.splice(i, 1)
      mnt.parent = mnt
      mnt.mountpoint = mnt.root
      mnt.ns = null
      mnt.shared = 0
      mnt.master = 0
    }
  }

  /** Crosses to the top of what is mounted at a place. */
  followDown(loc: Loc): Loc {
    const child = this.all.find((m) => m !== loc.mnt && m.parent === loc.mnt && m.mountpoint === loc.node)
    return child === undefined ? loc : this.followDown({ mnt: child, node: child.root })
  }

  /** ".." of a place, below `root`: never above it, and over whatever is mounted there. */
  dotDot(loc: Loc, root: Loc): Loc {
    let at = loc
    while (!sameLoc(at, root) && isMountRoot(at)) {
      if (!hasParent(at.mnt)) return this.followDown(loc)
      at = { mnt: at.mnt.parent, node: at.mnt.mountpoint }
    }
    if (sameLoc(at, root)) return this.followDown(loc)
    return this.followDown({ mnt: at.mnt, node: at.node.parent })
  }
}

/** prepend_path(): the path as seen from `root`. `reachable` is false when the walk ended somewhere else. */
export function pathOf(loc: Loc, root: Loc): { readonly path: string; readonly reachable: boolean } {
  const names: string[] = []
  let { mnt, node } = loc
  const path = (): string => `/${names.reverse().join('/')}`
  for (;;) {
    if (mnt === root.mnt && node === root.node) return { path: path(), reachable: true }
    if (node === mnt.root) {
      if (!hasParent(mnt)) return { path: path(), reachable: false }
      node = mnt.mountpoint
      mnt = mnt.parent
      continue
    }
    if (node.parent === node) return { path: path(), reachable: false }
    names.push(node.name)
    node = node.parent
  }
}

/** is_path_reachable(): whether `loc` lies below `root`, over as many mounts as it takes. */
export function isReachable(loc: Loc, root: Loc): boolean {
  let { mnt, node } = loc
  while (mnt !== root.mnt && hasParent(mnt)) {
    node = mnt.mountpoint
    mnt = mnt.parent
  }
  return mnt === root.mnt && isSubdir(node, root.node)
}
