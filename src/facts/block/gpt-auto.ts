// The root and /usr by the types of their partitions: which partition is meant when nothing names one.
//
// Pure. The disk is the one with the EFI system partition that the boot loader came from, where that is
// known; else the one disk that has such a partition. Two of a kind are never guessed between: a person
// can choose (src/boot/rescue). Source: Discoverable Partitions Specification (uapi-group.org), systemd-gpt-auto-generator(8).

import type { BlockDevice } from './block-device.ts'
import { compareNames } from './names.ts'
import type { RootSpec } from './root-spec.ts'

/** Attribute bits 60 and 63, counted in the upper 16 bits (PartitionEntry.typeAttributes). */
const READ_ONLY = 1 << 12
const NO_AUTO = 1 << 15

/** systemd-sysupdate's label for a place that holds no version yet. */
const EMPTY_LABEL = '_empty'

type Role = 'root' | 'usr'

/** Partition types by Node's process.arch. */
const TYPES: Readonly<Record<string, Readonly<Record<Role, string>>>> = {
  x64: { root: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709', usr: '8484680c-9521-48c6-9c11-b0720656f69e' },
  arm64: { root: 'b921b045-1df0-41c3-af44-4c6f280d3fae', usr: 'b0e01050-ee5f-4390-949a-9101b17104e9' },
  arm: { root: '69dad710-2ce4-4e3c-b16c-21a1d49abed3', usr: '7d0359a3-02b3-4f0a-865c-654403e70625' },
  ia32: { root: '44479540-f297-41b2-9af7-d131d5f0458a', usr: '75250d76-8cc6-458e-bd66-bd47cc81a812' },
  riscv64: { root: '72ec70a6-cf74-40e6-bd49-4bda08e8f224', usr: 'beaec34b-8442-439b-a40b-984381ed097d' },
  loong64: { root: '77055800-792c-4f94-b39a-98c91b762bb6', usr: 'e611c702-575c-4cbe-9a46-434fa0bf7e3f' },
  s390x: { root: '5eead9a9-fe09-4a1e-a1d7-520d00531306', usr: '8a4f5770-50aa-4ed3-874a-99b710db6fea' },
  ppc64: { root: 'c31c45e6-3f39-412e-80fb-4809c4980599', usr: '15bb03af-77e7-4d4a-b12b-c0d084f7491c' },
}

/** The type of a root or /usr partition of an architecture, or null. */
export function partitionType(role: Role, arch: string): string | null {
  return TYPES[arch]?.[role] ?? null
}

/** True when the table asks for it to be mounted read-only. */
export function isMarkedReadOnly(device: BlockDevice): boolean {
  return (device.partTypeAttributes & READ_ONLY) !== 0
}

export interface ByType {
  /** Those that can be meant: one is the answer. */
  readonly partitions: readonly BlockDevice[]
  /** Why it is not one, or null. */
  readonly detail: string | null
}

/**
 * Partitions of the type. `esp` is the PARTUUID of the EFI system partition in use, or null; as long as it is
 * not seen there is no answer.
 */
export function findByType(role: Role, arch: string, esp: string | null, devices: readonly BlockDevice[]): ByType {
  if (esp === null) return onDisk(role, arch, null, devices)
  const system = devices.find((d) => d.partUuid === esp)
  if (system === undefined) return { partitions: [], detail: `the EFI system partition PARTUUID=${esp} is not there` }
  return onDisk(role, arch, system.parent, devices)
}

/** The /usr partitions of the disk that the root was found on. */
export function usrBeside(root: BlockDevice, arch: string, devices: readonly BlockDevice[]): ByType {
  return root.parent === null ? { partitions: [], detail: null } : onDisk('usr', arch, root.parent, devices)
}

function onDisk(role: Role, arch: string, disk: string | null, devices: readonly BlockDevice[]): ByType {
  const type = partitionType(role, arch)
  if (type === null) return { partitions: [], detail: `no partition type is known for '${arch}'` }
  const partitions = typed(type, devices)
    .filter((d) => (disk === null || d.parent === disk) && passedOver(d) === null)
    .sort((a, b) => compareNames(a.name, b.name))
  if (partitions.length < 2) return { partitions, detail: null }
  const names = partitions.map((d) => `${d.name}${d.partLabel === null ? '' : ` (${d.partLabel})`}`)
  return { partitions, detail: `${partitions.length} ${role} partitions of this architecture: ${names.join(', ')}` }
}

const typed = (type: string, devices: readonly BlockDevice[]): BlockDevice[] => devices.filter((d) => d.partType === type)

/** Why a partition of the right type is not taken, or null. */
function passedOver(device: BlockDevice): string | null {
  if ((device.partTypeAttributes & NO_AUTO) !== 0) return "is marked 'no-auto'"
  return device.partLabel === EMPTY_LABEL ? `is labelled '${EMPTY_LABEL}'` : null
}

/** What there is of root partitions, for the report when none could be taken. */
export function gptAutoMisses(spec: RootSpec & { readonly kind: 'gpt-auto' }, devices: readonly BlockDevice[]): string[] {
  const type = partitionType('root', spec.arch)
  const { detail } = findByType('root', spec.arch, spec.esp, devices)
  const lines = detail === null ? [] : [detail]
  for (const device of type === null ? [] : typed(type, devices)) {
    const why = passedOver(device)
    if (why !== null) lines.push(`${device.name} is a root partition, and ${why}: root=${device.path} takes it`)
    else if (detail === null) lines.push(`${device.name} is a root partition of another disk than the machine was booted from`)
  }
  for (const [arch, types] of Object.entries(TYPES)) {
    if (arch === spec.arch) continue
    lines.push(...typed(types.root, devices).map((d) => `${d.name} is a root partition for ${arch}`))
  }
  return lines
}

/** What of LoaderDevicePartUUID is the value: UTF-16 behind 4 bytes of attributes; lower case, null when it is none. */
export function parseLoaderPartUuid(variable: Uint8Array): string | null {
  const text = Buffer.from(variable.subarray(4)).toString('utf16le').replace(/\0.*$/s, '').toLowerCase()
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null
}
