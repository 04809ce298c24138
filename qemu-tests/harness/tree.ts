// A file tree as data: what a test root, or a hand-made initramfs, consists of. As data it has a hash (the key of
// what is made from it) and can be put on top of another tree. Written out as root, owners are all 0.
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { ownPath } from './own-files.ts'

export type TreeEntry =
  | { readonly type: 'directory'; readonly mode?: number }
  | { readonly type: 'text'; readonly text: string; readonly mode?: number }
  | { readonly type: 'bytes'; readonly base64: string; readonly mode?: number }
  /** Copied from the host. */
  | { readonly type: 'file'; readonly source: string; readonly mode?: number }
  | { readonly type: 'link'; readonly target: string }
  | { readonly type: 'device'; readonly kind: 'c' | 'b'; readonly major: number; readonly minor: number; readonly mode?: number }

/** Paths without leading slash. Parents that are not named are made with mode 0755. */
export type Tree = Readonly<Record<string, TreeEntry>>

/** A hash of all that matters: names, modes, contents. */
export function treeKey(tree: Tree): string {
  const hash = createHash('sha256')
  for (const path of Object.keys(tree).sort()) {
    const entry = tree[path]
    hash.update(JSON.stringify([path, entry]))
    if (entry?.type === 'file') hash.update(readFileSync(entry.source))
  }
  return hash.digest('hex').slice(0, 24)
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Writes the tree below `folder`, over what is there. */
export function writeTree(tree: Tree, folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const path of Object.keys(tree).sort()) {
    const entry = tree[path]
    if (entry === undefined) continue
    const full = join(folder, path)
    mkdirSync(dirname(full), { recursive: true })
    if (entry.type !== 'directory' && exists(full)) rmSync(full, { recursive: true })
    switch (entry.type) {
      case 'directory': mkdirSync(full, { recursive: true }); break
      case 'text': writeFileSync(full, entry.text); break
      case 'bytes': writeFileSync(full, Buffer.from(entry.base64, 'base64')); break
      case 'file': copyFileSync(entry.source, full); break
      case 'link': symlinkSync(entry.target, full); break
      case 'device': runTool('mknod', [full, entry.kind, `${entry.major}`, `${entry.minor}`]); break
    }
    if (entry.type !== 'link' && 'mode' in entry && entry.mode !== undefined) chmodSync(full, entry.mode)
    else if (entry.type === 'text') chmodSync(full, 0o644)
  }
}

/** An empty folder in the cache to write a tree into, gone at the end of the process at the latest. */
export function scratchFolder(name: string): string {
  const folder = ownPath('scratch', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}
