// The first thing a fresh machine runs: it refuses what it does not know with a usage status, leaves a good
// installation alone, and passes status and arguments on.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'

const bootstrap = path.join(import.meta.dirname, 'bootstrap.mjs')

function run(file: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

t.test('an unknown command is a usage error', async (t) => {
  t.match(run(bootstrap, 'frobnicate'), {
    status: 100,
    stdout: '',
    stderr: /Cannot run 'frobnicate': not one of build, test/,
  })
  t.match(run(bootstrap), { status: 100 })
  t.match(run(bootstrap, 'toString'), { status: 100 })
})

t.test('arguments and status are passed on, and nothing is installed again', async (t) => {
  const good = run(bootstrap, 'test', '--list', '--only', 'scripts/bootstrap')
  t.match(good, { status: 0, stdout: /^unit +scripts\/bootstrap\.test\.ts\n$/ })
  t.notMatch(good.stderr, /installing/)
  t.match(run(bootstrap, 'test', '--tier', 'nonsense'), { status: 100, stderr: /Cannot run tier 'nonsense'/ })
})

t.test('an installation that differs from the lock file is noticed', async (t) => {
  const directory = t.testdir({
    scripts: {},
    node_modules: {
      '.package-lock.json': JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } }),
    },
    'package-lock.json': JSON.stringify({
      packages: {
        '': {},
        'node_modules/a': { version: '1.0.1' },
        'node_modules/b': { version: '1.0.0', optional: true },
      },
    }),
  })
  fs.copyFileSync(bootstrap, path.join(directory, 'scripts/bootstrap.mjs'))
  // Without npm in PATH the installation fails, after the reason was said.
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(directory, 'scripts/bootstrap.mjs'), 'lint'],
    { encoding: 'utf8', env: {} },
  )
  t.equal(status, 111)
  t.match(stderr, /installing the locked npm packages, because 'node_modules\/a' is not at version '1\.0\.1'/)
})
