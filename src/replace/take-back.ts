// Takes a mount away from beneath another one, so that nothing is seen of it: the way back of MOVE_MOUNT_BENEATH.
//
// An unmount of the lower mount itself would take along what lies on it. But an unmount that propagates from a peer of
// the parent lets the upper mount slide down: so a mount namespace gets a copy of the parent with any mount at that
// place, the copy joins the parent's peer group, and that mount is unmounted. All namespaces that received the lower
// mount lose it in the same call.  mount_namespaces(7), MOVE_MOUNT_SET_GROUP; docs/replace.md

import {
  AT_EMPTY_PATH, AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_SET_GROUP, MOVE_MOUNT_T_EMPTY_PATH, MS_PRIVATE, MS_SHARED, MS_SLAVE,
  OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE,
} from '../abi/mount.ts'
import { O_PATH } from '../abi/process.ts'
import { childrenOf } from '../facts/mountinfo.ts'
import { mountIdIn, readOwnMounts } from '../facts/own-mounts.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { enterStaging } from './staging.ts'

export interface TuckedMount {
  /** The mount point that it shares with the one above it. */
  readonly target: string
  /** mountinfo's id of the lower one. */
  readonly mountId: number
  readonly isDirectory: boolean
  /** A descriptor on the lower one, or on a peer of it with the same submounts; needed when it has any. */
  readonly fd: Fd | null
  /** A directory that is there for certain, for the tmpfs of the staging namespace. */
  readonly stage: string
}

/** Runs `body` with what `open` opens, and closes it. */
function using<T>(kernel: Kernel, open: () => Fd, body: (fd: Fd) => T): T {
  const fd = open()
  try {
    return body(fd)
  } finally {
    kernel.close(fd)
  }
}

const detached = (kernel: Kernel, from: number, path: string): Fd =>
  kernel.openTree(from, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (path === '' ? AT_EMPTY_PATH : 0))

/** mountinfo's id of the mount that a descriptor is on. proc_pid_fdinfo(5) */
export function mountIdOf(kernel: Pick<Kernel, 'readText'>, fd: Fd): number {
  return mountIdIn(kernel.readText(`/proc/self/fdinfo/${fd}`)) ?? NaN
}

/** Unmounts the lower mount and its submounts; what lies on its root stays. Throws Error when it cannot be done unseen. */
export function takeBack(kernel: Kernel, tucked: TuckedMount): void {
  const { target, mountId, isDirectory, fd, stage } = tucked
  const cannot = (why: string): Error => new Error(`Cannot take the new mount away from beneath '${target}': ${why}`)
  const mounts = readOwnMounts(kernel)
  const lower = mounts.find((m) => m.id === mountId)
  if (lower === undefined) return
  const parent = mounts.find((m) => m.id === lower.parentId)
  if (parent === undefined || parent.mountPoint === target) throw cannot('it lies in a stack')
  const submounts = childrenOf(mounts, lower.id).filter((m) => m.mountPoint !== target)
  if (submounts.length > 0 && fd === null) throw cannot('it has submounts')
  // From a peer of it the unmount arrives there.
  for (const one of submounts) kernel.umount2(`/proc/self/fd/${String(fd)}/${one.mountPoint.slice(target.length + 1)}`, MNT_DETACH)
  const { shared, master, unbindable } = parent.optional
  if (unbindable !== undefined) throw cannot('it lies on an unbindable mount')
  using(kernel, () => kernel.open(parent.mountPoint, O_PATH), (around) => {
    if (mountIdOf(kernel, around) !== parent.id) throw cannot('what it lies on is hidden by another mount')
    const cover = { place: target.slice(parent.mountPoint === '/' ? 1 : parent.mountPoint.length + 1), isDirectory, stage }
    if (shared !== undefined) return unmountFromPeer(kernel, cover, around)
    // Shared for a moment: nobody else is in the new group.
    kernel.mountSetattr(around, '', AT_EMPTY_PATH, { propagation: MS_SHARED })
    try {
      unmountFromPeer(kernel, cover, around)
    } finally {
      kernel.mountSetattr(around, '', AT_EMPTY_PATH, { propagation: master === undefined ? MS_PRIVATE : MS_SLAVE })
    }
  })
}

interface Cover {
  /** Below the root of the mount, without slash in front. */
  readonly place: string
  readonly isDirectory: boolean
  readonly stage: string
}

/** Unmounts what lies at a place of a shared mount and all that hear of it; `around` is on its root, or on that of a peer. */
function unmountFromPeer(kernel: Kernel, { place, isDirectory, stage }: Cover, around: Fd): void {
  using(kernel, () => detached(kernel, around, ''), (copy) => {
    kernel.mountSetattr(copy, '', AT_EMPTY_PATH, { propagation: MS_PRIVATE })
    const staging = enterStaging(kernel, stage)
    try {
      const [at, any] = [`${stage}/parent`, `${stage}/any`]
      kernel.mkdir(at, 0o700)
      kernel.moveMount(copy, '', AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH)
      const path = `${at}/${place}`
      if (isDirectory) kernel.mkdir(any, 0o700)
      else kernel.writeFile(any, '')
      using(kernel, () => detached(kernel, AT_FDCWD, any), (cover) => kernel.moveMount(cover, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH))
      kernel.moveMount(around, '', copy, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_SET_GROUP)
      kernel.umount2(path, MNT_DETACH)
      // Out of the group before its end, so that making the parent a slave again finds no peer.
      kernel.umount2(at, MNT_DETACH)
    } finally {
      staging.leave()
    }
  })
}
