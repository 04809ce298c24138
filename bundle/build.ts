// `npm run build`: makes dist/fulcrum (the executable), dist/koffi.node (the addon for images) and dist/lib (the library).
// Each output is renamed into place when whole. The inputs decide the bytes: smoke.test.ts packs twice and compares.
// usage: build.ts [--entry FILE] [--out DIRECTORY] [--no-library] [--no-code-cache]

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { bundleCli, bundleMain } from './bundle-main.ts'
import { buildLibrary } from './build-library.ts'
import { sha256, writeAtomically } from './output-file.ts'
import { pack } from './pack.ts'
import { prepareNode } from './prepare-node.ts'
import { textAsset } from './text-asset.ts'
import { koffiAddon, pinnedNode, projectRoot, projectVersion } from './project.ts'
import { parseOrExit } from '../scripts/script-arguments.ts'

const MAIN = path.join(projectRoot, 'src/main.ts')
const { values } = parseOrExit('build', () => parseArgs({
  options: {
    entry: { type: 'string', default: MAIN },
    out: { type: 'string', default: path.join(projectRoot, 'dist') },
    'no-library': { type: 'boolean', default: false },
    'no-code-cache': { type: 'boolean', default: false },
  },
}))

function megabytes(size: number): string {
  return `${(size / 1e6).toFixed(1)} MB`
}

async function main(): Promise<void> {
  const out = path.resolve(values.out)
  const workDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'fulcrum-build-'))
  try {
    const bundle = await bundleMain(values.entry)
    const cli = await bundleCli(path.join(projectRoot, 'src/cli.ts'))
    const executable = pack({
      node: prepareNode(pinnedNode),
      hostNode: pinnedNode,
      start: await bundleMain(path.join(import.meta.dirname, 'start.ts')),
      bundle,
      rehearse: values.entry === MAIN,
      cli,
      addon: koffiAddon,
      texts: await textAsset(),
      workDirectory,
      useCodeCache: !values['no-code-cache'],
    })
    writeAtomically(path.join(out, 'fulcrum'), executable, 0o755)
    writeAtomically(path.join(out, 'koffi.node'), fs.readFileSync(koffiAddon), 0o755)
    process.stdout.write(
      `${path.relative('.', path.join(out, 'fulcrum'))} ${projectVersion()}: bundle ${Math.round(bundle.length / 1000)} kB, commands ${Math.round(cli.length / 1000)} kB, ` +
        `executable ${megabytes(executable.length)}, sha256 ${sha256(executable).slice(0, 16)}\n`,
    )
    if (!values['no-library']) await buildLibrary(path.join(out, 'lib'))
  } finally {
    fs.rmSync(workDirectory, { recursive: true, force: true })
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 111
})
