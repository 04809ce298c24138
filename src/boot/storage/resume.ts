// Resuming from a hibernation image in swap space, before any file system is mounted or checked.
//
// The kernel looks for the image itself, but too early: its drivers are in this image. Told the device again it reads
// the image and, if it is good, goes on in it and never comes back here. What is mounted by then would be changed
// behind the back of the system in the image. A swap without an image costs one look and no call of the kernel's.
// kernel/power/hibernate.c, Documentation/power/swsusp.rst, Documentation/admin-guide/kernel-parameters.txt (resume=).

import { O_RDONLY } from '../../abi/process.ts'
import { hasText } from '../../facts/block/bytes.ts'
import { readKernelLog } from '../../facts/kmsg.ts'
import { attempt, errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { BootFailure } from '../boot-failure.ts'
import type { RootContext } from './context.ts'

const RESUME = '/sys/power/resume'
const RESUME_OFFSET = '/sys/power/resume_offset'

/** A device that is not there by then does not stop the boot. */
const WAIT_MS = 15_000

/** The kernel's own writer; S2SUSPEND and ULSUSPEND are of programs that would have to resume themselves. */
const SIGNATURE = 'S1SUSPEND'
/** The signature ends the first page of the swap, whose size is the machine's. */
const PAGE_SIZES: readonly number[] = [4096, 16384, 65536]

/** Whether there is a hibernation image on the device, where its swap space begins at that page. */
export function hasImage(kernel: Pick<Kernel, 'open' | 'read' | 'close'>, device: string, offsetPages: number): boolean {
  const fd = kernel.open(device, O_RDONLY)
  const bytes = new Uint8Array(10)
  try {
    return PAGE_SIZES.some((size) => kernel.read(fd, bytes, (offsetPages + 1) * size - bytes.length) === bytes.length && hasText(bytes, 0, SIGNATURE))
  } finally {
    kernel.close(fd)
  }
}

/** Why the kernel went on without the image: it returns no error. */
function reason(kernel: Kernel, sinceUs: bigint): string {
  const lines = (attempt(() => readKernelLog(kernel)) ?? []).filter(({ us, text }) => us >= sinceUs && /^(PM|hibernat)|[Ll]ockdown/.test(text))
  return lines.length === 0 ? 'it gave no reason' : lines.slice(-4).map(({ text }) => text).join('; ')
}

function resume(context: RootContext, spec: string, offsetPages: number, timeoutMs: number | null): void {
  const { kernel, log, trace } = context.state
  const device = context.waitForDevice(spec, 'the swap to resume from', timeoutMs)
  if (!hasImage(kernel, device.path, offsetPages)) {
    log.debug(`no hibernation image on ${device.path}`)
    return
  }
  if (!kernel.exists(RESUME)) {
    log.warn(`Cannot resume from ${device.path}: this kernel has no hibernation; the image stays there, ignoring`)
    return
  }
  log.info(`resuming from ${device.path}`)
  // The kernel decompresses by names that no modprobe loads for it.
  context.loader.loadIfThere(['lzo', 'crypto-lzo', 'lz4', 'crypto-lz4'])
  const since = kernel.monotonicUs()
  trace.measure('resume', device.path, () => {
    if (offsetPages > 0 || kernel.exists(RESUME_OFFSET)) kernel.writeFile(RESUME_OFFSET, String(offsetPages))
    kernel.writeFile(RESUME, `${device.major}:${device.minor}`)
  })
  log.warn(`Cannot resume from ${device.path}: the kernel did not take the image: ${reason(kernel, since)}; booting without it`)
}

/** Resumes if the command line asks for it and there is an image to resume from: does not come back then. Never throws. */
export function resumeFromSwap(context: RootContext): void {
  const { parameters, image, log } = context.state
  const { resume: given, noResume } = parameters.layers
  const wanted = given ?? (image.resume === null ? null : { ...image.resume, waitForEver: false })
  if (wanted === null || noResume) return
  const limit = Math.min(WAIT_MS, parameters.rootTimeoutMs ?? WAIT_MS)
  try {
    resume(context, wanted.spec, wanted.offsetPages, wanted.waitForEver ? null : limit)
  } catch (error) {
    log.warn(`Cannot resume: ${error instanceof BootFailure ? error.message : errorLine(error)}; booting without it`)
  }
}
