// The words of the kernel command line about encrypted devices, and what they mean.
//
// Table and reader side by side. The names are those of dracut and of systemd's generator, which mostly agree; where
// they differ in form (rd.luks.key=) both are understood. Pure.
// Man pages: dracut.cmdline(7), systemd-cryptsetup-generator(8), docs/man/fulcrum.7, docs/luks.md.

import { wordsOf } from '../../facts/cmdline.ts'
import { parameter } from './parameter.ts'
import type { Parameter } from './parameter.ts'
import type { WordReader } from './reader.ts'

/** A key file. */
export interface LuksKey {
  /** Absolute path: in the image, or in the file system of `device`; below /dev the device itself is the key. */
  readonly path: string
  /** Specifier of the device that it is on; null: in the image. */
  readonly device: string | null
}

export interface LuksWords {
  /** rd.luks=: whether anything is unlocked. */
  readonly isOn: boolean
  /** rd.luks.crypttab=: whether the image's crypttab counts. */
  readonly useCrypttab: boolean
  /** UUIDs to unlock, or beginnings of them; in lower case. */
  readonly uuids: readonly string[]
  readonly partUuids: readonly string[]
  /** Names by UUID; these are unlocked as well. */
  readonly names: readonly { readonly uuid: string; readonly name: string }[]
  /** `of` is a UUID or a specifier of the encrypted device; null: of any. */
  readonly keys: readonly (LuksKey & { readonly of: string | null })[]
  /** Options as in crypttab(5); `of` as above. */
  readonly options: readonly { readonly of: string | null; readonly text: string }[]
  /** Milliseconds that a passphrase is waited for; null: as long as it takes. */
  readonly timeoutMs: number | null
  /** Milliseconds that the device of a key file is waited for after the last disk came. */
  readonly keyTimeoutMs: number
  /** rd.luks.allow-discards: all, or these UUIDs. */
  readonly discards: 'all' | readonly string[]
}

const KEY_TIMEOUT_S = 10

export const luksParameters: readonly Parameter[] = [
  parameter('dracut', 'rd.luks', 'BOOL', 'yes', 'Whether encrypted devices are unlocked', ['luks']),
  parameter('dracut', 'rd.luks.uuid', 'UUID', 'none',
    'Encrypted device to unlock on the way to the root, as luks-UUID or by its name in the crypttab of the image. May be ' +
      'given several times; nothing else is unlocked then. The beginning of a UUID is enough',
    ['luks.uuid'],
  ),
  parameter('dracut', 'rd.luks.name', 'UUID=NAME', 'none', 'As rd.luks.uuid=, and what it is called in /dev/mapper', ['luks.name']),
  parameter('dracut', 'rd.luks.partuuid', 'PARTUUID', 'none', 'As rd.luks.uuid=, by the partition that it is on'),
  parameter('dracut', 'rd.luks.key', 'PATH[:DEVICE[:LUKSDEV]]', 'none',
    'Key file, in the image or in the file system of DEVICE; for LUKSDEV or for all. UUID=PATH[:DEVICE] is understood ' +
      'as well. If it is not there or wrong a passphrase is asked for',
    ['luks.key'],
  ),
  parameter('dracut', 'rd.luks.key.tout', 'SECONDS', `${KEY_TIMEOUT_S}`,
    'How long the device of a key file is waited for, counted from the last disk that came',
  ),
  parameter('systemd', 'rd.luks.options', 'OPTION[,OPTION…]', 'none',
    'Options as in crypttab(5) for devices that have no others; UUID=OPTIONS for the device with this UUID', ['luks.options']),
  parameter('dracut', 'rd.luks.timeout', 'SECONDS', '0', 'How long a passphrase is waited for, 0 for ever'),
  parameter('dracut', 'rd.luks.crypttab', 'BOOL', 'yes', 'Whether /etc/crypttab of the image is read', ['luks.crypttab']),
  parameter('dracut', 'rd.luks.allow-discards', 'UUID', 'none', 'Lets discards through to the device with this UUID; without a value to all', ['rd_luks_allow_discards']),
]

/** A UUID as it is compared: without dracut's prefix, in lower case. */
export function plainUuid(text: string): string {
  return text.replace(/^luks-/, '').toLowerCase()
}

const UUID_FIRST = /^(?:UUID=)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})=(.+)$/i

function readKey(text: string): (LuksKey & { readonly of: string | null }) | null {
  const forUuid = UUID_FIRST.exec(text)
  const [path = '', device = '', luks = ''] = (forUuid?.[2] ?? text).split(':')
  if (!path.startsWith('/')) return null
  const of = forUuid?.[1] ?? luks
  return { path, device: device === '' ? null : device, of: of === '' ? null : plainUuid(of.replace(/^UUID=/i, '')) }
}

/** Every value of every spelling, in order. */
function valuesOf(read: WordReader, ...keys: readonly string[]): (string | null)[] {
  return wordsOf(read.line, ...keys).map((word) => word.value)
}

/** Reads them; every value is usable whatever the line says. */
export function readLuksWords(read: WordReader): LuksWords {
  const names: { uuid: string; name: string }[] = []
  for (const text of valuesOf(read, 'rd.luks.name', 'luks.name')) {
    const match = /^(?:luks-)?([^=]+)=([^/]+)$/.exec(text ?? '')
    if (match === null) read.problem('rd.luks.name', text, "'UUID=NAME'")
    else names.push({ uuid: plainUuid(match[1] ?? ''), name: match[2] ?? '' })
  }
  const keys: (LuksKey & { readonly of: string | null })[] = []
  for (const text of valuesOf(read, 'rd.luks.key', 'luks.key')) {
    const key = readKey(text ?? '')
    if (key === null) read.problem('rd.luks.key', text, "'[UUID=]/PATH[:DEVICE]'")
    else keys.push(key)
  }
  const options = valuesOf(read, 'rd.luks.options', 'luks.options').filter((text) => text !== null).map((text) => {
    const match = UUID_FIRST.exec(text)
    return match === null ? { of: null, text } : { of: plainUuid(match[1] ?? ''), text: match[2] ?? '' }
  })
  const discards = valuesOf(read, 'rd.luks.allow-discards', 'rd_luks_allow_discards')
  const timeoutMs = read.timeMs('rd.luks.timeout') ?? 0
  return {
    isOn: read.boolean('rd.luks', true),
    useCrypttab: read.boolean('rd.luks.crypttab', true),
    uuids: read.list('rd.luks.uuid').map(plainUuid),
    partUuids: read.list('rd.luks.partuuid').map((text) => text.toLowerCase()),
    names, keys, options,
    timeoutMs: timeoutMs === 0 ? null : timeoutMs,
    keyTimeoutMs: read.timeMs('rd.luks.key.tout') ?? KEY_TIMEOUT_S * 1000,
    discards: discards.some((uuid) => uuid === null || uuid === '') ? 'all' : discards.filter((uuid) => uuid !== null).map(plainUuid),
  }
}
