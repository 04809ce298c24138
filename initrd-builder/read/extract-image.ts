// Writes an image's tree into a new directory, trusting nothing that the image says.
//
// The tree has been resolved in memory, so every path is free of links and `..`; links are made last,
// so that nothing is ever written through one. Device nodes need root and mknod(1), as Node has none.

import { execFileSync } from 'node:child_process'
import {
  chmodSync, chownSync, lchownSync, linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { BuilderError, describeCause } from '../builder-error.ts'
import type { ImageFile } from './merge-segments.ts'

/** What was written. */
export interface ExtractResult {
  readonly directory: string
  readonly files: number
  /** What could not be made, each ending in ", ignoring". */
  readonly warnings: readonly string[]
}

/** Extracts into `directory`, which must not exist or be empty; a failure leaves it so. Throws BuilderError. */
export function extractImage(files: ReadonlyMap<string, ImageFile>, directory: string): ExtractResult {
  const made = prepareDirectory(directory)
  try {
    return writeTree(files, directory)
  } catch (error) {
    const left = removeAgain(directory, made)
    if (!(error instanceof BuilderError) || left === null) throw error
    throw new BuilderError(error.kind, `${error.message}; what was extracted before stays there: ${left}`, { cause: error })
  }
}

/** Removes what was written, and the directories from `made` on. Null, or why that could not be. */
function removeAgain(directory: string, made: string | undefined): string | null {
  try {
    if (made === undefined) for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
    else rmSync(made, { recursive: true, force: true })
    return null
  } catch (cause) {
    return describeCause(cause)
  }
}

function writeTree(files: ReadonlyMap<string, ImageFile>, directory: string): ExtractResult {
  const isRoot = process.getuid?.() === 0
  const warnings: string[] = []
  const order: readonly ImageFile['type'][] = ['directory', 'file', 'char', 'block', 'fifo', 'socket', 'unknown', 'symlink']
  const sorted = [...files.values()].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type))
  const links = new Map<string, string>()
  let written = 0
  for (const file of sorted) {
    const path = join(directory, file.path)
    try {
      mkdirSync(dirname(path), { recursive: true })
      if (writeFile(file, path, links, isRoot)) written++
      else warnings.push(`Cannot make '${path}': a ${file.type} needs root, ignoring`)
    } catch (cause) {
      throw new BuilderError('system', `Cannot extract '${file.path}' to '${path}': ${describeCause(cause)}`, { cause })
    }
  }
  try {
    finishDirectories(sorted, directory)
  } catch (cause) {
    throw new BuilderError('system', `Cannot extract to '${directory}': ${describeCause(cause)}`, { cause })
  }
  return { directory, files: written, warnings }
}

/** The first directory that it had to make, for all below it. */
function prepareDirectory(directory: string): string | undefined {
  try {
    const made = mkdirSync(directory, { recursive: true })
    if (readdirSync(directory).length === 0) return made
  } catch (cause) {
    throw new BuilderError('system', `Cannot extract to '${directory}': ${describeCause(cause)}`, { cause })
  }
  throw new BuilderError('refused', `Cannot extract to '${directory}': the directory is not empty`)
}

/** False if it was passed over. */
function writeFile(file: ImageFile, path: string, links: Map<string, string>, isRoot: boolean): boolean {
  const { entry, type } = file
  switch (type) {
    case 'directory':
      mkdirSync(path, { recursive: true })
      break
    case 'file': {
      const key = `${file.segment}:${entry.inode}`
      const first = entry.nlink > 1 ? links.get(key) : undefined
      if (first === undefined) writeFileSync(path, file.data, { flag: 'wx', mode: 0o600 })
      else linkSync(first, path)
      links.set(key, path)
      break
    }
    case 'symlink':
      symlinkSync(file.target ?? '', path)
      break
    case 'char':
    case 'block':
      if (!isRoot) return false
      execFileSync('mknod', [path, type === 'char' ? 'c' : 'b', String(entry.rdevMajor), String(entry.rdevMinor)])
      break
    case 'fifo':
      execFileSync('mknod', [path, 'p'])
      break
    default:
      return false
  }
  if (type === 'symlink') {
    if (isRoot) lchownSync(path, entry.uid, entry.gid)
    return true
  }
  if (isRoot) chownSync(path, entry.uid, entry.gid)
  if (type !== 'directory') {
    chmodSync(path, entry.mode & 0o7777)
    utimesSync(path, entry.mtime, entry.mtime)
  }
  return true
}

/** A directory that may not be written to, and every directory's time, come when nothing more is put in. */
function finishDirectories(files: readonly ImageFile[], directory: string): void {
  for (const { path, entry } of files.filter(file => file.type === 'directory').reverse()) {
    chmodSync(join(directory, path), entry.mode & 0o7777)
    utimesSync(join(directory, path), entry.mtime, entry.mtime)
  }
}
