// A modelled machine with an old root at /oldroot and devices that are stacked: for tests of taking it down.
//
// Not part of the program. Mounts and processes are the model kernel's; the devices are directories of its sysfs, and
// the calls that take them apart are answered here, as strictly as a kernel does: what is in use is EBUSY.

import { DM_DEV_REMOVE, DM_TARGET_MSG, LOOP_CLR_FD, MD_STOP_ARRAY, NBD_CLEAR_SOCK, NBD_DISCONNECT } from '../abi/block.ts'
import { errnoNumber, type ErrnoName } from '../abi/errno.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { BoundedCall, Kernel } from '../kernel/kernel.ts'
import { createModelKernel, type ModelKernel } from '../kernel/model/model-kernel.ts'
import { makeCall } from '../kernel/make-call.ts'
import type { ModelProcess } from '../kernel/model/model-process.ts'
import { dir, file, populate, symlink } from '../kernel/model/vfs.ts'
import type { FileTree, VNode } from '../kernel/model/vfs.ts'

const majors: Readonly<Record<string, number>> = { vd: 254, dm: 253, loop: 7, md: 9, nbd: 43 }

/** A block device: a disk, or one that is made of `slaves` in one of the ways. */
export interface ModelDevice {
  readonly name: string
  readonly slaves?: readonly string[]
  readonly loop?: string
  readonly dm?: { readonly name: string; readonly uuid: string }
  readonly md?: string
  readonly nbd?: number
  /** What is on it; default ext4. */
  readonly fstype?: string
}

export interface StackSpec {
  readonly devices: readonly ModelDevice[]
  /** Device and mount point, in the order of mounting. */
  readonly mounts: readonly (readonly [string, string])[]
  /** Paths of swap files. */
  readonly swaps?: readonly string[]
}

export interface StackModel {
  readonly kernel: Kernel
  readonly model: ModelKernel
  /** What was done, in order: 'ro /oldroot', 'umount /oldroot', 'loop0', 'message key wipe'. */
  readonly acts: string[]
  /** Further refusals by act, like 'umount /oldroot/mnt'. */
  readonly refuse: Map<string, ErrnoName>
  /** Acts that never come back. */
  readonly hang: Set<string>
  /** A process of the old root, or of the initramfs; `deaf`: it ends by nothing. */
  addProcess(pid: number, options?: { readonly deaf?: boolean; readonly ownNamespace?: boolean; readonly ofInitramfs?: boolean }): ModelProcess
}

function numberOf(name: string): readonly [number, number] {
  const prefix = Object.keys(majors).find((it) => name.startsWith(it)) ?? 'vd'
  const digits = /\d+$/.exec(name)
  return [majors[prefix] ?? 254, digits === null ? name.charCodeAt(name.length - 1) - 97 : Number(digits[0])]
}

function sysfsOf(device: ModelDevice): FileTree {
  const at = `/block/${device.name}`
  const numbers = numberOf(device.name).join(':')
  return {
    [`${at}/dev`]: file(`${numbers}\n`),
    [`${at}/slaves`]: dir(),
    [`/dev/block/${numbers}`]: symlink(`../../block/${device.name}`),
    ...Object.fromEntries((device.slaves ?? []).map((slave) => [`${at}/slaves/${slave}/dev`, file(`${numberOf(slave).join(':')}\n`)])),
    ...(device.loop === undefined ? {} : { [`${at}/loop/backing_file`]: file(`${device.loop}\n`) }),
    ...(device.dm === undefined ? {} : { [`${at}/dm/name`]: file(`${device.dm.name}\n`), [`${at}/dm/uuid`]: file(`${device.dm.uuid}\n`) }),
    ...(device.md === undefined ? {} : { [`${at}/md/array_state`]: file('clean\n'), [`${at}/md/metadata_version`]: file(`${device.md}\n`) }),
    ...(device.nbd === undefined ? {} : { [`${at}/pid`]: file(`${device.nbd}\n`) }),
  }
}

/** Builds it: "/" is the initramfs, /proc, /sys, /dev and /run are there. */
export function createStackModel(spec: StackSpec): StackModel {
  const model = createModelKernel({ absoluteRoot: true, files: {
    '/init': file('', 0o755), '/dev': dir(), '/proc': dir(), '/sys': dir(), '/run': dir(), '/oldroot': dir(),
  } })
  for (const [source, target] of [['devtmpfs', '/dev'], ['proc', '/proc'], ['sysfs', '/sys'], ['tmpfs', '/run']] as const) model.mount(source, target, source, 0, null)
  for (const { fstype } of spec.devices) if (fstype !== undefined) model.world.diskFsTypes.add(fstype)
  const devices = new Map(spec.devices.map((device) => [device.name, device]))
  for (const device of spec.devices) {
    const [major, minor] = numberOf(device.name)
    model.world.addDisk(device.name, { major, minor, fstype: device.fstype ?? 'ext4', files: {} })
    populate(model.world.sys, sysfsOf(device))
  }
  for (const [name, target] of spec.mounts) {
    const parts = target.split('/').slice(1)
    parts.forEach((_, i) => {
      const path = `/${parts.slice(0, i + 1).join('/')}`
      if (!model.exists(path)) model.mkdir(path, 0o755)
    })
    model.mount(`/dev/${name}`, target, devices.get(name)?.fstype ?? 'ext4', 0, null)
  }
  const swaps = model.world.swaps
  for (const swap of spec.swaps ?? []) swaps.add(swap)
  const showSwaps = (): void => void model.world.procTexts.set('swaps', ['Filename\tType\tSize\tUsed\tPriority', ...[...swaps].map((path) => `${path} file 1024 0 -2`), ''].join('\n'))
  showSwaps()

  const acts: string[] = []
  const refuse = new Map<string, ErrnoName>()
  const hang = new Set<string>()
  const fail = (call: string, code: ErrnoName): never => {
    throw new SyscallError(call, [], errnoNumber(code) ?? 0)
  }
  const isUsed = (device: ModelDevice): boolean =>
    model.readText('/proc/self/mountinfo').split('\n').some((line) => line.split(' ')[2] === numberOf(device.name).join(':')) ||
    [...devices.values()].some((it) => it.slaves?.includes(device.name) === true)
  const remove = (device: ModelDevice | undefined): void => {
    if (device === undefined) return fail('ioctl', 'ENXIO')
    if (isUsed(device)) fail('ioctl', 'EBUSY')
    devices.delete(device.name)
    const block = [...(model.world.sys.root.content.kind === 'dir' ? model.world.sys.root.content.entries.values() : [])].find((node: VNode) => node.name === 'block')
    if (block?.content.kind === 'dir') block.content.entries.delete(device.name)
  }
  const fileUsers = (mountPoint: string): boolean =>
    [...swaps, ...[...devices.values()].flatMap((it) => it.loop ?? [])].some((path) => path.startsWith(`${mountPoint}/`))

  const nameOf = (call: BoundedCall): string => {
    switch (call.call) {
      case 'mount': return `ro ${call.target}`
      case 'umount2': return `${(call.flags & 2) === 0 ? 'umount' : 'detach'} ${call.target}`
      case 'swapoff': return `swapoff ${call.path}`
      case 'write': return `write ${call.path}`
      case 'ioctl': {
        const text = typeof call.argument === 'number' ? [] : new TextDecoder().decode(call.argument).split('\0').filter((part) => /^[\w -]{3,}$/.test(part))
        if (call.request === DM_TARGET_MSG) return `message ${text[1]} to ${text[0]}`
        if (call.path === '/dev/mapper/control') return `${call.request === DM_DEV_REMOVE ? 'remove' : 'suspend'} ${text[0]}`
        return call.request === NBD_DISCONNECT ? `disconnect ${call.path}` : call.path
      }
      default: return call.call
    }
  }
  const perform = (call: BoundedCall, act: string): void => {
    const refusal = refuse.get(act)
    if (refusal !== undefined) fail(call.call, refusal)
    if (call.call === 'ioctl') {
      if ([LOOP_CLR_FD, MD_STOP_ARRAY, NBD_CLEAR_SOCK].includes(call.request)) remove(devices.get(call.path.slice('/dev/'.length)))
      else if (call.request === DM_DEV_REMOVE) remove([...devices.values()].find((it) => it.dm?.name === act.slice('remove '.length)))
      return
    }
    if (call.call === 'mount' && fileUsers(call.target)) fail('mount', 'EBUSY')
    if (call.call === 'umount2' && (call.flags & 2) === 0 && fileUsers(call.target)) fail('umount2', 'EBUSY')
    makeCall(model, call)
    if (call.call === 'swapoff') showSwaps()
  }
  const kernel: Kernel = {
    ...model,
    bounded: (call, { timeoutMs, tick, tickMs = 1000 }) => {
      const act = nameOf(call)
      acts.push(act)
      if (!hang.has(act)) {
        perform(call, act)
        return 'done'
      }
      for (let waited = 0; waited < timeoutMs; waited += tickMs) {
        tick?.()
        model.sleepMs(Math.min(tickMs, timeoutMs - waited))
      }
      return 'hung'
    },
  }
  return {
    kernel, model, acts, refuse, hang,
    addProcess: (pid, { deaf = false, ownNamespace = false, ofInitramfs = false } = {}) => {
      const root = model.world.mounts.all.find((mount) => mount.sb.source === `/dev/${spec.mounts[0]?.[0]}`)
      if (root === undefined) throw new Error('no old root')
      const mnt = ofInitramfs ? model.proc.root.mnt : root
      const here = { mnt, node: mnt.root }
      const process = model.world.addProcess({ pid, ppid: 1, comm: `p${pid}`, argv: [`p${pid}`], root: here, cwd: here, exe: here, ns: ownNamespace ? model.world.newNamespace() : model.proc.ns })
      if (deaf) process.endsAfterUs = 'never'
      return process
    },
  }
}
