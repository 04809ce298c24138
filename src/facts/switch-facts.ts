// Reads SwitchFacts: everything that planning a switch of root looks at.
//
// Changes nothing. What is read here is what law 4 wants checked before the first step: the new root,
// its init, the places that the carried mounts go to.  proc_pid_mountinfo(5), statfs(2).

import { RAMFS_MAGIC, SQUASHFS_MAGIC, TMPFS_MAGIC } from '../abi/mount.ts'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/process.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { carriedMounts, staging } from './carried.ts'
import { KEPT_IMAGE, ROOTFS_DIRECTORY } from './switch-types.ts'
import type { SwitchFacts, SwitchRequest, TargetState } from './switch-types.ts'
import { inRoot } from './paths.ts'
import { chaseInRoot } from './chase.ts'
import { checkInit } from './init-check.ts'
import type { InitCheck } from './init-check.ts'
import { mountLookup } from './mountinfo.ts'
import { readOwnMounts } from './own-mounts.ts'
import type { Mount, MountLookup } from './mountinfo.ts'
import { mountPathPrefixes } from './mount-path.ts'

/** Where `point` leads in the new root: an absolute link there means a path in there. null for a link to nothing. */
function placeOf(kernel: Kernel, newRoot: string, point: string): string | null {
  try {
    return chaseInRoot(kernel, newRoot, point)
  } catch {
    return isLink(kernel, inRoot(newRoot, point)) ? null : point
  }
}

function isLink(kernel: Kernel, path: string): boolean {
  try {
    return (kernel.lstat(path).mode & S_IFMT) === S_IFLNK
  } catch {
    return false
  }
}

/** A file system that lets nothing be executed is found out by execve(2) only, when it is too late. */
function checkNoexec(lookup: MountLookup, newRoot: string, check: InitCheck): InitCheck {
  if (check.problem !== null) return check
  const holder = lookup.containing(inRoot(newRoot, check.resolved))
  if (holder === undefined || !holder.options.includes('noexec')) return check
  const problem = {
    reason: 'init-not-executable', detail: `Cannot execute init '${check.path}': '${holder.mountPoint}' is mounted noexec`, remedy: `mount -o remount,exec '${holder.mountPoint}'`,
  } as const
  return { path: check.path, resolved: check.resolved, problem }
}

function targetState(kernel: Kernel, lookup: MountLookup, path: string | null, source: Mount | null): TargetState {
  if (path === null) return 'not-directory'
  if (!kernel.exists(path)) return 'missing'
  if ((kernel.stat(path).mode & S_IFMT) !== S_IFDIR) return 'not-directory'
  const mounted = lookup.topAt(path)
  if (mounted === undefined) return 'directory'
  return source !== null && mounted.dev === source.dev && mounted.root === source.root ? 'mount-same' : 'mount-other'
}

function slimProblem(kernel: Kernel): string | null {
  if (!kernel.exists(KEPT_IMAGE)) return `the image has no '${KEPT_IMAGE}' (built without keep slim)`
  if (!/\tsquashfs$/m.test(kernel.readText('/proc/filesystems'))) return 'the kernel does not know squashfs'
  return kernel.exists('/dev/loop-control') ? null : 'the kernel has no loop devices'
}

function secretState(kernel: Kernel, path: string): 'file' | 'missing' | 'other' {
  if (!kernel.exists(path)) return 'missing'
  return (kernel.lstat(path).mode & S_IFMT) === S_IFREG ? 'file' : 'other'
}

/** Reads the facts for `request`. `arch` is Node's process.arch. Throws SyscallError when /proc is not mounted. */
export function readSwitchFacts(kernel: Kernel, request: Pick<SwitchRequest, 'newRoot' | 'init' | 'keep' | 'secrets'>, arch: string): SwitchFacts {
  const mounts = readOwnMounts(kernel)
  const lookup = mountLookup(mounts)
  const { newRoot } = request
  const isInitramfs = kernel.exists('/init') || kernel.exists('/etc/initrd-release')
  const magic = kernel.statfs('/').type
  const exists = kernel.exists(newRoot)
  const isDirectory = exists && (kernel.stat(newRoot).mode & S_IFMT) === S_IFDIR
  const here = kernel.stat('/')
  const there = exists ? kernel.stat(newRoot) : here
  const isReadOnly = (path: string): boolean => {
    const holder = lookup.containing(path)
    return holder !== undefined && (holder.options.includes('ro') || holder.superOptions.includes('ro'))
  }
  const targets: Record<string, TargetState> = {}
  const places: Record<string, string> = {}
  if (isDirectory) {
    for (const mount of carriedMounts(mounts, staging(mounts, newRoot) ?? newRoot)) {
      const point = mount.mountPoint
      const place = placeOf(kernel, newRoot, point)
      const state = targetState(kernel, lookup, place === null ? null : inRoot(newRoot, place), mount)
      targets[point] = state
      for (const above of state === 'missing' ? mountPathPrefixes(point).slice(0, -1) : []) targets[above] ??= kernel.exists(inRoot(newRoot, above)) ? 'directory' : 'missing'
      if (place !== null && place !== point) places[point] = place
    }
  }
  return {
    pid: kernel.getpid(),
    uid: kernel.getuid(),
    mounts,
    oldRootIsMemory: magic === TMPFS_MAGIC || magic === RAMFS_MAGIC,
    oldRootIsCopy: magic === SQUASHFS_MAGIC && isInitramfs,
    slimProblem: request.keep === 'slim' ? slimProblem(kernel) : 'it was not asked for',
    secrets: (request.secrets ?? []).map((path) => ({ path, state: secretState(kernel, path) })),
    oldRootMode: here.mode & ~S_IFMT,
    oldRootIsInitramfs: isInitramfs,
    newRoot: {
      exists,
      isDirectory,
      isRoot: exists && here.dev === there.dev && here.ino === there.ino,
      sameDevice: here.dev === there.dev,
      readOnly: isReadOnly(newRoot),
    },
    targets,
    rootfsReadOnly: isReadOnly(inRoot(newRoot, ROOTFS_DIRECTORY)),
    places,
    rootfsTarget: isDirectory ? targetState(kernel, lookup, inRoot(newRoot, ROOTFS_DIRECTORY), null) : 'missing',
    init: checkNoexec(lookup, newRoot, checkInit(kernel, newRoot, arch, request.init)),
  }
}
