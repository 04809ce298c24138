// Images for the tests of superblocks and partition tables: made in a temporary directory, read as the boot reads a device.
//
// Test helper, here because src/facts is free of file calls. The oracle is blkid(8) in its low-level probing mode, which knows nothing of any cache.

import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import type { ReadAt } from '../../facts/block/bytes.ts'
import { decodeUdev } from '../../facts/block/root-spec.ts'
import type { ImageFixture } from '../../facts/block/superblocks/image-fixtures.ts'

export interface TestImages {
  /** An empty sparse file; returns its path. */
  create(name: string, sizeBytes: number): string
  /** The sparse file of a fixture; returns its path. */
  unpack(fixture: ImageFixture): string
  /** Writes bytes at an offset. */
  patch(path: string, offset: number, bytes: Uint8Array): void
  remove(): void
}

/** Paths that a person's PATH may lack but where mkfs and blkid are. */
const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }

/** Runs a tool and returns its output; throws with the tool's words when it fails. */
export function runTool(tool: string, args: readonly string[], input = ''): string {
  return execFileSync(tool, [...args], { input, encoding: 'utf8', env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
}

export function makeTestImages(): TestImages {
  const directory = mkdtempSync(join(tmpdir(), 'fulcrum-block-'))
  const patch = (path: string, offset: number, bytes: Uint8Array): void => {
    const fd = openSync(path, 'r+')
    writeSync(fd, bytes, 0, bytes.length, offset)
    closeSync(fd)
  }
  const create = (name: string, sizeBytes: number): string => {
    const path = join(directory, name)
    const fd = openSync(path, 'w')
    ftruncateSync(fd, sizeBytes)
    closeSync(fd)
    return path
  }
  return {
    create,
    patch,
    unpack(fixture) {
      const path = create(fixture.name, fixture.sizeBytes)
      for (const [offset, text] of fixture.chunks) patch(path, offset, inflateRawSync(Buffer.from(text, 'base64')))
      return path
    },
    remove: () => rmSync(directory, { recursive: true }),
  }
}

/** Reads parts of a file; null beyond its end. */
export function readerOf(path: string): { read: ReadAt; sizeBytes: number } {
  const sizeBytes = statSync(path).size
  const read: ReadAt = (offset, length) => {
    if (offset < 0 || offset + length > sizeBytes) return null
    const bytes = Buffer.alloc(length)
    const fd = openSync(path, 'r')
    readSync(fd, bytes, 0, length, offset)
    closeSync(fd)
    return bytes
  }
  return { read, sizeBytes }
}

/** What blkid says of an image as udev stores it: 'ID_FS_TYPE', 'ID_FS_UUID', 'ID_FS_LABEL' (unescaped), … */
export function blkid(path: string): Map<string, string> {
  const lines = runTool('blkid', ['-p', '-o', 'udev', path]).split('\n').filter(line => line.includes('='))
  return new Map(lines.map(line => [keyOf(line).replace(/_ENC$/, ''), decodeUdev(line.slice(line.indexOf('=') + 1))]))
}

const keyOf = (line: string): string => line.slice(0, line.indexOf('='))

/** Copies a range of a file. */
export function bytesOf(path: string, offset: number, length: number): Uint8Array {
  return readFileSync(path).subarray(offset, offset + length)
}
