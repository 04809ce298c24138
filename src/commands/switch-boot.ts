// The last part of a boot for an initramfs that somebody else made: dracut's, initramfs-tools', mkinitcpio's.
//
// Their /init finds and mounts the root, and calls a program to switch to it. `fulcrum switch --boot` is that program
// with what our own boot does there: the kernel command line decides about engine and initramfs, the processes are
// decided about and marked, the record is written. `fulcrum keep` does it where systemd switches root by itself.
// docs/dracut.md; docs/processes.md.

import { MS_BIND } from '../abi/mount.ts'
import { S_IFDIR, S_IFLNK, S_IFMT } from '../abi/process.ts'
import { summaryLines, writeRecord } from '../boot/boot-record.ts'
import type { BootSummary } from '../boot/boot-record.ts'
import { endProcessesBeforeSwitch } from '../boot/end-processes.ts'
import type { EndingState } from '../boot/end-processes.ts'
import { recordStartState } from '../boot/hand-over.ts'
import type { StartState } from '../boot/hand-over.ts'
import { readImageConfig } from '../boot/image-config.ts'
import type { ImageConfig } from '../boot/image-config.ts'
import { keepLeftFiles } from '../boot/left-files.ts'
import { createLog } from '../boot/log.ts'
import { readParameters } from '../boot/parameters.ts'
import { Trace } from '../execute/trace.ts'
import { parseCommandLine } from '../facts/cmdline.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import { inRoot } from '../facts/paths.ts'
import { INITRAMFS_DIRECTORY, SYSROOT } from '../facts/switch-types.ts'
import type { SwitchRequest } from '../facts/switch-types.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { STAGING } from '../plan/prepare.ts'
import type { Plan } from '../plan/step.ts'
import { initramfsDevices } from '../processes/read-origin.ts'
import { takeReturns } from '../return/foreign-init.ts'
import { VERSION } from '../version.ts'

/** One such boot, from its facts to its record. */
export interface BootSide extends EndingState {
  readonly trace: Trace
  readonly image: ImageConfig
  /** When the initramfs began, where a hook has written it down; else this program. */
  readonly start: StartState
  /** How often the machine has returned to this initramfs. */
  readonly returns: number
}

/** Seconds since the kernel's start, written down by a hook when the initramfs began. */
const STARTED = '/run/fulcrum/started'

/** API file systems that a script may have moved away already, and what is there when they are mounted. */
const BORROWED: readonly (readonly [string, string])[] = [['/proc', '/proc/self'], ['/sys', '/sys/dev/block']]

/** What must be a directory in the initramfs for somebody to come back to it. */
const PLACES: readonly string[] = ['/dev', '/proc', '/sys', '/run', '/oldroot']

function startOf(kernel: Kernel, run: string, start: StartState): StartState {
  const text = attempt(() => kernel.readText(STARTED)) ?? attempt(() => kernel.readText(inRoot(run, STARTED)))
  const seconds = Number(text?.trim() ?? '')
  const earlierUs = seconds > 0 ? start.monotonicUs - BigInt(Math.round(seconds * 1e6)) : 0n
  return earlierUs > 0n ? { ...start, monotonicUs: start.monotonicUs - earlierUs, realtimeUs: start.realtimeUs - earlierUs } : start
}

/** What is known before anything is done. `view` has /proc where `newRoot` may have it already. Throws SyscallError. */
export function createBootSide(kernel: Kernel, view: Pick<Kernel, 'readText'> = kernel, start = recordStartState(kernel), newRoot = SYSROOT): BootSide {
  const line = parseCommandLine(attempt(() => view.readText('/proc/cmdline')) ?? '')
  const { values: parameters, problems } = readParameters(line)
  const log = createLog(kernel)
  log.setLevel(parameters.logLevel)
  const image = readImageConfig(kernel)
  // The words of others are theirs to understand.
  const ours = problems.filter((it) => it.key.startsWith('fulcrum.')).map((it) => it.detail)
  for (const problem of [...(image.problem === null ? [] : [image.problem]), ...ours]) log.warn(problem)
  return { kernel, line, parameters, log, image, trace: new Trace(() => kernel.monotonicUs()), start: startOf(kernel, newRoot, start), returns: takeReturns(kernel) }
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
    timestamps: request.timestamps || (image.standInFor !== null && parameters.timestamps),
    secrets: [...new Set([...image.secrets, ...parameters.secrets])],
  }
}

/** Taken before the switch, written into the record after it. */
export interface BeforeSwitch {
  readonly root: { readonly source: string; readonly type: string; readonly options: string }
  readonly devices: readonly string[]
  /** Takes back what was changed, after a switch that failed. */
  readonly undo: () => void
}

/** Mounts /proc and /sys where they have been moved away, for the time of `body`. */
function withApi<T>(kernel: Kernel, newRoot: string, body: () => T): T {
  const borrowed: string[] = []
  try {
    for (const [path, sign] of BORROWED) {
      if (kernel.exists(sign) || !kernel.exists(inRoot(newRoot, sign)) || !kernel.exists(path)) continue
      kernel.mount(inRoot(newRoot, path), path, null, MS_BIND, null)
      borrowed.unshift(path)
    }
    return body()
  } finally {
    for (const path of borrowed) attempt(() => kernel.umount2(path, 0))
  }
}

/** A link that a script left in the place of a mount point becomes a directory. Returns what takes that back. */
function makePlaces(kernel: Kernel): () => void {
  const links: [string, string][] = []
  for (const path of PLACES) {
    const type = attempt(() => kernel.lstat(path).mode & S_IFMT)
    if (type === S_IFDIR) continue
    attempt(() => {
      if (type === S_IFLNK) {
        links.push([path, kernel.readlink(path)])
        kernel.unlink(path)
      }
      kernel.mkdir(path, 0o755)
    })
  }
  return () => {
    for (const [path, target] of links) {
      attempt(() => {
        kernel.rmdir(path)
        kernel.symlink(target, path)
      })
    }
  }
}

/** Decides about the processes, and remembers what cannot be read afterwards. */
export function beforeSwitch(side: BootSide, newRoot: string, plan: Plan): BeforeSwitch {
  const { kernel } = side
  return withApi(kernel, newRoot, () => {
    const mounts = readOwnMounts(kernel)
    const top = topMountAt(mounts, newRoot)
    const devices = initramfsDevices(mounts, kernel.stat('/').dev, newRoot).map(String)
    endProcessesBeforeSwitch(side, plan.keep ?? 'full', newRoot)
    side.trace.note('switch', plan.name, { reason: plan.reason })
    // A copy has its own.
    const undone = plan.keep === 'full' ? [keepLeftFiles(kernel, newRoot), makePlaces(kernel)] : []
    const undo = (): void => {
      for (const back of undone) back()
    }
    return { root: { source: top?.source ?? 'unknown', type: top?.fstype ?? 'unknown', options: top?.options.join(',') ?? '' }, devices, undo }
  })
}

/** Writes /run/fulcrum/boot.json, where /run is the new root's by now. A failure is told. */
export function recordSwitch(side: BootSide, before: BeforeSwitch, plan: Plan): void {
  const { kernel, trace, log, line } = side
  const keep = plan.keep ?? 'full'
  // A copy is a file system of its own.
  const copy = keep === 'slim' && kernel.exists(INITRAMFS_DIRECTORY) ? [String(kernel.stat(INITRAMFS_DIRECTORY).dev)] : []
  const devices = [...new Set([...before.devices, ...copy])]
  const summary: BootSummary = {
    version: VERSION, kernelRelease: attempt(() => kernel.readText('/proc/sys/kernel/osrelease').trim()) ?? 'unknown', commandLine: line.text,
    initUs: Number(side.start.monotonicUs), handOverUs: Number(kernel.monotonicUs()), root: before.root, prepared: plan.steps.some((step) => step.op === 'rmdir' && step.path === STAGING), plan, keep, rescues: 0,
    initramfsDevice: devices[0] ?? '', initramfsDevices: devices, initArgv: ['/init', ...(plan.exec?.argv.slice(1) ?? [])], initEnv: {}, returns: side.returns,
  }
  const problem = writeRecord(kernel, summary, trace)
  if (problem !== null) log.warn(problem)
  if (plan.exec !== null) for (const text of summaryLines(summary, trace)) log.info(text)
}
