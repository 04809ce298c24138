// Tests that a run's own files go with it, also when it was killed. Each run is a process of its own.
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MODULE = join(import.meta.dirname, 'own-files.ts')

/** Runs code with `ownPath` in scope, on a cache of its own; returns what it printed. */
function run(cache: string, code: string): string {
  const script = `import { ownPath } from ${JSON.stringify(MODULE)}; import { mkdirSync, writeFileSync } from 'node:fs'; ${code}`
  const { stdout } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', script],
    { encoding: 'utf8', env: { ...process.env, FULCRUM_CACHE: cache } })
  return stdout
}

const MAKE = `
  const image = ownPath('images', 'a', '.img'); writeFileSync(image, 'x')
  const folder = ownPath('scratch', 'b'); mkdirSync(folder); writeFileSync(folder + '/c', 'x')
  process.stdout.write(image + '\\n' + folder)
`

t.test('they go when the process ends', async (t) => {
  const cache = t.testdir()
  const paths = run(cache, MAKE).split('\n')
  t.equal(paths.length, 2)
  for (const path of paths) t.notOk(existsSync(path), path)
})

t.test('they go with the next process if it was killed, and those of a live one stay', async (t) => {
  const cache = t.testdir()
  const left = run(cache, `${MAKE}; process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)`).split('\n')
  t.equal(left.filter((path) => existsSync(path)).length, 2, 'a killed process leaves them')
  const ours = join(cache, 'images', `d-p${process.pid}.img`)
  mkdirSync(join(cache, 'images'), { recursive: true })
  writeFileSync(ours, 'x')
  run(cache, MAKE)
  for (const path of left) t.notOk(existsSync(path), path)
  t.ok(existsSync(ours), 'the file of this live process')
})
