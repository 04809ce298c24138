// RootSpec: what root= names, parsed.
//
// The spellings are those of the kernel (block/early-lookup.c), of udev's links below /dev/disk, and
// of dracut; a value is one of them by its form alone, nothing is looked up here.
// See bootparam(7), Documentation/admin-guide/kernel-parameters.txt (root=).

/** File systems that are named by a tag and not by a block device. */
export type TagFilesystem = 'virtiofs' | '9p'

export type RootSpec =
  /** A device by the kernel's name, without /dev/: 'vda1'. */
  | { readonly kind: 'name'; readonly name: string }
  /** A device-mapper device by its name below /dev/mapper. */
  | { readonly kind: 'mapper'; readonly name: string }
  /** Any other path below /dev, a link that something in the initramfs makes. */
  | { readonly kind: 'link'; readonly path: string }
  | { readonly kind: 'number'; readonly major: number; readonly minor: number }
  | { readonly kind: 'uuid'; readonly uuid: string }
  | { readonly kind: 'label'; readonly label: string }
  /** `offset` is the kernel's PARTNROFF: that many partitions further on the same disk. */
  | { readonly kind: 'partuuid'; readonly uuid: string; readonly offset: number }
  | { readonly kind: 'partlabel'; readonly label: string }
  /** `fstype` null: whichever of the two has this tag. */
  | { readonly kind: 'tag'; readonly tag: string; readonly fstype: TagFilesystem | null }
  /** Nothing that can be looked for: hooks of the image say when it is there. */
  | { readonly kind: 'hooks' }
  /** By the type of the partition (gpt-auto.ts). `esp`: PARTUUID of the partition that the firmware booted from, or null. */
  | { readonly kind: 'gpt-auto'; readonly arch: string; readonly esp: string | null }
  /** What is built on a device: the inside of a LUKS partition that was named itself. `name` is the kernel's. */
  | { readonly kind: 'inside'; readonly name: string }

export type RootSpecResult =
  | { readonly spec: RootSpec; readonly error: null }
  | { readonly spec: null; readonly error: string }

const byDirectories: Readonly<Record<string, string>> = {
  'by-uuid': 'UUID',
  'by-label': 'LABEL',
  'by-partuuid': 'PARTUUID',
  'by-partlabel': 'PARTLABEL',
}

/** Parses the value of root=. `fstype` is rootfstype=, which alone can say that a bare word is a tag. */
export function parseRootSpec(value: string, fstype: string | null): RootSpecResult {
  const text = unquote(value.trim())
  if (text === '') return bad("Cannot use an empty root=, name a device such as 'UUID=…' or '/dev/vda1'")
  const tagFilesystem = fstype === 'virtiofs' || fstype === '9p' ? fstype : null
  if (tagFilesystem !== null) return good({ kind: 'tag', tag: withoutPrefix(text, tagFilesystem), fstype: tagFilesystem })
  if (text.startsWith('/')) return parsePath(text)
  const equals = text.indexOf('=')
  if (equals > 0) return parseTagged(text.slice(0, equals), unquote(text.slice(equals + 1)), text)
  const colon = /^(virtiofs|9p):(.+)$/.exec(text)
  if (colon !== null) return good({ kind: 'tag', tag: colon[2] ?? '', fstype: colon[1] === '9p' ? '9p' : 'virtiofs' })
  if (text.startsWith('block:')) return parseRootSpec(text.slice('block:'.length), fstype)
  const number = /^(\d+):(\d+)(:.*)?$/.exec(text)
  if (number !== null) return good({ kind: 'number', major: Number(number[1]), minor: Number(number[2]) })
  // The kernel reads a bare word of hexadecimal digits as a device number in new_decode_dev()'s form.
  if (/^[0-9a-f]{3,8}$/i.test(text)) return good(decodeDevice(parseInt(text, 16)))
  if (/^(nfs|nfs4|cifs|iscsi|nbd|live|zfs)(:|$)/.test(text)) {
    return bad(`Cannot use root='${value}': this kind of root is not supported`)
  }
  if (text.includes(':')) return bad(`Cannot use root='${value}': it is neither a device nor a tag`)
  return good({ kind: 'tag', tag: text, fstype: null })
}

/** How a spec is written for a person: 'UUID=…', '/dev/vda1', 'virtiofs:root'. */
export function rootSpecText(spec: RootSpec): string {
  switch (spec.kind) {
    case 'gpt-auto':
      return 'gpt-auto'
    case 'hooks':
      return 'the hooks of initqueue/finished'
    case 'inside':
      return `the inside of /dev/${spec.name}`
    case 'name':
      return `/dev/${spec.name}`
    case 'mapper':
      return `/dev/mapper/${spec.name}`
    case 'link':
      return spec.path
    case 'number':
      return `${spec.major}:${spec.minor}`
    case 'uuid':
      return `UUID=${spec.uuid}`
    case 'label':
      return `LABEL=${spec.label}`
    case 'partuuid':
      return `PARTUUID=${spec.uuid}${spec.offset === 0 ? '' : `/PARTNROFF=${spec.offset}`}`
    case 'partlabel':
      return `PARTLABEL=${spec.label}`
    case 'tag':
      return spec.fstype === null ? spec.tag : `${spec.fstype}:${spec.tag}`
  }
}

/** Undoes udev's escapes: 'my\x20root' is 'my root'. The escapes stand for bytes of UTF-8. */
export function decodeUdev(text: string): string {
  if (!text.includes('\\x')) return text
  const bytes: number[] = []
  const source = Buffer.from(text, 'utf8')
  for (let i = 0; i < source.length; i++) {
    const escape = /^\\x([0-9a-fA-F]{2})/.exec(source.toString('latin1', i, i + 4))
    bytes.push(escape === null ? (source[i] ?? 0) : parseInt(escape[1] ?? '', 16))
    if (escape !== null) i += 3
  }
  return Buffer.from(bytes).toString('utf8')
}

const good = (spec: RootSpec): RootSpecResult => ({ spec, error: null })
const bad = (error: string): RootSpecResult => ({ spec: null, error })

function parsePath(path: string): RootSpecResult {
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  if (parts[0] !== 'dev' || parts.length < 2 || parts.includes('..')) {
    return bad(`Cannot use root='${path}': a path has to be below /dev`)
  }
  const rest = parts.slice(1)
  const key = rest[0] === 'disk' && rest.length === 3 ? byDirectories[rest[1] ?? ''] : undefined
  if (key !== undefined) return parseTagged(key, decodeUdev(rest[2] ?? ''), path)
  if (rest[0] === 'mapper' && rest.length === 2) return good({ kind: 'mapper', name: rest[1] ?? '' })
  // Nodes of the kernel are at the top, or one level down for the few drivers with a '!' in the name.
  if (rest.length === 1) return good({ kind: 'name', name: rest[0] ?? '' })
  return good({ kind: 'link', path: `/${parts.join('/')}` })
}

function parseTagged(key: string, value: string, whole: string): RootSpecResult {
  if (value === '') return bad(`Cannot use root='${whole}': there is nothing behind ${key}=`)
  switch (key.toUpperCase()) {
    case 'UUID':
      return good({ kind: 'uuid', uuid: value })
    case 'LABEL':
      return good({ kind: 'label', label: value })
    case 'PARTLABEL':
      return good({ kind: 'partlabel', label: value })
    case 'PARTUUID': {
      const [uuid, ...options] = value.split('/')
      const offset = options.length === 0 ? '0' : /^PARTNROFF=(-?\d+)$/.exec(options.join('/'))?.[1]
      if (uuid === undefined || uuid === '' || offset === undefined) {
        return bad(`Cannot use root='${whole}': only '/PARTNROFF=NUMBER' can follow a PARTUUID`)
      }
      return good({ kind: 'partuuid', uuid, offset: Number(offset) })
    }
    default:
      return bad(`Cannot use root='${whole}': '${key}' is none of UUID, LABEL, PARTUUID, PARTLABEL`)
  }
}

/** new_decode_dev() of include/linux/kdev_t.h. */
function decodeDevice(value: number): RootSpec {
  return { kind: 'number', major: (value & 0xfff00) >>> 8, minor: (value & 0xff) | ((value >>> 12) & 0xfff00) }
}

function withoutPrefix(text: string, fstype: TagFilesystem): string {
  return text.startsWith(`${fstype}:`) ? text.slice(fstype.length + 1) : text
}

function unquote(text: string): string {
  const quoted = /^(["'])(.*)\1$/s.exec(text)
  return quoted === null ? text : (quoted[2] ?? '')
}
