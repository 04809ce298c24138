// Stands in for src/load-cli.ts inside of the executable: the command line is an asset, with V8's code cache as another.
// PID 1 never asks for it, and so pays neither for its text nor for its functions. Both bundles have modules of their
// own; koffi's addon alone is loaded once (koffi-shim.ts).

import type * as cli from '../src/cli.ts'
import { CLI_ASSET, CLI_CACHE_ASSET } from './cli-asset.ts'
import { loadAsset } from './load-asset.ts'

type Cli = typeof cli

function isCli(exports: Partial<Cli>): exports is Cli {
  return typeof exports.runCli === 'function'
}

/** The exports of src/cli.ts. Throws Error when the asset is not what this program was built with. */
export function loadCli(): Promise<Cli> {
  const exports = loadAsset<Cli>(CLI_ASSET, CLI_CACHE_ASSET)
  if (!isCli(exports)) return Promise.reject(new Error(`Cannot load the command line: '${CLI_ASSET}' does not export it`))
  return Promise.resolve(exports)
}
