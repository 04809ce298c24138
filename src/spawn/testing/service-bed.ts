// What tests of services stand on: a root with programs, everything shared as on a host with systemd, and ways to count the
// mounts of a namespace, those included that no path leads to.
//
// For the host (services.ns.test.ts) and for guests (qemu-tests/testing/services.guest.ts).

import { MS_BIND, MS_REC, MS_SHARED, MNT_DETACH } from '../../abi/mount.ts'
import { O_RDONLY } from '../../abi/process.ts'
import { CLONE_NEWNS } from '../../abi/process.ts'
import { RAW_CALLS } from '../../abi/raw-syscalls.ts'
import { serviceRequest } from '../../facts/run/request-for-tests.ts'
import type { ServiceRequest } from '../../facts/run/run-types.ts'
import { parseMountInfo } from '../../facts/mountinfo.ts'
import type { Mount } from '../../facts/mountinfo.ts'
import { attempt } from '../../kernel/errors.ts'
import type { Row } from '../../kernel/child-table.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { waitReadable } from '../../kernel/wait-readable.ts'
import { calls } from '../../plan/run/calls.ts'
import type { ChildCall, RunPlan } from '../../plan/run/run-plan.ts'

/** struct mnt_ns_info of <linux/nsfs.h>, since Linux 6.12. */
const NS_MNT_GET_INFO = 0x8010b70a
const SIGKILL = 9

export interface ServiceBed {
  /** A directory that all of it is in. */
  readonly base: string
  /** A root: programs as binds, an empty /mnt, /data with a tmpfs on /data/sub. */
  readonly root: string
}

/** Makes it, and makes every mount of this namespace shared. */
export function makeServiceBed(kernel: Kernel, base: string): ServiceBed {
  const root = `${base}/root`
  kernel.mkdir(base, 0o755)
  kernel.mount('base', base, 'tmpfs', 0, null)
  for (const path of ['root', 'src', 'src/sub']) kernel.mkdir(`${base}/${path}`, 0o755)
  kernel.mount('root', root, 'tmpfs', 0, null)
  for (const path of ['mnt', 'data', 'data/sub', 'tmp', 'bound', 'proc']) kernel.mkdir(`${root}/${path}`, 0o755)
  kernel.mount('sub', `${root}/data/sub`, 'tmpfs', 0, null)
  kernel.mount('source', `${base}/src/sub`, 'tmpfs', 0, null)
  kernel.writeFile(`${base}/src/file`, 'of the host\n')
  kernel.mount('none', '/', null, MS_REC | MS_SHARED, null)
  for (const path of ['bin', 'lib', 'lib64', 'usr']) {
    if (!kernel.exists(`/${path}`)) continue
    kernel.mkdir(`${root}/${path}`, 0o755)
    kernel.mount(`/${path}`, `${root}/${path}`, null, MS_BIND, null)
  }
  return { base, root }
}

export function endServiceBed(kernel: Kernel, { base }: ServiceBed): void {
  kernel.umount2(base, MNT_DETACH)
  kernel.rmdir(base)
}

/** A service that stays until it is killed. */
export const sleeping = (changes: Partial<ServiceRequest>): ServiceRequest => ({ ...serviceRequest, command: ['sleep', '1000'], env: { PATH: '/usr/bin:/bin' }, ...changes })

export const mountsOf = (kernel: Pick<Kernel, 'readText'>, pid: number | 'self'): Mount[] => parseMountInfo(kernel.readText(`/proc/${pid}/mountinfo`))

export interface MountCount {
  /** What the process has in its mountinfo. */
  readonly visible: number
  /** What all processes in its namespace have in theirs, each mount once: 6.1 has nothing better. */
  readonly seen: number
  /** By the kernel's own count, which leaves out the absolute root; null before 6.12. */
  readonly all: number | null
}

/** Processes in the mount namespace of this one. */
export function processesOf(kernel: Kernel, pid: number): number[] {
  const namespace = kernel.readlink(`/proc/${pid}/ns/mnt`)
  return kernel.readdir('/proc').filter((name) => /^\d+$/.test(name) && attempt(() => kernel.readlink(`/proc/${name}/ns/mnt`)) === namespace).map(Number)
}

export function countMounts(kernel: Kernel, pid: number): MountCount {
  const seen = new Set(processesOf(kernel, pid).flatMap((one) => mountsOf(kernel, one).map(({ id }) => id)))
  const fd = kernel.open(`/proc/${pid}/ns/mnt`, O_RDONLY)
  const info = Buffer.alloc(16)
  info.writeUInt32LE(info.length)
  const answered = attempt(() => kernel.ioctl(fd, NS_MNT_GET_INFO, info))
  kernel.close(fd)
  return { visible: mountsOf(kernel, pid).length, seen: seen.size, all: answered === null ? null : info.readUInt32LE(4) }
}

/** Unique id of a mount that is made now and gone at once: they are given out one after the other. Null before Linux 6.8. */
export function nextMountId(kernel: Kernel): bigint | null {
  const context = kernel.fsopen('tmpfs')
  const fd = kernel.fsmount(context, 0)
  const id = attempt(() => kernel.uniqueMountId(`/proc/self/fd/${fd}`))
  kernel.close(fd)
  kernel.close(context)
  return id
}

/**
 * The plan with a process that stays at the namespace's first root: it goes on seeing what the switch leaves beneath. For
 * engines that copy the whole namespace. End it by endWatchers().
 */
export function withWatcher(plan: RunPlan): RunPlan {
  const [first, ...rest] = plan.calls
  if (first === undefined) return plan
  const watcher: ChildCall = calls.execve('/bin/sleep', ['sleep', '1000'], {}, { label: 'watcher' })
  return { ...plan, calls: [first, calls.clone(0, { ifZero: 'watcher' }), ...rest, watcher] }
}

/** Kills what else is in the namespace; call it before the service itself is ended. */
export function endWatchers(kernel: Kernel, pid: number): void {
  for (const one of processesOf(kernel, pid)) if (one !== pid) kernel.kill(one, SIGKILL)
}

/** Makes calls in the mount namespace of a process; the result of the last one. */
export function inNamespaceOf(kernel: Kernel, pid: number, planned: readonly ChildCall[]): number | null {
  const fd = kernel.open(`/proc/${pid}/ns/mnt`, O_RDONLY)
  const rows: Row[] = [
    { nr: RAW_CALLS.setns, args: [fd, CLONE_NEWNS] },
    ...planned.map(({ call, args }): Row => ({ nr: RAW_CALLS[call], args: args.map((one) => (typeof one === 'string' || typeof one === 'number' ? one : null)) })),
  ]
  const table = kernel.startChild(rows, { flags: 0 })
  waitReadable(kernel, table.pidfd, 5000)
  kernel.reap(table.pid)
  kernel.close(table.pidfd)
  kernel.close(fd)
  const last = table.result(rows.length - 1)
  table.release()
  return last
}

/** The same kernel with one call taken over. */
export function kernelWith(kernel: Kernel, changed: Partial<Kernel>): Kernel {
  return new Proxy(kernel, {
    get(target, key): unknown {
      if (Object.hasOwn(changed, key)) return Reflect.get(changed, key)
      const found: unknown = Reflect.get(target, key)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
