// What `fulcrum run` is asked for, and what it has to know of the system to plan it.
//
// Types only. Two kinds: a service has a root and a mount namespace of its own that follows the host's mounts; a
// container has namespaces of every kind.  docs/run.md, namespaces(7)

import type { KernelFile } from './kernel-files.ts'

export type RunEngine = 'auto' | 'pivot' | 'move' | 'namespace'

/** A range of one column of uid_map(5): `count` ids from `inside` on are `outside` and following on the host. */
export interface IdRange {
  readonly inside: number
  readonly outside: number
  readonly count: number
}

/** A directory or file of the host that is seen at `target` in the root. Both absolute. */
export interface Bind {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
  /** With the mounts below it. */
  readonly recursive: boolean
  /** With owners shown through the map of a container's user namespace: its root may write what the host's root may. False by default. */
  readonly idMapped?: boolean
}

/** Files of cgroup v2, each null for the kernel's default. */
export interface Limits {
  /** memory.max in bytes. */
  readonly memoryMax: number | null
  /** pids.max. */
  readonly pidsMax: number | null
  /** cpu.max as microseconds of a period of 100 000. */
  readonly cpuMaxUs: number | null
  /** cpu.weight, 1 to 10000. */
  readonly cpuWeight: number | null
}

/** What runs: the same for both kinds. */
interface RunBase {
  /** Letters, digits, '.', '_', '-'; at most 63: `fulcrum list` and the cgroup are called so. */
  readonly name: string
  /** Absolute path of a directory. */
  readonly root: string
  /** argv; the first one is looked up in PATH of `env` inside of the root unless it has a '/'. */
  readonly command: readonly string[]
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>
  /** In the root. */
  readonly workingDirectory: string
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
  readonly binds: readonly Bind[]
  readonly readOnly: boolean
  /** Names without CAP_ that are kept in the bounding set; null keeps all that there are. */
  readonly capabilities: readonly string[] | null
  readonly noNewPrivileges: boolean
  readonly limits: Limits
  /** Directory below the cgroup2 mount that the cgroup `name` is made in, for instance '/fulcrum'; null: no cgroup. */
  readonly cgroupParent: string | null
  /** Descriptors of this process that become 0, 1 and 2. */
  readonly stdio: readonly [number, number, number]
  /** A pseudo terminal takes the place of `stdio`, and is the controlling terminal of the command's session. */
  readonly terminal: boolean
  /** setsid(2) also without a terminal: what is typed at ours reaches the command by us only. */
  readonly session?: boolean
}

export interface ServiceRequest extends RunBase {
  readonly kind: 'service'
  readonly engine: RunEngine
}

export interface ContainerRequest extends RunBase {
  readonly kind: 'container'
  readonly engine: 'auto' | 'pivot' | 'namespace'
  readonly hostname: string | null
  /** Null: no user namespace. */
  readonly idMap: { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] } | null
  /** 'none' is a namespace with the loopback device only. */
  readonly network: 'host' | 'none'
  /** 'yes': an empty root with /usr of ROOT, read-only; 'state': /var in memory; 'overlay': all writes in memory. */
  readonly volatile: 'no' | 'yes' | 'state' | 'overlay'
  /** A PID 1 that reaps and forwards signals; else the command itself is PID 1. */
  readonly init: boolean
}

export type RunRequest = ServiceRequest | ContainerRequest

/** What this kernel can, by trying; once per process. */
export interface RunFeatures {
  /** OPEN_TREE_NAMESPACE, since Linux 7.0. */
  readonly openTreeNamespace: boolean
  /** move_mount(2) into a tree that is attached nowhere, since Linux 6.16. */
  readonly mountIntoDetached: boolean
  /** The mount option pidns= of proc, since Linux 6.18. */
  readonly procPidns: boolean
  /** clone3(2) with CLONE_INTO_CGROUP, since Linux 5.7. */
  readonly cloneIntoCgroup: boolean
  /** MOUNT_ATTR_IDMAP by mount_setattr(2), since Linux 5.12; which file systems take it is another matter. */
  readonly idmappedMounts: boolean
  /** What of /proc and /sys is kept from containers: readKernelFiles(). */
  readonly kernelFiles: readonly KernelFile[]
}

/** What a path leads to, all links followed inside of the root. */
export type Presence = 'directory' | 'file' | 'missing'

/** What execve(2) shall be called with; the detail is a clause: "'/bin/x' is a directory". */
export type Program = { readonly path: string } | { readonly problem: 'command-not-found' | 'command-not-executable'; readonly detail: string }

/** What the planner has to know. */
export interface RunFacts {
  readonly uid: number
  readonly features: RunFeatures
  /** What is at the request's root. `alreadyMapped`: it belongs to the root of the request's id map, so that no mount has to map it. */
  readonly root: { readonly exists: boolean; readonly isDirectory: boolean; readonly isHostRoot: boolean; readonly readOnly: boolean; readonly idmappable: boolean; readonly alreadyMapped: boolean }
  /** Of the directories that something is mounted on ('/proc', '/dev', targets of binds), and the working directory: what is there already. */
  readonly present: Readonly<Record<string, Presence>>
  /** Sources of the binds, by what the request calls them; `path` is without symbolic links. */
  readonly sources: Readonly<Record<string, { readonly type: Presence; readonly path: string }>>
  /** What "/" of this process is; pivot_root(2) needs a mount with a parent. Null: not looked at, no engine that was asked for needs it. */
  readonly hostRoot: 'mount' | 'absolute' | 'chroot' | null
  /** The program as a path inside of the root, or why there is none. */
  readonly program: Program
  /** The host's /etc/resolv.conf without symbolic links, for a container in the host's network; else null. */
  readonly resolvConf: string | null
  /** Where cgroup2 is mounted, or null. */
  readonly cgroup2: string | null
  /** Controllers that cgroup v2 has to give; null where no limit asks for one. */
  readonly cgroupControllers: readonly string[] | null
}
