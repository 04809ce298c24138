// Makes the library, `import … from 'fulcrum'`: one ESM file by esbuild and the declarations by tsc.
// koffi stays an import: who uses the library has npm's koffi, with its addon for their platform.
// The folder is replaced as a whole, so that no declaration of a removed file stays behind.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { definitions } from './bundle-main.ts'
import { projectRoot } from './project.ts'
import { shellTextsInside } from './shell-texts.ts'

const ENTRY = path.join(projectRoot, 'src/index.ts')
const TSC = path.join(projectRoot, 'node_modules/typescript/bin/tsc')

function emitDeclarations(directory: string): void {
  const project = path.join(projectRoot, 'bundle/tsconfig.lib.json')
  const result = spawnSync(process.execPath, [TSC, '-p', project, '--outDir', directory], {
    encoding: 'utf8',
    cwd: projectRoot,
  })
  if (result.status !== 0)
    throw new Error(
      `Cannot emit declarations: tsc ended with status '${result.status}':\n${result.stdout}${result.stderr}`,
    )
}

/** Builds the library from src/index.ts into `directory`: index.js, and declarations laid out as src/ is. */
export async function buildLibrary(directory: string): Promise<void> {
  if (!fs.existsSync(ENTRY)) throw new Error(`Cannot build library: no '${ENTRY}'`)
  const temporary = `${directory}.${process.pid}.tmp`
  try {
    emitDeclarations(temporary)
    await build({
      entryPoints: [ENTRY],
      absWorkingDir: projectRoot,
      outfile: path.join(temporary, 'index.js'),
      bundle: true,
      platform: 'node',
      target: 'node22',
      format: 'esm',
      charset: 'utf8',
      external: ['koffi'],
      define: definitions(),
      plugins: [shellTextsInside],
      logLevel: 'warning',
    })
    fs.rmSync(directory, { recursive: true, force: true })
    fs.renameSync(temporary, directory)
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true })
  }
}
