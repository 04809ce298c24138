// Stands in for src/load-cli.ts inside of the executable: the command line is an asset, with V8's code cache as another.
// PID 1 never asks for it, and so pays neither for its text nor for its functions. Both bundles have modules of their
// own; koffi's addon alone is loaded once (koffi-shim.ts). sea.getAsset, vm.Script: https://nodejs.org/api/

import sea from 'node:sea'
import vm from 'node:vm'
import type * as cli from '../src/cli.ts'
import { CLI_ASSET, CLI_CACHE_ASSET } from './cli-asset.ts'

type Cli = typeof cli

function isCli(exports: Partial<Cli>): exports is Cli {
  return typeof exports.runCli === 'function'
}

/** The exports of src/cli.ts. Throws Error when the asset is not what this program was built with. */
export function loadCli(): Promise<Cli> {
  const cachedData = Buffer.from(sea.getRawAsset(CLI_CACHE_ASSET))
  // Code is ASCII (bundle-main.ts): by latin1 it is copied as it is, which takes a tenth of decoding UTF-8.
  const text = Buffer.from(sea.getRawAsset(CLI_ASSET)).toString('latin1')
  const script = new vm.Script(text, { filename: CLI_ASSET, ...(cachedData.length > 0 ? { cachedData } : {}) })
  if (script.cachedDataRejected === true && process.env['FULCRUM_DEBUG'] !== undefined) process.stderr.write('fulcrum: the code cache of the command line was rejected\n')
  const holder: { exports: Partial<Cli> } = { exports: {} }
  script.runInThisContext()(holder.exports, (id: string) => process.getBuiltinModule(id), holder)
  if (!isCli(holder.exports)) return Promise.reject(new Error(`Cannot load the command line: '${CLI_ASSET}' does not export it`))
  return Promise.resolve(holder.exports)
}
