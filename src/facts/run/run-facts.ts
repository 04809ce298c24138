// Reads RunFacts: what planning to run a command in another root looks at.
//
// Changes nothing, and costs the same however many mounts the host has (before Linux 6.8 unless an engine is asked for that
// copies them anyway).  stat(2), statfs(2), statmount(2), proc_pid_mountinfo(5)

import { S_IFDIR, S_IFMT } from '../../abi/process.ts'
import { attempt } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAbsoluteRoot, mountContaining, rootMount } from '../mountinfo.ts'
import type { Mount } from '../mountinfo.ts'
import { readOwnMounts } from '../own-mounts.ts'
import { findProgram } from './find-program.ts'
import type { IdRange, Presence, RunFacts, RunFeatures, RunRequest } from './run-types.ts'
import { seenRoot } from './seen-root.ts'

type Doors = Pick<Kernel, 'getuid' | 'lstat' | 'readlink' | 'readText' | 'realpath' | 'stat' | 'statfs' | 'statmountDetails' | 'uniqueMountId'>

/** f_type of cgroup v2, <linux/magic.h>. */
const CGROUP2_SUPER_MAGIC = 0x63677270
/** f_type of file systems that no kernel shows through the map of a user namespace: proc, sysfs, ramfs, 9p, nfs, cifs, smb2. */
const NEVER_IDMAPPED = new Set([0x9fa0, 0x62656572, 0x858458f6, 0x01021997, 0x6969, 0xff534d42, 0xfe534d42])
/** What is mounted in a container, or may be. */
const CONTAINER_DIRECTORIES = ['/proc', '/sys', '/dev', '/run', '/tmp', '/usr', '/var', '/etc', '/etc/resolv.conf']

/** By statmount(2) where there is one, which costs the same for any number of mounts. */
function hostRoot(kernel: Doors): RunFacts['hostRoot'] {
  const top = attempt(() => kernel.statmountDetails(kernel.uniqueMountId('/')))
  if (top !== null) return top.mountPoint !== '/' ? 'chroot' : top.parentId === top.id ? 'absolute' : 'mount'
  const mounts = readOwnMounts(kernel)
  if (rootMount(mounts) === undefined) return 'chroot'
  return isAbsoluteRoot(mounts) ? 'absolute' : 'mount'
}

function readControllers(kernel: Pick<Kernel, 'readText'>, cgroup2: string): string[] {
  return (attempt(() => kernel.readText(`${cgroup2}/cgroup.controllers`)) ?? '').split(/\s+/).filter((name) => name !== '')
}

/** Where systemd has it, alone or beside cgroup v1; else wherever it is. */
export function cgroup2Mount(kernel: Pick<Kernel, 'readText' | 'statfs'>): string | null {
  const usual = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((path) => attempt(() => kernel.statfs(path).type) === CGROUP2_SUPER_MAGIC)
  return usual ?? readOwnMounts(kernel).find((mount) => mount.fstype === 'cgroup2' && mount.root === '/')?.mountPoint ?? null
}

/** Whether nothing can be written there whoever tries: by statmount(2) where there is one, else from mountinfo. */
function isReadOnly(kernel: Doors, path: string): boolean {
  const mount = attempt(() => kernel.statmountDetails(kernel.uniqueMountId(path))) ?? mountContaining(readOwnMounts(kernel), kernel.realpath(path))
  return mount !== undefined && (mount.options.includes('ro') || mount.superOptions.includes('ro'))
}

/** Who the container's root is on the host. */
const outsideRoot = (uids: readonly IdRange[]): number | undefined => uids.find(({ inside }) => inside === 0)?.outside

/** Reads the facts for `request`. Throws SyscallError when what is there cannot be looked at, or /proc is not mounted. */
export function readRunFacts(kernel: Doors, request: RunRequest, features: RunFeatures): RunFacts {
  const { root, env, command, workingDirectory } = request
  const there = attempt(() => kernel.stat(root))
  const isDirectory = there !== null && (there.mode & S_IFMT) === S_IFDIR
  const here = kernel.stat('/')
  const isContainer = request.kind === 'container'
  const seen = seenRoot(kernel, root, request.binds)
  const looked = [...(isContainer ? CONTAINER_DIRECTORIES : []), ...request.binds.map(({ target }) => target), workingDirectory]
  const present: Record<string, Presence> = {}
  if (isDirectory) for (const path of looked) present[path] ??= seen.presence(path)
  const cgroup2 = request.cgroupParent === null ? null : cgroup2Mount(kernel)
  return {
    uid: kernel.getuid(),
    features,
    root: {
      exists: there !== null,
      isDirectory,
      isHostRoot: there?.dev === here.dev && there.ino === here.ino,
      readOnly: isDirectory && isContainer && isReadOnly(kernel, root),
      alreadyMapped: there !== null && isContainer && request.idMap !== null && there.uid === outsideRoot(request.idMap.uids) && there.uid !== 0,
      idmappable: isDirectory && isContainer && !NEVER_IDMAPPED.has(kernel.statfs(root).type >>> 0),
    },
    present,
    sources: seen.sources,
    hostRoot: !isContainer && (request.engine === 'pivot' || request.engine === 'move') ? hostRoot(kernel) : null,
    program: isDirectory ? findProgram(seen, command[0] ?? '', env['PATH'], workingDirectory) : { problem: 'command-not-found', detail: 'there is no root' },
    resolvConf: isContainer && request.network === 'host' ? attempt(() => kernel.realpath('/etc/resolv.conf')) : null,
    cgroup2,
    cgroupControllers: cgroup2 === null || Object.values(request.limits).every((limit) => limit === null) ? null : readControllers(kernel, cgroup2),
  }
}
