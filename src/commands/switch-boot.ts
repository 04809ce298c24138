// The last part of a boot for an initramfs that somebody else made: dracut's, initramfs-tools', mkinitcpio's.
//
// Their /init finds and mounts the root, and calls a program to switch to it. `fulcrum switch --boot` is that program
// with what our own boot does there: the kernel command line decides about engine and initramfs, the processes are
// decided about and marked, the record is written. `fulcrum keep` does it where systemd switches root by itself.
// docs/dracut.md; docs/processes.md.

import { writeRecord } from '../boot/boot-record.ts'
import { endProcessesBeforeSwitch } from '../boot/end-processes.ts'
import type { EndingState } from '../boot/end-processes.ts'
import { readImageConfig } from '../boot/image-config.ts'
import type { ImageConfig } from '../boot/image-config.ts'
import { createLog } from '../boot/log.ts'
import { readParameters } from '../boot/parameters.ts'
import { Trace } from '../execute/trace.ts'
import { parseCommandLine } from '../facts/cmdline.ts'
import { parseMountInfo, topMountAt } from '../facts/mountinfo.ts'
import { INITRAMFS_DIRECTORY } from '../facts/switch-types.ts'
import type { SwitchRequest } from '../facts/switch-types.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Plan } from '../plan/step.ts'
import { initramfsDevices } from '../processes/read-origin.ts'
import { VERSION } from '../version.ts'

/** One such boot, from its facts to its record. */
export interface BootSide extends EndingState {
  readonly trace: Trace
  readonly image: ImageConfig
  readonly startedUs: number
}

/** What is known before anything is done. Needs /proc. Throws SyscallError. */
export function createBootSide(kernel: Kernel): BootSide {
  const line = parseCommandLine(kernel.readText('/proc/cmdline'))
  const { values: parameters, problems } = readParameters(line)
  const log = createLog(kernel)
  log.setLevel(parameters.logLevel)
  const image = readImageConfig(kernel)
  for (const problem of [...(image.problem === null ? [] : [image.problem]), ...problems.map((it) => it.detail)]) log.warn(problem)
  return { kernel, line, parameters, log, image, trace: new Trace(() => kernel.monotonicUs()), startedUs: Number(kernel.monotonicUs()) }
}

/** The request with what the command line and the image say. What the caller has chosen stays. */
export function asBoot(side: BootSide, request: SwitchRequest): SwitchRequest {
  const { parameters, image } = side
  // The bind trick is part of the switch here: a shell that is PID 1 cannot have it done for itself any earlier.
  const fallback = parameters.engine === 'auto' ? 'pivot' : parameters.engine
  return {
    ...request,
    engine: request.engine === 'auto' ? fallback : request.engine,
    keep: request.keep ?? parameters.keep ?? image.keep,
    secrets: [...new Set([...image.secrets, ...parameters.secrets])],
  }
}

/** Taken before the switch, written into the record after it. */
export interface BeforeSwitch {
  readonly root: { readonly source: string; readonly type: string; readonly options: string }
  readonly devices: readonly string[]
}

/** Decides about the processes, and remembers what cannot be read afterwards. */
export function beforeSwitch(side: BootSide, newRoot: string, plan: Plan): BeforeSwitch {
  const { kernel } = side
  const mounts = parseMountInfo(kernel.readText('/proc/self/mountinfo'))
  const top = topMountAt(mounts, newRoot)
  const devices = initramfsDevices(mounts, kernel.stat('/').dev).map(String)
  endProcessesBeforeSwitch(side, plan.keep ?? 'full')
  side.trace.note('switch', plan.name, { reason: plan.reason })
  return { root: { source: top?.source ?? 'unknown', type: top?.fstype ?? 'unknown', options: top?.options.join(',') ?? '' }, devices }
}

/** Writes /run/fulcrum/boot.json, where /run is the new root's by now. A failure is told. */
export function recordSwitch(side: BootSide, before: BeforeSwitch, plan: Plan): void {
  const { kernel, trace, log, line } = side
  const keep = plan.keep ?? 'full'
  // A copy is a file system of its own.
  const copy = keep === 'slim' && kernel.exists(INITRAMFS_DIRECTORY) ? [String(kernel.stat(INITRAMFS_DIRECTORY).dev)] : []
  const devices = [...new Set([...before.devices, ...copy])]
  const problem = writeRecord(kernel, {
    version: VERSION, kernelRelease: kernel.readText('/proc/sys/kernel/osrelease').trim(), commandLine: line.text,
    initUs: side.startedUs, handOverUs: Number(kernel.monotonicUs()), root: before.root, prepared: false, plan, keep, rescues: 0,
    initramfsDevice: devices[0] ?? '', initramfsDevices: devices, initArgv: ['/init'], initEnv: {}, returns: 0,
  }, trace)
  if (problem !== null) log.warn(problem)
}
