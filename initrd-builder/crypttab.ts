// The crypttab of an image: of a machine's own only the lines that lead to its root, and what they need that is missing.
//
// A line more would be a passphrase more that is asked for at boot, and a key in an image that nobody needs there.
// Key files are put in by nobody but the user (--secret). Man page: crypttab(5).

import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { crypttabLines, parseCryptOptions, parseCrypttab, type CrypttabEntry } from '../src/facts/crypttab.ts'
import { parseMountInfo } from '../src/facts/mountinfo.ts'
import type { ImageTree } from './image/image-tree.ts'

const crypttabPath = '/etc/crypttab'
/** Mount points whose devices the initramfs opens. */
const mountPoints: readonly string[] = ['/', '/usr']

/** The names of the dm-crypt devices that / and /usr of this machine are on. `top` stands for "/" in tests. */
export function cryptNamesOfRoot(top = ''): string[] {
  const names = new Set<string>()
  for (const mount of parseMountInfo(readIfThere(`${top}/proc/self/mountinfo`))) {
    if (!mountPoints.includes(mount.mountPoint)) continue
    // btrfs has a device number of its own; its source is one of its devices.
    const real = realPath(`${top}${mount.source}`)
    const byName = mount.source.startsWith('/dev/') && real !== undefined ? `${top}/sys/class/block/${real.slice(real.lastIndexOf('/') + 1)}` : undefined
    for (const start of [`${top}/sys/dev/block/${mount.major}:${mount.minor}`, byName]) if (start !== undefined) collect(start, names)
  }
  return [...names]
}

function collect(device: string, names: Set<string>): void {
  if (/^CRYPT-(?!VERITY|INTEGRITY)/.test(readIfThere(`${device}/dm/uuid`))) names.add(readIfThere(`${device}/dm/name`).trim())
  for (const slave of listIfThere(`${device}/slaves`)) collect(`${device}/slaves/${slave}`, names)
}

/**
 * Leaves in the image's crypttab what is wanted: everything where `names` is null (any machine), else the entries of
 * these names and those that are marked for the initramfs. Returns warnings about files that they name and that the
 * image has not.
 */
export function adaptCrypttab(tree: ImageTree, names: readonly string[] | null): string[] {
  const node = tree.get(crypttabPath)
  if (node === undefined || node.type !== 'file') return []
  const text = Buffer.from(node.data).toString('utf8')
  const isWanted = (entry: CrypttabEntry): boolean => names === null || names.includes(entry.name) || parseCryptOptions(entry.options).initrdAttach
  const kept = names === null ? text : crypttabLines(text, isWanted)
  if (kept !== text) tree.replace(crypttabPath, { ...node, data: Buffer.from(kept) }, "feature 'luks', the lines of this machine's root")
  return parseCrypttab(kept).flatMap((entry) => {
    const inImage = (path: string | null): path is string => path !== null && path.startsWith('/') && !path.startsWith('/dev/') && !path.includes(':')
    const { header } = parseCryptOptions(entry.options)
    return [
      ...(inImage(entry.key) && !tree.has(entry.key)
        ? [`Cannot find key file '${entry.key}' of '${entry.name}' in the image: put it in with --secret, or its passphrase is asked for, ignoring`] : []),
      ...(inImage(header) && !tree.has(header) ? [`Cannot find header '${header}' of '${entry.name}' in the image: put it in with --include, ignoring`] : []),
    ]
  })
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function listIfThere(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
