// Runs the few command-line compressors that Node has no equal of: xz, lz4, bzip2, lzma, mksquashfs.
//
// A missing one is an error which names the Debian package, not a stack trace.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuilderError, describeCause } from '../builder-error.ts'

const packages: Readonly<Record<string, string>> = { mksquashfs: 'squashfs-tools', xz: 'xz-utils', lz4: 'lz4', bzip2: 'bzip2', lzop: 'lzop' }

/** Runs a filter over `input`, with `env` added to the environment, and returns what it wrote. Throws BuilderError if it is missing or fails. */
export async function runFilter(command: string, args: readonly string[], input: Iterable<Uint8Array>, env: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const closed = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : 1))
  closed.catch(() => undefined)
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  // A filter that ends early (broken input) makes the next write fail; its status tells more.
  child.stdin.on('error', () => undefined)
  try {
    await Promise.race([once(child, 'spawn'), closed])
    for (const chunk of input) {
      if (!child.stdin.write(chunk)) await Promise.race([once(child.stdin, 'drain'), closed])
    }
    child.stdin.end()
    const code = await closed
    if (code !== 0) {
      const text = Buffer.concat(errors).toString('utf8').trim()
      throw new BuilderError('system', `Cannot run '${command}': exit status ${code}: ${text}`)
    }
  } catch (cause) {
    if (cause instanceof BuilderError) throw cause
    throw new BuilderError('system', `Cannot run '${command}': ${missingHint(command, cause)}`, { cause })
  }
  return Buffer.concat(output)
}

/**
 * Decompresses several xz files by as many xz processes as there are processors, which is ten times faster than one for
 * each file: they are put into a temporary directory under numbers.
 */
export async function decompressXzFiles(files: readonly Uint8Array[]): Promise<Buffer[]> {
  if (files.length === 0) return []
  const directory = mkdtempSync(join(tmpdir(), 'fulcrum-xz-'))
  try {
    const names = files.map((file, index) => {
      const name = join(directory, `${index}.xz`)
      writeFileSync(name, file)
      return name
    })
    const lanes = Math.min(availableParallelism(), names.length)
    const shares = Array.from({ length: lanes }, (_, lane) => names.filter((_name, index) => index % lanes === lane))
    // All have ended before the directory goes.
    const ends = await Promise.allSettled(shares.map(share => runFilter('xz', ['-d', '-q', '--', ...share], [])))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    return names.map(name => readFileSync(name.slice(0, -3)))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function missingHint(command: string, cause: unknown): string {
  const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  const name = packages[command]
  return missing && name !== undefined ? `it is not installed (Debian package '${name}')` : describeCause(cause)
}
