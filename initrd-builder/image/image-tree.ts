// The image as it is being collected: a tree of nodes, each with the reasons why it is there.
//
// Several things ask for the same file (libc is needed by everything), so adding is idempotent and only
// adds a reason. Which segment a node goes into is decided here too.

import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from '../cpio/newc-entry.ts'
import type { CpioSource } from '../cpio/newc-writer.ts'
import { directoryOf, relativeTarget } from './image-path.ts'

/**
 * Which of the concatenated archives a node is written to: what changes with a release of fulcrum only, what
 * changes with the kernel, kernel modules that are compressed already, the compressed copy for keep slim, and the rest.
 * The first two are cached.
 */
export type SegmentName = 'constant' | 'modules' | 'packed' | 'kept' | 'variable'

/** What is at a path. Modes are permission bits. */
export type ImageNode =
  | { readonly type: 'file'; readonly mode: number; readonly data: Uint8Array; readonly linkKey?: string }
  | { readonly type: 'directory'; readonly mode: number }
  | { readonly type: 'symlink'; /** As in the image, absolute; written relative. */ readonly target: string }
  | { readonly type: 'char' | 'block'; readonly mode: number; readonly major: number; readonly minor: number }

export interface ImageEntry {
  /** Absolute, in the image's layout. */
  readonly path: string
  readonly node: ImageNode
  readonly segment: SegmentName
  readonly reasons: readonly string[]
}

export class ImageTree {
  readonly #entries = new Map<string, { node: ImageNode; segment: SegmentName; reasons: string[] }>()
  readonly #conflicts: string[] = []

  has(path: string): boolean {
    return this.#entries.has(path)
  }

  get(path: string): ImageNode | undefined {
    return this.#entries.get(path)?.node
  }

  /**
   * Adds a node, or a reason to one that is there. The first at a path wins; another with other content
   * is remembered as a conflict. Returns true if the node is new.
   */
  add(path: string, node: ImageNode, reason: string, segment: SegmentName = 'variable'): boolean {
    const known = this.#entries.get(path)
    if (known === undefined) {
      this.#entries.set(path, { node, segment, reasons: [reason] })
      return true
    }
    if (!known.reasons.includes(reason)) known.reasons.push(reason)
    if (!sameNode(known.node, node)) this.#conflicts.push(path)
    return false
  }

  /** Puts a node in the place of whatever is there: what the user includes by name comes last and wins. */
  replace(path: string, node: ImageNode, reason: string): void {
    this.#entries.set(path, { node, segment: 'variable', reasons: [reason] })
  }

  /** Paths at which two different things were to be put. */
  conflicts(): readonly string[] {
    return [...new Set(this.#conflicts)].sort()
  }

  /** All entries with their parent directories, sorted by path. */
  entries(): ImageEntry[] {
    for (const [path, { segment }] of [...this.#entries]) {
      for (let parent = directoryOf(path); parent !== '/'; parent = directoryOf(parent)) {
        if (!this.#entries.has(parent)) {
          this.#entries.set(parent, { node: { type: 'directory', mode: 0o755 }, segment, reasons: ['parent directory'] })
        }
      }
    }
    return [...this.#entries]
      .map(([path, entry]) => ({ path, ...entry }))
      .sort((a, b) => (a.path < b.path ? -1 : 1))
  }
}

/** The sources of one segment: its entries, and all their parents even where another segment has them too. */
export function segmentSources(entries: readonly ImageEntry[], segment: SegmentName): CpioSource[] {
  const byPath = new Map(entries.map(entry => [entry.path, entry]))
  const chosen = new Map<string, ImageEntry>()
  for (const entry of entries) {
    if (entry.segment !== segment) continue
    chosen.set(entry.path, entry)
    for (let parent = directoryOf(entry.path); parent !== '/'; parent = directoryOf(parent)) {
      const directory = byPath.get(parent)
      if (directory !== undefined) chosen.set(parent, directory)
    }
  }
  return [...chosen.values()].map(cpioSource)
}

/** An entry as the archive holds it. */
export function cpioSource({ path, node }: ImageEntry): CpioSource {
  const name = path.slice(1)
  switch (node.type) {
    case 'file':
      return {
        path: name, mode: S_IFREG | node.mode, data: node.data,
        ...(node.linkKey === undefined ? {} : { linkKey: node.linkKey }),
      }
    case 'directory':
      return { path: name, mode: S_IFDIR | node.mode }
    case 'symlink':
      return { path: name, mode: S_IFLNK | 0o777, data: new TextEncoder().encode(relativeTarget(path, node.target)) }
    case 'char':
    case 'block':
      return {
        path: name, mode: (node.type === 'char' ? S_IFCHR : S_IFBLK) | node.mode,
        rdevMajor: node.major, rdevMinor: node.minor,
      }
  }
}

function sameNode(a: ImageNode, b: ImageNode): boolean {
  if (a.type === 'file' && b.type === 'file') return a.data === b.data || Buffer.compare(a.data, b.data) === 0
  if (a.type === 'symlink' && b.type === 'symlink') return a.target === b.target
  return a.type === b.type
}
