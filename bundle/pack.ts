// Makes the executable: bundle + koffi's addon + stripped Node through pkg's SEA builder, then without ICU's table and the
// symbols that Node exports.
// The order matters: strip before the injection, remove ICU and symbols after it (see strip-elf.ts, remove-icu.ts and trim-symbols.ts).
// Node's single executable applications: https://nodejs.org/api/single-executable-applications.html

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { CLI_ASSET, CLI_CACHE_ASSET, GENERATOR_FLAGS, wrapCli } from './cli-asset.ts'
import { TEXT_ASSET } from '../src/install/payload.ts'
import type { PreparedNode } from './prepare-node.ts'
import { removeRange } from './remove-icu.ts'
import { isWantedSymbol, trimSymbols } from './trim-symbols.ts'

export interface PackInput {
  readonly node: PreparedNode
  /** Runs pkg: any Node 22 that has the same version as the packed one. */
  readonly hostNode: string
  readonly bundle: Buffer
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

/** The name of the bundle in stack traces. Relative to pkg's temporary folder, which is a child of ours. */
const BUNDLE_NAME = 'fulcrum.cjs'

/** Writes the command line and its code cache; the names of the assets and their files. */
function cliAssets(input: PackInput): Record<string, string> {
  const text = path.join(input.workDirectory, CLI_ASSET)
  const cache = path.join(input.workDirectory, CLI_CACHE_ASSET)
  fs.writeFileSync(text, wrapCli(input.cli.toString('latin1')), 'latin1')
  fs.writeFileSync(cache, '')
  if (input.useCodeCache) {
    const child = path.join(import.meta.dirname, 'cache-child.ts')
    const result = spawnSync(input.hostNode, ['--disable-warning=ExperimentalWarning', ...GENERATOR_FLAGS, child, text, cache], { encoding: 'utf8' })
    if (result.status !== 0) throw new Error(`Cannot make the code cache of the command line: ${result.stdout}${result.stderr}`)
  }
  return { [CLI_ASSET]: text, [CLI_CACHE_ASSET]: cache }
}

/** Returns the bytes of the executable. Throws with pkg's output when pkg fails. */
export function pack(input: PackInput): Buffer {
  const bundle = path.join(input.workDirectory, BUNDLE_NAME)
  const injected = path.join(input.workDirectory, 'injected')
  const texts = path.join(input.workDirectory, TEXT_ASSET)
  fs.writeFileSync(bundle, input.bundle)
  fs.writeFileSync(texts, input.texts)
  const assets = { 'koffi.node': input.addon, [TEXT_ASSET]: texts, ...cliAssets(input) }
  const config = {
    main: `../${BUNDLE_NAME}`,
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
      bundle,
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
