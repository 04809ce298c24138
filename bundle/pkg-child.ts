// Runs the SEA builder of @yao-pkg/pkg, in a process of its own because it changes the working directory and prints.
// pkg's command line passes neither a local Node nor assets on; its module lib-es5/sea.js does, and has no `exports`
// fence. `main` is given relative to pkg's temporary folder, which pack.ts makes a child of the folder with the
// bundle: Node writes that string into the blob, and an absolute path would make the bytes depend on the folder.
// V8's code cache holds hash tables in the order of a random seed; the generator is given a fixed one. The seed is not
// part of what V8 checks a cache against, so the cache is accepted at run time (docs/binary.md).
// usage: pkg-child.ts OUT NODE BUNDLE SEA_CONFIG_JSON, with TMPDIR set to the folder of BUNDLE

import childProcess from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { GENERATOR_FLAGS } from './cli-asset.ts'

interface SeaTarget {
  readonly nodeRange: string
  readonly platform: string
  readonly arch: string
  readonly output: string
}

interface SeaOptions {
  readonly targets: readonly SeaTarget[]
  readonly nodePath: string
  readonly signature: boolean
  readonly seaConfig: Record<string, unknown>
}

interface PkgModules {
  readonly sea: (entry: string, options: SeaOptions) => Promise<void>
  readonly setOptions: (options: Record<string, unknown>) => void
}

/**
 * pkg starts the generator as `execFile(node, ['--experimental-sea-config', file])` and has no option for flags, and
 * NODE_OPTIONS does not take V8's seed. So execFile is replaced before pkg is loaded, for that one call.
 */
function addGeneratorFlags(): void {
  const plain = promisify(childProcess.execFile)
  const withFlags = (file: string, args: readonly string[]) =>
    plain(file, args[0] === '--experimental-sea-config' ? [...GENERATOR_FLAGS, ...args] : args)
  Reflect.set(
    childProcess,
    'execFile',
    Object.assign(
      () => {
        throw new Error('Cannot pack: pkg calls execFile in a way that is not known')
      },
      { [promisify.custom]: withFlags },
    ),
  )
}

function loadPkg(): PkgModules {
  const require = createRequire(import.meta.url)
  const library = path.join(path.dirname(require.resolve('@yao-pkg/pkg/package.json')), 'lib-es5')
  const options = require(path.join(library, 'options.js')).default
  return { sea: require(path.join(library, 'sea.js')).default, setOptions: (value) => options.set(value) }
}

const [output, node, bundle, configText] = process.argv.slice(2)
if (output === undefined || node === undefined || bundle === undefined || configText === undefined) {
  throw new Error('Cannot pack: usage: pkg-child.ts OUT NODE BUNDLE SEA_CONFIG_JSON')
}
addGeneratorFlags()
const pkg = loadPkg()
pkg.setOptions({})
const target: SeaTarget = {
  nodeRange: `node${process.versions.node.split('.')[0]}`,
  platform: 'linux',
  arch: 'x64',
  output: path.resolve(output),
}
await pkg.sea(bundle, {
  targets: [target],
  nodePath: path.resolve(node),
  signature: false,
  seaConfig: JSON.parse(configText),
})
