// Puts fulcrum into the image: the executable, the addon beside it, and the libraries of both.
//
// What is the same in every image, in a segment of its own.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isSea } from 'node:sea'
import { BuilderError, describeCause } from '../builder-error.ts'
import { isElf } from '../elf/elf-file.ts'
import type { ImageTree } from '../image/image-tree.ts'
import type { BuildOptions } from '../options.ts'
import type { Collector } from './collector.ts'

/** Adds them, by the options, the environment (FULCRUM_BINARY, FULCRUM_ADDON) or where this runs from. Throws BuilderError if one is missing or no ELF file. */
export function addProgram(options: BuildOptions, env: Readonly<Record<string, string | undefined>>, tree: ImageTree, collector: Collector): void {
  const binary = options.binary ?? env['FULCRUM_BINARY'] ?? (isSea() ? process.execPath : undefined)
  if (binary === undefined) {
    throw new BuilderError('usage', 'Cannot find the packed fulcrum binary: not running from it, give it by --binary')
  }
  const addonGuess = [join(dirname(binary), 'koffi.node'), join(dirname(binary), '../lib/fulcrum/koffi.node'), '/lib/fulcrum/koffi.node'].find(path => existsSync(path))
  const addon = options.addon ?? env['FULCRUM_ADDON'] ?? addonGuess ?? join(dirname(binary), 'koffi.node')
  const parts = [
    { source: binary, path: '/bin/fulcrum', reason: 'fulcrum itself' },
    { source: addon, path: '/lib/fulcrum/koffi.node', reason: 'fulcrum calls the kernel through it' },
  ]
  for (const { source, path, reason } of parts) {
    const data = readPart(source)
    if (!isElf(data)) throw new BuilderError('refused', `Cannot use '${source}' as '${path}': it is no ELF file, and an image with it would not boot; 'npm run build' makes both`)
    tree.add(path, { type: 'file', mode: 0o755, data }, reason, 'constant')
    collector.addNeeds(path, data, 'constant')
  }
}

function readPart(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new BuilderError('system', `Cannot read '${path}': ${describeCause(cause)}`, { cause })
  }
}
