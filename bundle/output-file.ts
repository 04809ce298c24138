// Writing the build's results: a file appears whole or not at all, and its hash is what tells two builds apart.
// It exists because other processes (tests, the image builder) may be reading dist/ while a build replaces it.

import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/** Hex SHA-256 of the concatenated parts. */
export function sha256(...parts: (string | Buffer)[]): string {
  const hash = crypto.createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Writes a file under a temporary name beside it and renames it into place. Makes the folder if missing. */
export function writeAtomically(file: string, data: string | Buffer, mode = 0o644): void {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.tmp`
  try {
    fs.writeFileSync(temporary, data)
    fs.chmodSync(temporary, mode)
    fs.renameSync(temporary, file)
  } finally {
    fs.rmSync(temporary, { force: true })
  }
}
