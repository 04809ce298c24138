// Makes the executable: bundle + koffi's addon + stripped Node through pkg's SEA builder, then without ICU's table and the
// symbols that Node exports.
// The order matters: strip before the injection, remove ICU and symbols after it (see strip-elf.ts, remove-icu.ts and trim-symbols.ts).
// Node's single executable applications: https://nodejs.org/api/single-executable-applications.html

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { CLI_ASSET, CLI_CACHE_ASSET, GENERATOR_FLAGS, wrapCli } from './cli-asset.ts'
import { PROGRAM_ASSET, PROGRAM_CACHE_ASSET, wrapProgram } from './program-asset.ts'
import { TEXT_ASSET } from '../src/install/payload.ts'
import type { PreparedNode } from './prepare-node.ts'
import { removeRange } from './remove-icu.ts'
import { isWantedSymbol, trimSymbols } from './trim-symbols.ts'

export interface PackInput {
  readonly node: PreparedNode
  /** Runs pkg: any Node 22 that has the same version as the packed one. */
  readonly hostNode: string
  /** The main of the executable: bundle/start.ts. */
  readonly start: Buffer
  /** The bundle of the program, an asset. */
  readonly bundle: Buffer
  /** Whether the program is src/main.ts, so that its boot can be rehearsed for the code cache. */
  readonly rehearse: boolean
  /** The bundle of the command line, an asset. */
  readonly cli: Buffer
  /** Path of koffi.node, which becomes an asset of the executable. */
  readonly addon: string
  /** What `fulcrum install` installs beside the program, an asset too: text-asset.ts. */
  readonly texts: Buffer
  /** Folder for intermediate files; it is not removed. */
  readonly workDirectory: string
  readonly useCodeCache: boolean
}

/** A cache takes seconds. */
const CACHE_TIMEOUT_MS = 300_000

/** Relative to pkg's temporary folder, which is a child of ours. */
const START_NAME = 'start.cjs'

/** esbuild leaves other characters in legal comments only; decoders would not agree on how many there are. */
function ascii(bundle: Buffer): string {
  return bundle.toString('utf8').replaceAll(/[^\0-\x7f]/g, '?')
}

interface Part {
  readonly text: string
  readonly name: string
  readonly cacheName: string
  readonly how: readonly string[]
}

/** Writes a bundle, wrapped, and its code cache; the names of the assets and their files. */
function cachedAssets(input: PackInput, { text, name, cacheName, how }: Part): Record<string, string> {
  const file = path.join(input.workDirectory, name)
  const cache = path.join(input.workDirectory, cacheName)
  fs.writeFileSync(file, text, 'latin1')
  fs.writeFileSync(cache, '')
  if (input.useCodeCache) {
    const child = path.join(import.meta.dirname, 'cache-child.ts')
    // By names and not by paths: the text of its arguments is in V8's heap, too.
    const result = spawnSync(input.hostNode, ['--disable-warning=ExperimentalWarning', ...GENERATOR_FLAGS, child, name, cacheName, ...how], { cwd: input.workDirectory, encoding: 'utf8', timeout: CACHE_TIMEOUT_MS })
    if (result.status !== 0) throw new Error(`Cannot make the code cache of '${name}': ${result.error?.message ?? ''}${result.stdout}${result.stderr}`)
  }
  return { [name]: file, [cacheName]: cache }
}

/** Returns the bytes of the executable. Throws with pkg's output when pkg fails. */
export function pack(input: PackInput): Buffer {
  const start = path.join(input.workDirectory, START_NAME)
  const injected = path.join(input.workDirectory, 'injected')
  const texts = path.join(input.workDirectory, TEXT_ASSET)
  fs.writeFileSync(start, input.start)
  fs.writeFileSync(texts, input.texts)
  const cli = { text: wrapCli(ascii(input.cli)), name: CLI_ASSET, cacheName: CLI_CACHE_ASSET, how: [] }
  const program = { text: wrapProgram(ascii(input.bundle)), name: PROGRAM_ASSET, cacheName: PROGRAM_CACHE_ASSET, how: input.rehearse ? ['rehearse'] : [] }
  const assets = { 'koffi.node': input.addon, [TEXT_ASSET]: texts, ...cachedAssets(input, cli), ...cachedAssets(input, program) }
  const config = {
    main: `../${START_NAME}`,
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: input.useCodeCache,
    execArgvExtension: 'none',
    assets,
  }
  const child = path.join(import.meta.dirname, 'pkg-child.ts')
  const result = spawnSync(
    input.hostNode,
    [
      '--disable-warning=ExperimentalWarning',
      child,
      injected,
      input.node.strippedNode,
      start,
      JSON.stringify(config),
    ],
    { encoding: 'utf8', env: { ...process.env, TMPDIR: input.workDirectory } },
  )
  if (result.error !== undefined) throw result.error
  if (result.status !== 0)
    throw new Error(
      `Cannot pack executable: pkg failed with status '${result.status}': ${result.stdout}${result.stderr}`,
    )
  return trimSymbols(removeRange(fs.readFileSync(injected), input.node.icu), isWantedSymbol)
}
