// What the npm scripts say of a command line that makes no sense.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const project = join(import.meta.dirname, '..')

for (const [script, name] of [['scripts/test.ts', 'test'], ['scripts/bench.ts', 'bench'], ['scripts/package-deb.ts', 'deb'], ['bundle/build.ts', 'build']] as const) {
  t.test(`${name}: an option that there is not`, async (t) => {
    const words = name === 'bench' ? ['boot', '--nonsense'] : ['--nonsense']
    const { status, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(project, script), ...words], { encoding: 'utf8' })
    t.equal(stderr, `${name}: Cannot understand option '--nonsense'\n`)
    t.equal(status, 100)
  })
}
