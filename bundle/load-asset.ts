// Runs a bundle that is an asset of the executable, with V8's code cache of it as another asset.
// A cache that V8 does not take costs a boot some 0.1 s on a slow machine and nothing else.
// sea.getRawAsset, vm.Script: https://nodejs.org/api/

import sea from 'node:sea'
import vm from 'node:vm'

/** What the bundle `name`, wrapped as wrapProgram and wrapCli do, exports. `T` is partial: what an asset exports, the caller has to look at. */
export function loadAsset<T>(name: string, cacheName: string): Partial<T> {
  const cachedData = Buffer.from(sea.getRawAsset(cacheName))
  // Code is ASCII (bundle-main.ts): by latin1 it is copied as it is, which takes a tenth of decoding UTF-8.
  const text = Buffer.from(sea.getRawAsset(name)).toString('latin1')
  const script = new vm.Script(text, { filename: name, ...(cachedData.length > 0 ? { cachedData } : {}) })
  if (script.cachedDataRejected === true && process.env['FULCRUM_DEBUG'] !== undefined) process.stderr.write(`fulcrum: the code cache of '${name}' was rejected\n`)
  const holder: { exports: Partial<T> } = { exports: {} }
  script.runInThisContext()(holder.exports, (id: string) => process.getBuiltinModule(id), holder, process)
  return holder.exports
}
