// Makes V8's code cache of the command line's bundle, in a process of its own because the seed of V8's hash tables, which
// decides the bytes, is a flag of the process (see pkg-child.ts).
// usage: cache-child.ts WRAPPED-BUNDLE OUT

import fs from 'node:fs'
import vm from 'node:vm'
import { CLI_ASSET } from './cli-asset.ts'

const [bundle, out] = process.argv.slice(2)
if (bundle === undefined || out === undefined) throw new Error('usage: cache-child.ts WRAPPED-BUNDLE OUT')
const script = new vm.Script(fs.readFileSync(bundle, 'latin1'), { filename: CLI_ASSET })
fs.writeFileSync(out, script.createCachedData())
