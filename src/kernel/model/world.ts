// ModelWorld: one modelled machine: its mounts, file systems, processes, devices and clock.
//
// Starts as the kernel leaves it to /init: an initramfs as "/", PID 1 in it, nothing mounted. `absoluteRoot` is
// what kernels before 7.0 do (the initramfs is the root of everything); otherwise an immutable nullfs lies below.
// A ModelKernel is one process's door to this world.

import { MS_RELATIME } from '../../abi/mount.ts'
import { SIGKILL, SIGTERM } from '../../abi/process.ts'
import { makeDev } from '../../facts/mountinfo.ts'
import type { BoundedCall, ChildStatus, RunOptions, RunResult } from '../kernel.ts'
import { MountTable, type Loc, type ModelMount, type Namespace } from './mount-tree.ts'
import type { ModelProcess } from './model-process.ts'
import { addBlockNode, createDevtmpfs, type Disk } from './devices.ts'
import { createProc } from './proc-fs.ts'
import { createSuperBlock, populate, type FileTree, type SuperBlock, type VNode } from './vfs.ts'

/** A program that `run` can start: what it does to the world, and what comes out. */
export type Program = (args: readonly string[], options: RunOptions) => Partial<RunResult>

export interface WorldOptions {
  /** True: the initramfs is the absolute root, as before Linux 7.0. False: nullfs lies below it. */
  readonly absoluteRoot: boolean
  /** Files of the initramfs. */
  readonly files?: FileTree
  /** What the initramfs lives on; tmpfs unless rootfstype=ramfs or root= asks for ramfs. */
  readonly rootfsType?: 'tmpfs' | 'ramfs'
  /** Where PID 1's executable is, default '/init'. */
  readonly init?: string
  /** Linux 7.0 to 7.2: kdevtmpfs keeps a mount of the initramfs in a namespace of its own. */
  readonly kdevtmpfsPins?: boolean
  /** Bytes that the initramfs can hold. */
  readonly capacity?: number
}

export class ModelWorld {
  readonly mounts = new MountTable()
  readonly processes = new Map<number, ModelProcess>()
  readonly disks = new Map<bigint, Disk>()
  readonly programs = new Map<string, Program>()
  /** Files of /proc that no part of the model makes: 'cmdline', 'meminfo', 'sys/kernel/osrelease'. */
  readonly procTexts = new Map<string, string>()
  readonly loadedModules: { readonly path: string; readonly params: string }[] = []
  readonly orphans: ChildStatus[] = []
  readonly uevents: Uint8Array[] = []
  /** What was written to /dev/console and /dev/kmsg. */
  readonly consoleOutput: string[] = []
  readonly initramfs: SuperBlock
  readonly sys: SuperBlock
  readonly devtmpfs: SuperBlock
  /** Extended attributes by node. */
  readonly xattrs = new Map<VNode, Map<string, string>>()
  /** Paths that swapoff(2) knows. */
  readonly swaps = new Set<string>()
  /** Bounded calls that never come back. */
  readonly hangs: ((call: BoundedCall) => boolean)[] = []
  hostname = '(none)'
  nowUs = 1_000_000n
  /** File system types of disks that this kernel knows; others are ENODEV. */
  readonly diskFsTypes = new Set(['ext4', 'xfs', 'btrfs', 'erofs', 'squashfs', 'iso9660'])
  private readonly timers: { readonly atUs: bigint; readonly act: () => void }[] = []
  private nextMinor = 2
  private nextNs = 1
  private nextPid = 100

  constructor(options: WorldOptions) {
    const ns = this.newNamespace()
    let under: ModelMount | undefined
    if (!options.absoluteRoot) {
      const nullfs = createSuperBlock('nullfs', this.anonymousDev(), 'nullfs')
      under = this.mounts.create(nullfs, nullfs.root, 0)
      under.ns = ns
    }
    this.initramfs = createSuperBlock('rootfs', this.anonymousDev(), 'rootfs', {
      magicOf: options.rootfsType ?? 'tmpfs',
      ...(options.capacity === undefined ? {} : { capacity: options.capacity }),
    })
    if (options.files !== undefined) populate(this.initramfs, options.files)
    const root = this.mounts.create(this.initramfs, this.initramfs.root, 0)
    root.ns = ns
    if (under !== undefined) this.mounts.attach(root, { mnt: under, node: under.root })
    if (options.kdevtmpfsPins === true) this.mounts.clone(root, root.root).ns = this.newNamespace()

    this.sys = createSuperBlock('sysfs', this.anonymousDev(), 'sysfs')
    this.devtmpfs = createDevtmpfs(this.anonymousDev())
    const here: Loc = { mnt: root, node: root.root }
    this.addProcess({ pid: 2, ppid: 0, comm: 'kthreadd', argv: [], root: here, cwd: here, exe: null, ns, kernelThread: true })
    const init = this.nodeAt(this.initramfs, options.init ?? '/init')
    this.addProcess({
      pid: 1, ppid: 0, comm: 'init', argv: ['/init'], root: here, cwd: here, ns, kernelThread: false,
      exe: init === undefined ? null : { mnt: root, node: init },
    })
  }

  newNamespace(): Namespace {
    return { id: this.nextNs++ }
  }

  /** The next device number with major 0. */
  anonymousDev(): bigint {
    return makeDev(0, this.nextMinor++)
  }

  addProcess(what: {
    readonly pid?: number; readonly ppid?: number; readonly comm: string; readonly argv: readonly string[]
    readonly root: Loc; readonly cwd: Loc; readonly exe: Loc | null; readonly ns: Namespace; readonly kernelThread?: boolean
    readonly uid?: number; readonly startUs?: bigint
  }): ModelProcess {
    const p: ModelProcess = {
      pid: what.pid ?? this.nextPid++, ppid: what.ppid ?? 1, comm: what.comm, argv: what.argv, uid: what.uid ?? 0, oomScoreAdj: 0,
      root: what.root, cwd: what.cwd, exe: what.exe, ns: what.ns, kernelThread: what.kernelThread ?? false, state: 'S',
      startUs: what.startUs ?? this.nowUs, endsAfterUs: 0n, texts: new Map(),
      fds: new Map(), ignoredSignals: new Set(), blockedSignals: new Set(), droppedCapabilities: new Set(),
      limits: new Map([[7, { soft: 1024n, hard: 4096n }]]),
      schedule: { policy: 0, flags: 0, nice: 0 },
    }
    this.processes.set(p.pid, p)
    return p
  }

  /** The process ends: its children go to PID 1, and it stays as a zombie if PID 1 has to reap it. */
  end(p: ModelProcess): void {
    for (const child of this.processes.values()) if (child.ppid === p.pid) child.ppid = 1
    p.state = 'Z'
    p.exe = null
    p.fds.clear()
    if (p.ppid !== 1) this.processes.delete(p.pid)
  }

  /** A signal as it comes through a pidfd. PID 1 and kernel threads take none. */
  signal(p: ModelProcess, signal: number): void {
    if (p.pid === 1 || p.kernelThread || p.endsAfterUs === 'never' || p.state === 'Z') return
    if (signal === SIGKILL) this.end(p)
    else if (signal === SIGTERM && p.endsAfterUs === 0n) this.end(p)
    else if (signal === SIGTERM && p.endsAfterUs !== null) this.after(p.endsAfterUs, () => this.end(p))
  }

  /** A node by its path inside one file system, symbolic links not followed. */
  nodeAt(sb: SuperBlock, path: string): VNode | undefined {
    let at: VNode | undefined = sb.root
    for (const name of path.split('/').filter((n) => n !== '')) {
      at = at?.content.kind === 'dir' ? at.content.entries.get(name) : undefined
    }
    return at
  }

  /** Plugs in a block device: a node in /dev, and what mount(2) finds on it. */
  addDisk(name: string, disk: Omit<Disk, 'sb'> & { readonly fstype?: string; readonly files?: FileTree }): SuperBlock | null {
    const dev = makeDev(disk.major, disk.minor)
    const sb = disk.fstype === undefined ? null : createSuperBlock(disk.fstype, dev, `/dev/${name}`)
    if (sb !== null && disk.files !== undefined) populate(sb, disk.files)
    this.disks.set(dev, { ...disk, sb })
    addBlockNode(this.devtmpfs, name, dev)
    return sb
  }

  /** Lets something happen when the modelled clock gets there. */
  after(us: bigint, act: () => void): void {
    this.timers.push({ atUs: this.nowUs + us, act })
    this.timers.sort((a, b) => (a.atUs < b.atUs ? -1 : a.atUs > b.atUs ? 1 : 0))
  }

  /** Moves the clock to the next timer, at most by `us`. Returns false when nothing was due. */
  advance(us: bigint): boolean {
    const [next] = this.timers
    const until = this.nowUs + us
    if (next === undefined || next.atUs > until) {
      this.nowUs = until
      return false
    }
    this.timers.shift()
    if (next.atUs > this.nowUs) this.nowUs = next.atUs
    next.act()
    return true
  }

  /** True while a mount, descriptor, executable or directory of a process keeps a file system's memory. */
  isAlive(sb: SuperBlock): boolean {
    if (this.mounts.all.some((m) => m.sb === sb)) return true
    return [...this.processes.values()].some((p) =>
      [p.root, p.cwd, ...(p.exe === null ? [] : [p.exe]), ...[...p.fds.values()].map((f) => f.file.loc)].some((l) => l.mnt.sb === sb),
    )
  }

  /** A file system by type for mounting: the one instance of sysfs and devtmpfs, a new one of proc, tmpfs and such. */
  virtualFs(fstype: string, source: string): SuperBlock | null {
    if (fstype === 'proc') return createProc(this, this.anonymousDev())
    if (fstype === 'sysfs') return this.sys
    if (fstype === 'devtmpfs') return this.devtmpfs
    if (['tmpfs', 'ramfs', 'devpts', 'cgroup2', 'securityfs'].includes(fstype)) return createSuperBlock(fstype, this.anonymousDev(), source)
    return null
  }

  /** Default flags of a new mount: relatime, as the kernel does when no atime flag is given. */
  readonly defaultMountFlags = MS_RELATIME
}
