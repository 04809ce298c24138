// Turns the entry of the program into one CommonJS file for the executable: esbuild with the choices in one place.
// CommonJS because a SEA's main has to be it on Node 22. The output depends on nothing but the sources:
// no absolute path, no time, so that two checkouts give the same bytes. docs/binary.md has the measurements.

import fs from 'node:fs'
import path from 'node:path'
import { build, type Plugin } from 'esbuild'
import { packageVersion, projectRoot, projectVersion } from './project.ts'
import { shellTextsInside } from './shell-texts.ts'

/** Literals that esbuild puts in place of these names; src/ declares what it uses of them. */
export function definitions(): Record<string, string> {
  return {
    FULCRUM_VERSION: JSON.stringify(projectVersion()),
    FULCRUM_KOFFI_VERSION: JSON.stringify(packageVersion('koffi')),
  }
}

/**
 * valibot compiles a regular expression of emoji properties when it is loaded, used or not. Without ICU data that is a
 * SyntaxError, so the unused pattern is replaced by one that never matches; the build fails when it is not there any more.
 */
const withoutEmojiPattern: Plugin = {
  name: 'without-emoji-pattern',
  setup(plugin) {
    plugin.onLoad({ filter: /valibot[/\\]dist[/\\]index\.mjs$/ }, ({ path: file }) => {
      const source = fs.readFileSync(file, 'utf8')
      const contents = source.replace(/^const EMOJI_REGEX = \/.*\/u;$/m, 'const EMOJI_REGEX = /(?!)/;')
      return contents === source
        ? { errors: [{ text: 'Cannot find the emoji pattern to replace' }] }
        : { contents, loader: 'js' }
    })
  },
}

/** src/load-cli.ts is replaced by the loader of the asset. */
const cliAsAsset: Plugin = {
  name: 'cli-as-asset',
  setup(plugin) {
    plugin.onLoad({ filter: /[/\\]src[/\\]load-cli\.ts$/ }, () => ({
      contents: "export { loadCli } from '../bundle/load-cli.ts'",
      resolveDir: path.join(projectRoot, 'src'),
      loader: 'ts',
    }))
  },
}

/**
 * Bundles `entry` (a TypeScript file) and everything it imports. Returns the JavaScript.
 * Throws when esbuild finds an error; its message has file and line.
 */
export async function bundleMain(entry: string): Promise<Buffer> {
  return await bundle(entry, [withoutEmojiPattern, cliAsAsset])
}

/** The same for the command line, which is an asset: src/cli.ts. */
export async function bundleCli(entry: string): Promise<Buffer> {
  return await bundle(entry, [withoutEmojiPattern, shellTextsInside])
}

async function bundle(entry: string, plugins: Plugin[]): Promise<Buffer> {
  const result = await build({
    entryPoints: [path.resolve(entry)],
    absWorkingDir: projectRoot,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    // One byte per character in V8's heap; a single '…' left as it is would double the source there.
    charset: 'ascii',
    // Minified it would start no faster, and an exception prints the line it comes from: keep that line short.
    minify: false,
    legalComments: 'inline',
    inject: [path.join(projectRoot, 'bundle/without-icu.ts')],
    alias: { koffi: path.join(projectRoot, 'bundle/koffi-shim.ts') },
    define: definitions(),
    plugins,
    logLevel: 'warning',
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error(`Cannot bundle '${entry}': esbuild wrote nothing`)
  return Buffer.from(output.contents)
}
