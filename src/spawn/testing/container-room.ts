// A root with busybox, and containers in it whose output is looked at: for tests on the host and in guests.
//
// The root is on whatever file system `at` is on. Nothing is left but the directory.

import { S_IFCHR } from '../../abi/process.ts'
import { CONTAINER_CAPABILITIES } from '../../commands/run-options.ts'
import { attempt } from '../../kernel/errors.ts'

import type { Fd, Kernel } from '../../kernel/kernel.ts'
import { waitReadable } from '../../kernel/wait-readable.ts'
import type { ContainerRequest } from '../../facts/run/run-types.ts'
import { readRunFacts } from '../../facts/run/run-facts.ts'
import { planContainer } from '../../plan/run/container.ts'
import type { RunPlan } from '../../plan/run/run-plan.ts'
import type { ExitStatus } from '../spawner-types.ts'
import type { Spawner } from '../spawner.ts'
import { RunRefused, startRun } from '../start-run.ts'

const APPLETS = ['sh', 'cat', 'ls', 'id', 'mount', 'umount', 'mknod', 'mkdir', 'hostname', 'grep', 'stat', 'touch', 'readlink', 'sleep', 'sort', 'cut', 'wc', 'unshare', 'nsenter', 'chroot', 'kill', 'true', 'sed', 'tr', 'tty', 'env', 'chown', 'head', 'ps', 'awk', 'rm', 'echo']

/** Without privileges on the host: 65536 ids from 100000 on. */
export const MAP = { uids: [{ inside: 0, outside: 100000, count: 65536 }], gids: [{ inside: 0, outside: 100000, count: 65536 }] } as const

/** Makes the root below `at`, which has to exist. */
export function makeRoot(kernel: Kernel, at: string): void {
  for (const name of ['bin', 'usr', 'usr/bin', 'etc', 'var', 'root', 'mnt', 'proc', 'sys', 'dev', 'run', 'tmp', 'data']) kernel.mkdir(`${at}/${name}`, 0o755)
  kernel.writeFile(`${at}/usr/bin/busybox`, kernel.readFile('/bin/busybox'), 0o755)
  for (const name of APPLETS) kernel.symlink('busybox', `${at}/usr/bin/${name}`)
  for (const name of APPLETS) kernel.symlink(`../usr/bin/${name}`, `${at}/bin/${name}`)
  kernel.symlink('/run', `${at}/var/run`)
  kernel.mknod(`${at}/data/null`, S_IFCHR | 0o666, 0x103n)
  kernel.chmod(`${at}/data/null`, 0o666)
  kernel.writeFile(`${at}/etc/hosts`, 'of the root\n')
}

export const BASE_REQUEST: Omit<ContainerRequest, 'root' | 'stdio'> = {
  kind: 'container', name: 'room', command: ['sh'], env: { PATH: '/usr/bin:/bin' }, workingDirectory: '/', user: { uid: 0, gid: 0, groups: [] },
  binds: [], readOnly: false, capabilities: CONTAINER_CAPABILITIES, noNewPrivileges: true,
  limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null }, cgroupParent: null, terminal: false,
  engine: 'auto', hostname: 'room', idMap: null, network: 'none', volatile: 'no', init: true,
}

export interface Outcome {
  readonly status: ExitStatus | null
  readonly output: string
}

export type Wish = Partial<Omit<ContainerRequest, 'kind' | 'root' | 'stdio'>>

/** Plans for one root. */
export class ContainerRoom {
  readonly kernel: Kernel
  readonly spawner: Spawner
  readonly root: string

  constructor(kernel: Kernel, spawner: Spawner, root: string) {
    this.kernel = kernel
    this.spawner = spawner
    this.root = root
  }

  request(wish: Wish, stdio: readonly [number, number, number]): ContainerRequest {
    return { ...BASE_REQUEST, ...wish, root: this.root, stdio }
  }

  /** Throws what planContainer refuses, as an error. */
  plan(wish: Wish, stdio: readonly [number, number, number] = [0, 1, 2]): RunPlan {
    const request = this.request(wish, stdio)
    const { plan, refusal } = planContainer(request, readRunFacts(this.kernel, request, this.spawner.features))
    if (plan === null) throw new Error(`${refusal.reason}: ${refusal.detail}`)
    return plan
  }

  /** By startRun(): the code of the command, or the reason why it was refused. */
  startedOrRefused(wish: Wish): string {
    try {
      return String(startRun(this.kernel, this.spawner, this.request(wish, [0, 1, 2])).wait(200_000)?.code)
    } catch (error) {
      if (error instanceof RunRefused) return error.refusal.reason
      throw error
    }
  }

  /** Runs a shell script in a container to its end. */
  sh(script: string, wish: Wish = {}): Outcome {
    return this.#captured((stdio) => {
      const child = this.spawner.start(this.plan({ command: ['sh', '-c', script], ...wish }, stdio))
      return child.wait(200_000)
    })
  }

  /** The same with a terminal of the container's own; its output as the terminal shows it. */
  shInTerminal(script: string, wish: Wish = {}): Outcome {
    const { kernel } = this
    const child = this.spawner.start(this.plan({ command: ['sh', '-c', script], terminal: true, ...wish }))
    const master = child.handle('terminal')
    let output = ''
    const bytes = new Uint8Array(4096)
    // EIO when the last one who had it open is gone.
    for (;;) {
      const count = master === null || !waitReadable(kernel, master, 10_000) ? null : attempt(() => kernel.read(master, bytes, null))
      if (count === null || count === 0) break
      output += new TextDecoder().decode(bytes.subarray(0, count))
    }
    return { status: child.wait(200_000), output: output.replaceAll('\r', '') }
  }

  #captured(run: (stdio: readonly [number, number, number]) => ExitStatus | null): Outcome {
    const { kernel } = this
    const out = kernel.memfdCreate('output', 1)
    const nothing = kernel.open('/dev/null', 0)
    try {
      const status = run([nothing, out, out])
      return { status, output: textOf(kernel, out) }
    } finally {
      kernel.close(out)
      kernel.close(nothing)
    }
  }
}

function textOf(kernel: Kernel, fd: Fd): string {
  const bytes = new Uint8Array(Number(kernel.fstat(fd).size))
  kernel.read(fd, bytes, 0)
  return new TextDecoder().decode(bytes)
}

/** What must be the same before and after: descriptors, children, mounts, cgroups of a parent. */
export function traces(kernel: Kernel, cgroupParent?: string): string {
  const links = kernel.readdir('/proc/self/fd').flatMap((fd) => attempt(() => `${fd} ${kernel.readlink(`/proc/self/fd/${fd}`)}`) ?? [])
  return JSON.stringify({
    // One is that of the directory which is being read.
    descriptors: links.filter((it) => !it.endsWith('/fd')).sort(),
    children: kernel.readText(`/proc/self/task/${kernel.getpid()}/children`),
    mounts: kernel.readText('/proc/self/mountinfo').split('\n').length,
    cgroups: cgroupParent === undefined ? [] : attempt(() => kernel.readdir(cgroupParent).filter((name) => !name.includes('.'))),
  })
}

