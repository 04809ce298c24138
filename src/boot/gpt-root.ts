// The root that nothing names: root=gpt-auto, or no root= at all.
//
// Asks the firmware's variables which EFI system partition the machine was booted from, and says in words
// why no root partition could be taken. What is taken is decided in src/facts/block/gpt-auto.ts.
// Sources: Boot Loader Interface (LoaderDevicePartUUID), Documentation/filesystems/efivarfs.rst.

import { MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../abi/mount.ts'
import type { BlockDevice } from '../facts/block/block-device.ts'
import { isMarkedReadOnly, parseLoaderPartUuid, partitionType, usrBeside } from '../facts/block/gpt-auto.ts'
import type { RootSpec } from '../facts/block/root-spec.ts'
import type { Refusal } from '../facts/refusal.ts'
import { errorLine } from '../kernel/errors.ts'
import type { BootState } from './boot-state.ts'
import { refusalFailure } from './boot-failure.ts'
import { loadFilesystem, scanDevices } from './devices/index.ts'
import type { ModuleLoader } from './devices/index.ts'
import type { BootParameters } from './parameters.ts'

/** root= by this name. */
export const GPT_AUTO = 'gpt-auto'

export const NOT_GIVEN_REMEDY = "type root=UUID=… (or root=/dev/NAME) and 'retry'; 'blk' shows the devices"

const EFIVARS = '/sys/firmware/efi/efivars'
const LOADER_PARTUUID = `${EFIVARS}/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`

/** How long to wait for a root partition that nobody has asked for. */
const NOT_GIVEN_MS = 5000

export function notGivenTimeoutMs({ rootTimeoutMs, rootDelayMs }: BootParameters): number {
  return Math.max(rootDelayMs, Math.min(rootTimeoutMs ?? NOT_GIVEN_MS, NOT_GIVEN_MS))
}

/** PARTUUID of the EFI system partition in use, or null: no EFI, a loader that does not tell, no efivarfs. */
function readLoaderPartUuid(state: BootState, loader: ModuleLoader): string | null {
  const { kernel, log } = state
  // The directory is made by the kernel where it was started by EFI, and is empty until efivarfs is mounted.
  if (!kernel.exists(EFIVARS)) return null
  let isOurs = false
  try {
    if (kernel.readdir(EFIVARS).length === 0) {
      const failure = loadFilesystem(kernel, loader, 'efivarfs')
      if (failure !== null) throw new Error(failure)
      kernel.mount('efivarfs', EFIVARS, 'efivarfs', MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, null)
      isOurs = true
    }
    return kernel.exists(LOADER_PARTUUID) ? parseLoaderPartUuid(kernel.readFile(LOADER_PARTUUID)) : null
  } catch (error) {
    log.warn(`${errorLine(error)}; which disk the machine was booted from is not known, ignoring`)
    return null
  } finally {
    if (isOurs) kernel.umount2(EFIVARS, MNT_DETACH)
  }
}

/** What root=gpt-auto means on this machine. */
export function gptAutoSpec(state: BootState, loader: ModuleLoader): RootSpec {
  return { kind: 'gpt-auto', arch: state.arch, esp: readLoaderPartUuid(state, loader) }
}

/** Why there is nothing, behind "and". */
export function noRootPartition(spec: RootSpec): string {
  if (spec.kind !== 'gpt-auto' || partitionType('root', spec.arch) === null) return 'this architecture has no type of partition for it'
  return `no partition${spec.esp === null ? '' : ' of the disk that was booted from'} has the type of a root`
}

export function ambiguous(detail: string): Refusal {
  return {
    reason: 'root-ambiguous',
    detail: `Cannot choose the root: there are ${detail}`,
    remedy: "name one: root=PARTUUID=… (or root=/dev/NAME) and 'retry'",
  }
}

/** True when the table wants this partition read-only; told where the command line wants it otherwise. */
export function markedReadOnly({ log, parameters }: BootState, device: BlockDevice): boolean {
  const isMarked = isMarkedReadOnly(device)
  if (isMarked && !parameters.readOnly) log.warn(`${device.path} is marked read-only in its table, so it is; root=${device.path} rw overrides that`)
  return isMarked
}

/** The /usr partition on the disk of such a root, or null. Throws BootFailure where there are several. */
export function usrByType(state: BootState, root: BlockDevice): BlockDevice | null {
  const { partitions, detail } = usrBeside(root, state.arch, scanDevices(state.kernel))
  if (partitions.length > 1) {
    const remedy = "name one: mount.usr=PARTUUID=… and 'retry'"
    throw refusalFailure('usr', { reason: 'root-ambiguous', detail: `Cannot choose what to mount on '/usr': there are ${detail ?? ''}`, remedy }, null, [])
  }
  return partitions[0] ?? null
}
