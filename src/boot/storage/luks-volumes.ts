// Which encrypted devices to unlock, under which names, with what: from the command line, crypttab and the devices.
//
// Those that are named; where nothing names any, every one that there is, one after the other, until the root is there.
// Pure: what is done with the answer is luks.ts.  systemd-cryptsetup-generator(8), crypttab(5), dracut.cmdline(7)

import type { BlockDevice } from '../../facts/block/block-device.ts'
import { matchRoot } from '../../facts/block/match-root.ts'
import { parseRootSpec } from '../../facts/block/root-spec.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import { parseCryptOptions } from '../../facts/crypttab.ts'
import type { CrypttabEntry, CryptOptions } from '../../facts/crypttab.ts'
import type { LuksKey, LuksWords } from '../words/luks-words.ts'

/** One encrypted device that may be on the way to the root. */
export interface Volume {
  /** Its name below /dev/mapper. */
  readonly name: string
  /** null while it is not there. */
  readonly device: BlockDevice | null
  readonly key: LuksKey | null
  readonly options: CryptOptions
}

/** Devices that no unlocking brings: those of the machine itself. */
const PLAIN_DISK = /^(sd|hd|vd|xvd|nvme|mmcblk|sr|nbd|pmem|loop|ubd)/
const PLAIN_LINK = /^\/dev\/disk\/by-(path|id)\/(?!dm-|md-|lvm-)/

/** Whether what is waited for can be inside of an encrypted device. */
function canBeInside(wanted: RootSpec): boolean {
  if (wanted.kind === 'name') return !PLAIN_DISK.test(wanted.name)
  if (wanted.kind === 'link') return !PLAIN_LINK.test(wanted.path)
  return !['partuuid', 'partlabel', 'tag', 'gpt-auto'].includes(wanted.kind)
}

const isLuks = (device: BlockDevice): boolean => device.superblock?.type === 'crypto_LUKS'

/** The device under a specifier as in root= or crypttab; UUID= and LABEL= mean those of LUKS itself. */
export function deviceOf(text: string, devices: readonly BlockDevice[]): BlockDevice | null {
  const { spec } = parseRootSpec(text, null)
  if (spec === null) return null
  if (spec.kind === 'uuid') return devices.find((d) => isLuks(d) && d.superblock?.uuid?.toLowerCase() === spec.uuid.toLowerCase()) ?? null
  if (spec.kind === 'label') return devices.find((d) => isLuks(d) && d.superblock?.label === spec.label) ?? null
  // A device that is unlocked already is found as well.
  const match = matchRoot(spec, devices.map((d) => ({ ...d, slaves: [] })))
  return match.outcome === 'found' ? match.device : null
}

/** A key of crypttab: a path in the image, PATH:DEVICE, or a device. */
export function parseKey(text: string | null): LuksKey | null {
  if (text === null || !text.startsWith('/')) return null
  const colon = text.indexOf(':')
  if (colon < 0 || text.startsWith('/dev/')) return { path: text, device: null }
  return { path: text.slice(0, colon), device: text.slice(colon + 1) }
}

interface Asked {
  readonly words: LuksWords
  readonly crypttab: readonly CrypttabEntry[]
  readonly devices: readonly BlockDevice[]
}

/** Whether `of`, a UUID or a specifier, means this device. */
function means(of: string, device: BlockDevice | null, devices: readonly BlockDevice[]): boolean {
  if (device === null) return false
  return device.superblock?.uuid?.toLowerCase() === of || deviceOf(of, devices)?.name === device.name
}

/** Puts together what the command line and crypttab say of one device; what is said for it alone wins, then crypttab. */
function volume({ words, crypttab, devices }: Asked, device: BlockDevice | null, named: { readonly name?: string | undefined; readonly uuid?: string | undefined }, from?: CrypttabEntry): Volume {
  const entry = from ?? crypttab.find((one) => device !== null && deviceOf(one.device, devices)?.name === device.name)
  const uuid = device?.superblock?.uuid?.toLowerCase() ?? named.uuid ?? ''
  const own = <T extends { readonly of: string | null }>(all: readonly T[]): T | undefined => all.findLast(({ of }) => of !== null && means(of, device, devices))
  const any = <T extends { readonly of: string | null }>(all: readonly T[]): T | undefined => all.findLast(({ of }) => of === null)
  const key = own(words.keys) ?? parseKey(entry?.key ?? null) ?? any(words.keys)
  const text = own(words.options)?.text ?? entry?.options ?? any(words.options)?.text ?? ''
  const isDiscard = words.discards === 'all' || words.discards.some((one) => one !== '' && uuid.startsWith(one))
  return {
    name: named.name ?? words.names.findLast((one) => uuid.startsWith(one.uuid))?.name ?? entry?.name ?? `luks-${uuid}`,
    device,
    key: key === undefined || key === null ? null : { path: key.path, device: key.device },
    options: parseCryptOptions(isDiscard ? `${text},discard` : text),
  }
}

/** Every device that the command line names, there or not. */
function byWords(asked: Asked): Volume[] {
  const { words, devices } = asked
  const byUuid = (uuid: string): BlockDevice[] => devices.filter((d) => isLuks(d) && d.superblock?.uuid?.toLowerCase().startsWith(uuid))
  const uuids = [...new Set([...words.names.map(({ uuid }) => uuid), ...words.uuids])]
  const found = uuids.flatMap((uuid) => {
    const all = byUuid(uuid)
    return all.length === 0 ? [volume(asked, null, { uuid })] : all.map((device) => volume(asked, device, {}))
  })
  const parts = words.partUuids.map((uuid) => volume(asked, devices.find((d) => d.partUuid?.toLowerCase() === uuid) ?? null, {}))
  return [...found, ...parts]
}

/** Every volume that may be unlocked for `wanted`, the likely ones first, whether its device is there or not. */
export function chooseVolumes(wanted: RootSpec, asked: Asked): Volume[] {
  const { words, crypttab, devices } = asked
  if (!words.isOn || !canBeInside(wanted)) return []
  const named = byWords(asked)
  const listed = crypttab.map((entry) => volume(asked, deviceOf(entry.device, devices), { name: entry.name }, entry)).filter(({ options }) => !options.noauto)
  const first = (all: readonly Volume[]): Volume[] => [...all.filter((v) => v.options.initrdAttach), ...all.filter((v) => !v.options.initrdAttach)]
  // What is waited for by its name is not looked for elsewhere, whoever named it.
  // Hooks that make a root of their own say what they need.
  const every = wanted.kind === 'hooks' ? [] : devices.filter(isLuks).map((device) => volume(asked, device, {}))
  if (wanted.kind === 'inside') return [...named, ...listed, ...every].filter(({ device }) => device?.name === wanted.name).slice(0, 1)
  const exact = wanted.kind === 'mapper' ? [...named, ...listed, ...every].filter(({ name }) => name === wanted.name) : []
  const chosen = [exact, named, first(listed)].find((all) => all.length > 0) ?? every
  return chosen.filter((one, at) => one.device === null || chosen.findIndex((other) => other.device?.name === one.device?.name) === at)
}

/** Whether nothing is built on the device yet. */
export function isLocked(device: BlockDevice, devices: readonly BlockDevice[]): boolean {
  return devices.every((other) => !other.slaves.includes(device.name))
}
