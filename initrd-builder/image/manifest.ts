// The image's own list of what is in it and why: /etc/fulcrum/manifest.json.
//
// Written at build time, when the reasons are known, and read by `fulcrum inspect --why`. Pure: the
// digests are handed in.

import type { FileTypeName } from '../cpio/newc-entry.ts'
import type { ImageEntry } from './image-tree.ts'
import { relativeTarget } from './image-path.ts'

export const manifestPath = '/etc/fulcrum/manifest.json'

/** One line of the manifest. The manifest itself is not in it, as it cannot hold its own digest. */
export interface ManifestItem {
  readonly path: string
  readonly type: FileTypeName
  /** Permission bits, in octal text as ls(1) and chmod(1) have them: `0755`. */
  readonly mode: string
  /** Bytes of content; 0 but for files. */
  readonly size: number
  readonly sha256?: string
  /** Of a symlink. */
  readonly target?: string
  readonly reasons: readonly string[]
}

/** The manifest of these entries, in their order. A digest would tell who guesses a secret that the guess is right. */
export function makeManifest(
  entries: readonly ImageEntry[], sha256: (data: Uint8Array) => string, secrets: readonly string[] = [],
): ManifestItem[] {
  return entries.filter(entry => entry.path !== manifestPath).map(({ path, node, reasons }) => ({
    path,
    type: node.type,
    mode: (node.type === 'symlink' ? 0o777 : node.mode).toString(8).padStart(4, '0'),
    size: node.type === 'file' ? node.data.length : 0,
    ...(node.type === 'file' && !secrets.includes(path) ? { sha256: sha256(node.data) } : {}),
    ...(node.type === 'symlink' ? { target: relativeTarget(path, node.target) } : {}),
    reasons,
  }))
}

/** One item per line, so that two manifests can be compared by diff(1). */
export function formatManifest(items: readonly ManifestItem[]): string {
  return `[\n${items.map(item => JSON.stringify(item)).join(',\n')}\n]\n`
}

/** Parses what formatManifest wrote; undefined if the text is something else. */
export function parseManifest(text: string): ManifestItem[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  return Array.isArray(parsed) && parsed.every(isItem) ? parsed : undefined
}

function isItem(item: unknown): item is ManifestItem {
  return (
    typeof item === 'object' && item !== null && 'path' in item && typeof item.path === 'string' &&
    'reasons' in item && Array.isArray(item.reasons)
  )
}
