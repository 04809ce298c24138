// A small content-addressed cache outside git for intermediate results of the build (stripped Node, its ICU range).
// It exists because stripping and hashing 125 MB on every build is waste. Entries are named by a hash of their
// inputs, written to a temporary name and renamed, so that two builds at once never see half a file.

import crypto from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** `$FULCRUM_CACHE`, else `$XDG_CACHE_HOME/fulcrum`, else `~/.cache/fulcrum`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { FULCRUM_CACHE: own, XDG_CACHE_HOME: xdg } = environment
  if (own !== undefined && own !== '') return path.resolve(own)
  return path.join(xdg !== undefined && xdg !== '' ? xdg : path.join(os.homedir(), '.cache'), 'fulcrum')
}

/** Hex SHA-256 over the parts, each preceded by its length so that ('ab','c') and ('a','bc') differ. */
export function hashOf(...parts: (string | Buffer)[]): string {
  const hash = crypto.createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('hex')
}

/** Writes a file under a temporary name beside it and renames it into place. */
export function writeAtomically(file: string, data: string | Buffer, mode = 0o644): void {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  try {
    fs.writeFileSync(temporary, data, { mode })
    fs.chmodSync(temporary, mode)
    fs.renameSync(temporary, file)
  } finally {
    fs.rmSync(temporary, { force: true })
  }
}

/**
 * Returns the path of the cached file `name` in the folder `area`; makes it first when it is not there.
 * `name` has to contain a hash of everything that `make` depends on.
 */
export function cached(area: string, name: string, mode: number, make: () => string | Buffer): string {
  const file = path.join(cacheDirectory(), area, name)
  if (!fs.existsSync(file)) writeAtomically(file, make(), mode)
  return file
}
