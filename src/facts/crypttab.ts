// crypttab(5), parsed: which encrypted devices there are, how they are called and opened.
//
// The options are those of crypttab(5) and of Debian's cryptsetup; rd.luks.options= takes the same. Pure: the text is
// handed in. What we cannot do (a TPM, a key script) is kept by name, so that it can be told.
// Man pages: crypttab(5), cryptsetup-open(8).

import { unescapeOctal } from './octal.ts'
import { parseTimeMs } from './time-span.ts'

/** How a device is opened. Times in milliseconds, null for "as long as it takes". */
export interface CryptOptions {
  /** 'luks' (1 or 2, by its header), or 'plain'. */
  readonly type: 'luks' | 'plain'
  /** How often a passphrase is asked for; 0: without end. */
  readonly tries: number
  /** How long a passphrase is waited for; undefined: as the command line says. */
  readonly timeoutMs: number | null | undefined
  /** How long a device with the key file is waited for. */
  readonly keyfileTimeoutMs: number | null | undefined
  /** A detached header: a file of the image. */
  readonly header: string | null
  readonly noauto: boolean
  readonly nofail: boolean
  /** x-initrd.attach (Debian: initramfs): meant for the initramfs. */
  readonly initrdAttach: boolean
  /** Try the empty passphrase before one is asked for. */
  readonly tryEmpty: boolean
  /** Never ask. */
  readonly headless: boolean
  /** Arguments of cryptsetup(8) for any way to open it. */
  readonly args: readonly string[]
  /** Arguments of cryptsetup(8) that are about the key file alone. */
  readonly keyfileArgs: readonly string[]
  /** The cipher of a plain device: 'aes-xts-plain64'. */
  readonly cipher: string | null
  /** Names of options that ask for what is not there: 'tpm2-device'. */
  readonly unsupported: readonly string[]
}

export interface CrypttabEntry {
  readonly name: string
  /** As written: 'UUID=…', '/dev/vda2'. */
  readonly device: string
  /** As written; null for 'none', '-' and a missing field. */
  readonly key: string | null
  /** As written, comma separated. */
  readonly options: string
}

/** Words without a value, as arguments. */
const SWITCHES: Readonly<Record<string, string>> = {
  discard: '--allow-discards',
  readonly: '--readonly',
  'read-only': '--readonly',
  'same-cpu-crypt': '--perf-same_cpu_crypt',
  'submit-from-crypt-cpus': '--perf-submit_from_crypt_cpus',
  'no-read-workqueue': '--perf-no_read_workqueue',
  'no-write-workqueue': '--perf-no_write_workqueue',
}
/** Words with a value, as arguments. */
const VALUES: Readonly<Record<string, string>> = {
  'key-slot': '--key-slot',
  keyslot: '--key-slot',
}
const KEYFILE_VALUES: Readonly<Record<string, string>> = {
  'keyfile-offset': '--keyfile-offset',
  'keyfile-size': '--keyfile-size',
}
/** Of plain devices only. */
const PLAIN_VALUES: Readonly<Record<string, string>> = {
  cipher: '--cipher', size: '--key-size', hash: '--hash', offset: '--offset', skip: '--skip', 'sector-size': '--sector-size',
}
/** What would need more than a passphrase or a key file; it is told and the passphrase is asked for. */
const UNSUPPORTED: readonly string[] = [
  'tpm2-device', 'tpm2-measure-pcr', 'fido2-device', 'pkcs11-uri', 'keyscript', 'tcrypt', 'tcrypt-hidden', 'tcrypt-system', 'tcrypt-veracrypt',
  'veracrypt', 'bitlk', 'swap', 'tmp', 'link-volume-key',
]

/** Reads options, comma separated; unknown ones are none of our business. */
export function parseCryptOptions(text: string): CryptOptions {
  const words = text.split(',').filter((word) => word !== '').map((word): readonly [string, string | null] => {
    const equals = word.indexOf('=')
    return equals < 0 ? [word, null] : [word.slice(0, equals), word.slice(equals + 1)]
  })
  const value = (key: string): string | null => words.findLast(([name]) => name === key)?.[1] ?? null
  const has = (...keys: readonly string[]): boolean => words.some(([name, given]) => keys.includes(name) && !/^(0|no|false|off)$/.test(given ?? ''))
  const time = (key: string): number | null | undefined => {
    const ms = parseTimeMs(value(key) ?? '')
    return ms === 0 ? null : ms
  }
  const given = (table: Readonly<Record<string, string>>): string[] =>
    words.flatMap(([name, text]) => (table[name] === undefined || text === null ? [] : [table[name], text]))
  const type = has('plain') ? 'plain' : 'luks'
  const tries = value('tries') ?? ''
  return {
    type,
    tries: /^\d+$/.test(tries) ? Number(tries) : 3,
    timeoutMs: time('timeout'),
    keyfileTimeoutMs: time('keyfile-timeout'),
    header: value('header'),
    noauto: has('noauto'),
    nofail: has('nofail'),
    initrdAttach: has('x-initrd.attach', 'initramfs'),
    tryEmpty: has('try-empty-password'),
    headless: has('headless'),
    args: [
      ...Object.entries(SWITCHES).filter(([name]) => has(name)).map(([, argument]) => argument).filter((one, at, all) => all.indexOf(one) === at),
      ...given(VALUES),
      ...(type === 'plain' ? given(PLAIN_VALUES) : []),
    ],
    keyfileArgs: given(KEYFILE_VALUES),
    cipher: type === 'plain' ? value('cipher') : null,
    unsupported: words.map(([name]) => name).filter((name) => UNSUPPORTED.includes(name)),
  }
}

/** One line; null for a comment, an empty line, and one that is too short. */
function parseLine(raw: string): CrypttabEntry | null {
  const line = raw.trim()
  if (line === '' || line.startsWith('#')) return null
  const [name, device, key = 'none', options = ''] = line.split(/[ \t]+/).map(unescapeOctal)
  if (name === undefined || device === undefined) return null
  const unquoted = /^([A-Z]+)=(["'])(.*)\2$/.exec(device)
  return {
    name,
    device: unquoted === null ? device : `${unquoted[1]}=${unquoted[3]}`,
    key: key === 'none' || key === '-' || key === '' ? null : key,
    options: options === '-' || options === 'none' ? '' : options,
  }
}

/** The entries of a crypttab, in order. */
export function parseCrypttab(text: string): CrypttabEntry[] {
  return text.split('\n').map(parseLine).filter((entry) => entry !== null)
}

/** The lines of a crypttab whose entry is wanted, as they stand there; empty when none is. For an image of one machine. */
export function crypttabLines(text: string, isWanted: (entry: CrypttabEntry) => boolean): string {
  const lines = text.split('\n').filter((line) => {
    const entry = parseLine(line)
    return entry !== null && isWanted(entry)
  })
  return lines.map((line) => `${line}\n`).join('')
}
