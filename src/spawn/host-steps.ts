// Host steps of a plan, made: descriptors by handle, and what has to be undone.
//
// One object for each run. What a step opens is closed by `closeAllBut` or `undo`; user namespaces, the template and the init
// program belong to the Spawner and stay.  src/plan/run/run-plan.ts

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_IDMAP, MOVE_MOUNT_F_EMPTY_PATH, OPEN_TREE_CLOEXEC } from '../abi/mount.ts'
import { O_CLOEXEC, O_DIRECTORY, O_PATH, S_IFCHR, S_IFREG } from '../abi/process.ts'
import { makeDev } from '../facts/mountinfo.ts'
import { attempt, isErrno } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { newMount } from '../kernel/new-mount.ts'
import type { Handle, HostStep, TreeNode } from '../plan/run/run-plan.ts'
import { makeCgroup, removeCgroup } from './cgroup.ts'
import { openTerminal } from './terminal.ts'

/** What many runs share: each answers a descriptor that the caller does not close. */
export interface Shared {
  userNamespace(uidMap: string, gidMap: string): Fd
  template(): Fd
  initProgram(): Fd
}

export class HostSteps {
  readonly #kernel: Kernel
  readonly #shared: Shared
  readonly #own = new Map<string, Fd>()
  readonly #borrowed = new Map<string, Fd>()
  readonly #cgroups: string[] = []

  constructor(kernel: Kernel, shared: Shared) {
    this.#kernel = kernel
    this.#shared = shared
  }

  /** Makes one step. Throws SyscallError; what the step has begun is undone with the rest. */
  make(step: HostStep): void {
    const kernel = this.#kernel
    switch (step.op) {
      case 'open-tree': {
        const { from } = step
        const [at, path, flags] = typeof from === 'string' ? [AT_FDCWD, from, 0] as const : [this.fd(from.handle), '', AT_EMPTY_PATH] as const
        this.#own.set(step.as, kernel.openTree(at, path, step.flags | flags | OPEN_TREE_CLOEXEC))
        return
      }
      case 'set-attributes': {
        const userNamespace = step.userNamespace === null ? undefined : this.fd(step.userNamespace.handle)
        const set = step.set | (userNamespace === undefined ? 0 : MOUNT_ATTR_IDMAP)
        const change = { set, clear: step.clear, propagation: step.propagation, ...(userNamespace === undefined ? {} : { userNamespace }) }
        return kernel.mountSetattr(this.fd(step.tree.handle), '', AT_EMPTY_PATH | (step.recursive ? AT_RECURSIVE : 0), change)
      }
      case 'new-mount': return void this.#own.set(step.as, this.#newMount(step))
      case 'attach': return kernel.moveMount(this.fd(step.mount.handle), '', this.fd(step.tree.handle), step.path, MOVE_MOUNT_F_EMPTY_PATH)
      case 'open': return void this.#own.set(step.as, kernel.open(step.at === undefined ? step.path : this.#in(step.at, step.path), step.flags | O_CLOEXEC))
      case 'ensure-directory': return this.#ensure(step.path, step.mode)
      case 'cgroup': return this.#cgroup(step)
      case 'user-namespace': return void this.#borrowed.set(step.as, this.#shared.userNamespace(step.uidMap, step.gidMap))
      case 'template-namespace': return void this.#borrowed.set(step.as, this.#shared.template())
      case 'init-program': return void this.#borrowed.set(step.as, this.#shared.initProgram())
      case 'terminal': {
        const { master, peer } = openTerminal(kernel, step.devpts === null ? '/dev/ptmx' : this.#in(step.devpts, 'ptmx'))
        this.#own.set(step.master, master).set(step.peer, peer)
        return
      }
      case 'make-node': return this.#node(this.#in(step.tree, step.path), step.node)
    }
  }

  /** The descriptor of a handle. Throws RangeError if no step has made it: a mistake of the plan. */
  fd(handle: string): Fd {
    const found = this.find(handle)
    if (found === null) throw new RangeError(`Cannot find '${handle}': no step of the plan has made it`)
    return found
  }
  find(handle: string): Fd | null {
    return this.#own.get(handle) ?? this.#borrowed.get(handle) ?? null
  }

  #in(tree: Handle, path: string): string {
    return `/proc/self/fd/${this.fd(tree.handle)}/${path}`
  }

  #newMount({ fstype, options, attributes }: Extract<HostStep, { op: 'new-mount' }>): Fd {
    const settings = options.map(([key, value]) => [key, value !== null && typeof value === 'object' ? { fd: this.fd(value.handle) } : value] as const)
    return newMount(this.#kernel, fstype, settings, attributes)
  }

  #ensure(path: string, mode: number): void {
    const kernel = this.#kernel
    if (kernel.exists(path)) return
    const parent = path.replace(/\/[^/]+\/*$/, '')
    if (parent !== '' && parent !== path) this.#ensure(parent, mode)
    try {
      kernel.mkdir(path, mode)
    } catch (error) {
      // Somebody else was faster.
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }

  #cgroup({ path, files, as }: Extract<HostStep, { op: 'cgroup' }>): void {
    const kernel = this.#kernel
    makeCgroup(kernel, path, files)
    this.#cgroups.push(path)
    this.#own.set(as, kernel.open(path, O_PATH | O_DIRECTORY))
  }

  /** The mode is what the plan says, whatever umask(2) this process has. */
  #node(path: string, node: TreeNode): void {
    const kernel = this.#kernel
    switch (node.type) {
      case 'directory':
        kernel.mkdir(path, node.mode)
        if ((node.mode & 0o7022) !== 0) kernel.chmod(path, node.mode)
        return
      case 'symlink': return kernel.symlink(node.to, path)
      case 'file':
      case 'character-device': {
        const [type, device] = node.type === 'file' ? [S_IFREG, 0n] as const : [S_IFCHR, makeDev(node.major, node.minor)] as const
        kernel.mknod(path, type | node.mode, device)
        if ((node.mode & 0o7022) !== 0) kernel.chmod(path, node.mode)
      }
    }
  }

  /** Closes what nobody needs once the child runs; our end of a terminal stays. */
  closeAllBut(kept: readonly string[]): void {
    for (const [name, fd] of this.#own) {
      if (name === 'terminal' || kept.includes(name)) continue
      this.#kernel.close(fd)
      this.#own.delete(name)
    }
  }

  /** Closes and removes everything: the end of the run, or of an attempt. Never throws. */
  undo(): void {
    for (const fd of [...this.#own.values()].reverse()) attempt(() => this.#kernel.close(fd))
    this.#own.clear()
    this.#borrowed.clear()
    for (const path of this.#cgroups.splice(0).reverse()) removeCgroup(this.#kernel, path)
  }
}
