// The library as another package sees it: `import … from 'fulcrum'` resolves, runs, and its types check under the
// strict settings a user may have. Made in a folder of its own whose node_modules points here.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { pinnedNode, projectRoot } from './project.ts'

const CONSUMER = `import * as fulcrum from 'fulcrum'
const names: string[] = Object.keys(fulcrum)
if (names.length === 0) throw new Error('the library exports nothing')
console.log(names.join(' '))
`

// Node's types are what a user of a Node library has anyway.
const CONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [path.join(projectRoot, 'node_modules/@types')],
  },
  files: ['consumer.ts'],
}

t.test('a package that depends on fulcrum', async (t) => {
  const directory = fs.mkdtempSync('/tmp/fulcrum-consumer-')
  t.teardown(() => fs.rmSync(directory, { recursive: true }))
  fs.mkdirSync(path.join(directory, 'node_modules'))
  fs.symlinkSync(projectRoot, path.join(directory, 'node_modules/fulcrum'))
  fs.writeFileSync(path.join(directory, 'package.json'), '{"type":"module"}')
  fs.writeFileSync(path.join(directory, 'consumer.ts'), CONSUMER)
  fs.writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify(CONFIG))

  const run = spawnSync(pinnedNode, ['--disable-warning=ExperimentalWarning', 'consumer.ts'], {
    cwd: directory,
    encoding: 'utf8',
  })
  t.match(run, { status: 0, stderr: '' })
  t.match(run.stdout, /\w/)

  const tsc = path.join(projectRoot, 'node_modules/typescript/bin/tsc')
  const types = spawnSync(pinnedNode, [tsc, '-p', directory], { cwd: directory, encoding: 'utf8' })
  t.equal(types.stdout, '')
  t.equal(types.status, 0)
})
