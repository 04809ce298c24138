// The main of the executable: runs the program, which is an asset, with V8's code cache as another.
// The cache has the functions that a boot calls, compiled (program-asset.ts). One that V8 does not take costs a boot
// some 0.1 s on a slow machine and nothing else. sea.getRawAsset, vm.Script: https://nodejs.org/api/

import sea from 'node:sea'
import vm from 'node:vm'
import { PROGRAM_ASSET, PROGRAM_CACHE_ASSET } from './program-asset.ts'

const cachedData = Buffer.from(sea.getRawAsset(PROGRAM_CACHE_ASSET))
// The text is ASCII (bundle-main.ts), so this is a copy and no decoding.
const text = Buffer.from(sea.getRawAsset(PROGRAM_ASSET)).toString('latin1')
const script = new vm.Script(text, { filename: PROGRAM_ASSET, ...(cachedData.length > 0 ? { cachedData } : {}) })
if (script.cachedDataRejected === true && process.env['FULCRUM_DEBUG'] !== undefined) process.stderr.write('fulcrum: the code cache of the program was rejected\n')
const holder = { exports: {} }
script.runInThisContext()(holder.exports, (id: string) => process.getBuiltinModule(id), holder, process)
