// The words of the kernel command line about what stands between a device and the root: dm-verity, overlays, image
// files, and resuming, and what they mean.
//
// Table and reader side by side, so that a word is added in one place. Pure: part of parameters.ts.
// Man pages: dracut.cmdline(7), systemd-veritysetup-generator(8), kernel-command-line(7), docs/man/fulcrum.7.

import { parseRootSpec } from '../../facts/block/root-spec.ts'
import { parseBoolean } from '../../facts/cmdline.ts'
import { parameter } from './parameter.ts'
import type { Parameter } from './parameter.ts'
import { unquote } from './reader.ts'
import type { WordReader } from './reader.ts'

/** What is said of the dm-verity device for the root or for /usr. */
export interface VerityWords {
  /** Hexadecimal digits in lower case. */
  readonly rootHash: string
  /** Specifiers as in root=; null: the partition whose UUID is in the hash. */
  readonly data: string | null
  readonly hash: string | null
  /** As in veritytab(5). */
  readonly options: readonly string[]
}

/** Where an overlay keeps what is written. */
export type OverlayWords =
  | { readonly kind: 'none' }
  /** `options` are size=, nr_blocks=, nr_inodes= of tmpfs(5), comma separated; may be empty. */
  | { readonly kind: 'tmpfs'; readonly options: string }
  /** A directory on a device; the work directory is beside it. */
  | { readonly kind: 'device'; readonly spec: string; readonly path: string }

/** What the command line asks for about what stands between a device and the root. */
export interface LayerWords {
  readonly verity: { readonly root: VerityWords | null; readonly '/usr': VerityWords | null }
  /** null: nothing is said of it. */
  readonly overlay: OverlayWords | null
  readonly overlayReadOnly: boolean
  readonly overlayReset: boolean
  /** Of root=live:SPEC. */
  readonly live: {
    readonly directory: string
    readonly image: string
    readonly toRam: boolean
    /** Path of an ISO file on some file system, which the medium is in. */
    readonly isoFile: string | null
  }
  /** null: the command line names no device. */
  readonly resume: { readonly spec: string; readonly offsetPages: number; readonly waitForEver: boolean } | null
  /** Nothing is resumed from, whatever names it. */
  readonly noResume: boolean
}

const verityParameters = (role: 'root' | 'usr', name: string): Parameter[] => [
  parameter('systemd', `${role}hash`, 'HASH', 'none',
    `Open ${name} by dm-verity: every block of it is proven by this hash. Unless told otherwise the data is on the partition ` +
      'whose UUID is the first half of the hash, and the hashes are on that of the second half',
  ),
  parameter('systemd', `systemd.verity_${role}_data`, 'SPEC', 'by UUID', `Device with the data for ${role}hash=, as root=`),
  parameter('systemd', `systemd.verity_${role}_hash`, 'SPEC', 'by UUID', `Device with the hashes for ${role}hash=, as root=`),
  parameter('systemd', `systemd.verity_${role}_options`, 'OPTION[,OPTION…]', 'none', `Options for ${role}hash= as in veritytab(5), for instance panic-on-corruption`),
]

export const layerParameters: readonly Parameter[] = [
  ...verityParameters('root', 'the root'),
  ...verityParameters('usr', '/usr'),
  parameter('systemd', 'systemd.verity', 'BOOL', 'yes', 'Whether roothash= and usrhash= are looked at', ['rd.systemd.verity']),
  parameter('dracut', 'overlay', 'tmpfs[:size=SIZE]|SPEC[:/PATH]|none', 'none, tmpfs with root=live:',
    'Mount the root read-only and lay a writable file system over it: in memory, or a directory (/overlay) of a device. ' +
      'The root itself is at /run/fulcrum/overlay/lower then',
    ['rd.overlay', 'rd.overlayfs', 'rd.live.overlay', 'overlayroot'],
  ),
  parameter('dracut', 'rd.overlay.readonly', 'BOOL', 'no', 'Mount the overlay read-only: what was written before is seen, nothing new is written', ['rd.live.overlay.readonly']),
  parameter('dracut', 'rd.overlay.reset', 'BOOL', 'no', 'Delete what was written to the overlay before', ['rd.live.overlay.reset']),
  parameter('dracut', 'rd.live.dir', 'PATH', 'LiveOS', 'Directory of the image on the medium of root=live:SPEC'),
  parameter('dracut', 'rd.live.squashimg', 'FILE', 'squashfs.img', 'Name of the image in that directory: squashfs, erofs, or any file system'),
  parameter('dracut', 'rd.live.ram', 'BOOL', 'no', 'Copy the image to memory and let go of the medium'),
  parameter('dracut', 'iso-scan/filename', 'PATH', 'none', 'The medium of root=live:SPEC is in an ISO file of this path, on whatever file system has it'),
  parameter('kernel', 'resume', 'SPEC', 'by image', 'Swap device with the image of a hibernation, as root=. Without such an image nothing is done. Unset: what the machine resumed from that the image was built on, for that machine alone. The value none is as noresume'),
  parameter('kernel', 'resume_offset', 'PAGES', '0', 'Where a swap file begins on the device of resume='),
  parameter('kernel', 'resumewait', '', 'no', 'Wait for the device of resume= for ever, not for a few seconds'),
  parameter('kernel', 'noresume', '', 'no', 'Do not resume'),
  parameter('kernel', 'hibernate', 'no|noresume|…', 'yes', 'no and noresume mean noresume; the rest is for the kernel'),
]

/** Whether a text is the hash of dm-verity, of any of the algorithms. */
export function isRootHash(text: string): boolean {
  return /^([0-9a-f]{2}){16,64}$/i.test(text)
}

function readVerity(read: WordReader, role: 'root' | 'usr'): VerityWords | null {
  const rootHash = read.text(`${role}hash`)
  // An empty one takes back what was said before.
  const device = (which: 'data' | 'hash'): string | null => {
    const key = `systemd.verity_${role}_${which}`
    const text = read.last(key)?.value === '' ? null : read.text(key)
    return text === null ? null : unquote(text)
  }
  const options = read.list(`systemd.verity_${role}_options`)
  if (rootHash === null || !read.boolean('systemd.verity', true)) return null
  // One that is no hash is kept: it must refuse to boot, not boot without.
  if (!isRootHash(rootHash)) read.problem(`${role}hash`, rootHash, '32 to 128 hexadecimal digits, an even number', 'opening nothing by it')
  return { rootHash: rootHash.toLowerCase(), data: device('data'), hash: device('hash'), options }
}

const TMPFS_OPTION = /^(size|nr_blocks|nr_inodes)=\d+[kmg%]?$/i

function tmpfs(read: WordReader, options: readonly string[]): OverlayWords {
  const good = options.filter((option) => TMPFS_OPTION.test(option))
  for (const option of options) {
    if (good.includes(option) || /^(swap|recurse)=/.test(option)) continue
    read.problem('overlay', option, "'size=', 'nr_blocks=' or 'nr_inodes='")
  }
  return { kind: 'tmpfs', options: good.join(',') }
}

const SPECIFIER = /^((?:LABEL|UUID|PARTLABEL|PARTUUID)=[^:]+|\/dev\/[^:]+)(?::(\/?[^:]+))?$/

/**
 * overlayroot(8) of Debian's cloud-initramfs-tools: 'device:dev=SPEC,timeout=…,recurse=…'. What is written lies in the
 * same place as with it, /overlay; it makes no file system here (mkfs=), and never covers other mounts (recurse=).
 */
function overlayrootDevice(value: string): string | null {
  const [, options = ''] = /^device:(.*)$/.exec(value) ?? []
  return options.split(',').find((option) => option.startsWith('dev='))?.slice(4) ?? null
}

function readOverlay(read: WordReader): OverlayWords | null {
  const word = read.last('overlay')
  if (word === undefined) return null
  const value = unquote(word.value ?? 'tmpfs')
  const truth = parseBoolean(value)
  if (truth === false || value === 'none' || value === 'disabled') return { kind: 'none' }
  if (truth === true) return tmpfs(read, [])
  const [, memory] = /^tmpfs(?::(.*))?$/.exec(value) ?? []
  if (value.startsWith('tmpfs') && (value === 'tmpfs' || memory !== undefined)) return tmpfs(read, (memory ?? '').split(',').filter((option) => option !== ''))
  const [, spec, path = '/overlay'] = SPECIFIER.exec(overlayrootDevice(value) ?? value) ?? []
  if (spec === undefined || path === 'auto' || path.split('/').includes('..')) {
    // Who asks for an overlay does not want the root to be written: in memory is the one that needs nothing.
    read.problem(word.key, word.value, "'tmpfs' (which is taken), 'none', or a device with an optional ':/PATH'")
    return tmpfs(read, [])
  }
  return { kind: 'device', spec, path: path.startsWith('/') ? path : `/${path}` }
}

function readResume(read: WordReader): LayerWords['resume'] {
  const spec = read.text('resume')
  const offsetPages = read.integer('resume_offset') ?? 0
  if (spec === null || spec === 'none') return null
  const parsed = parseRootSpec(spec, null)
  // A bare word would be the tag of a share.
  if (parsed.spec === null || parsed.spec.kind === 'tag') {
    read.problem('resume', spec, "/dev/NAME, UUID=, LABEL=, PARTUUID=, PARTLABEL=, MAJOR:MINOR or 'none'")
    return null
  }
  return { spec: unquote(spec), offsetPages: Math.max(0, offsetPages), waitForEver: read.last('resumewait') !== undefined }
}

function readNoResume(read: WordReader): boolean {
  const hibernate = read.last('hibernate')?.value
  return read.last('noresume') !== undefined || read.last('resume')?.value === 'none' || hibernate === 'no' || hibernate === 'noresume'
}

/** Reads them; every value is usable whatever the line says. */
export function readLayerWords(read: WordReader): LayerWords {
  return {
    verity: { root: readVerity(read, 'root'), '/usr': readVerity(read, 'usr') },
    overlay: readOverlay(read),
    overlayReadOnly: read.boolean('rd.overlay.readonly', false),
    overlayReset: read.boolean('rd.overlay.reset', false),
    live: {
      directory: read.text('rd.live.dir') ?? 'LiveOS',
      image: read.text('rd.live.squashimg') ?? 'squashfs.img',
      toRam: read.boolean('rd.live.ram', false),
      isoFile: read.text('iso-scan/filename'),
    },
    resume: readResume(read),
    noResume: readNoResume(read),
  }
}
