// What a guest left on an ext4 disk, judged from the host after power-off without mounting it: not one write may be
// missing. A journal that still has to be replayed is a failure although it would repair everything: it says that the
// file system was not unmounted. "state: clean" says nothing about that, so the features are read as well.
// The known files have a content that both sides can make: the guest with awk, the host again to compare.
// Man pages: dumpe2fs(8), e2fsck(8), debugfs(8).
import { tryTool } from '../../scripts/setup/run-tool.ts'

/** A text file of numbered lines that a guest writes and the host expects. */
export interface KnownFile {
  /** Absolute, in the file system. */
  readonly path: string
  /** Starts each line; no quotes, no spaces. */
  readonly word: string
  readonly lines: number
  /** The guest asks for it to be on disk (fsync) instead of only closing it. */
  readonly isSynced?: boolean
}

export interface Ext4Expectation {
  /** Where the file system begins; the first partition of our disks is at PARTITION_OFFSET. */
  readonly offset?: number
  readonly files?: readonly KnownFile[]
  /** Paths that the guest removed. */
  readonly absent?: readonly string[]
}

/** Start of the only partition of disks with a table (disk-images.ts). */
export const PARTITION_OFFSET = 1 << 20

/** The content of a known file. */
export function knownText(file: KnownFile): string {
  let text = ''
  for (let line = 1; line <= file.lines; line++) text += `${file.word} ${line}\n`
  return text
}

/** Shell lines, for busybox as for Debian, that write the known files. The last thing before a power-off. */
export function writeKnownFiles(files: readonly KnownFile[]): string {
  return files.map(({ path, word, lines, isSynced }) => [
    `awk 'BEGIN { for (i = 1; i <= ${lines}; i++) print "${word}", i }' > ${path}`,
    ...(isSynced === true ? [`sync ${path}`] : []),
  ].join('\n')).join('\n')
}

function checkFile(image: string, file: KnownFile): string[] {
  const { stdout, stderr } = tryTool('debugfs', ['-R', `cat ${file.path}`, image])
  if (/File not found/.test(stderr)) return [`File '${file.path}' is not there`]
  const wanted = knownText(file)
  if (stdout === wanted) return []
  let at = 0
  while (at < wanted.length && stdout[at] === wanted[at]) at++
  return [`File '${file.path}' is not what was written: ${stdout.length} bytes instead of ${wanted.length}, other from byte ${at}`]
}

/** Everything that is wrong with the file system in this image, one line each; empty if it is as it should be. */
export function checkExt4(path: string, expected: Ext4Expectation = {}): string[] {
  const image = expected.offset === undefined ? path : `${path}?offset=${expected.offset}`
  const header = tryTool('dumpe2fs', ['-h', image])
  if (header.status !== 0) return [`Cannot read the superblock of '${image}': ${header.stderr.trim()}`]
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(header.stdout)?.[1] ?? ''
  const complaints: string[] = []
  const features = field('Filesystem features').split(' ')
  for (const feature of ['needs_recovery', 'orphan_present']) {
    if (features.includes(feature)) complaints.push(`The file system has the feature '${feature}': it was not unmounted`)
  }
  if (field('Filesystem state') !== 'clean') complaints.push(`The file system's state is '${field('Filesystem state')}'`)
  const check = tryTool('e2fsck', ['-f', '-n', image])
  if (check.status !== 0) complaints.push(`e2fsck -fn: status ${check.status}: ${(check.stdout + check.stderr).trim().split('\n').slice(-6).join(' | ')}`)
  for (const file of expected.files ?? []) complaints.push(...checkFile(image, file))
  for (const gone of expected.absent ?? []) {
    if (!/File not found/.test(tryTool('debugfs', ['-R', `stat ${gone}`, image]).stderr)) complaints.push(`File '${gone}' is there, and was removed`)
  }
  return complaints
}
