// Files that are there whole or not at all, also when the process is interrupted.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeFileAtomically } from './atomic-file.ts'

const module = join(import.meta.dirname, 'atomic-file.ts')

t.test('the content and the permissions, in the place of the old file', async t => {
  const directory = t.testdir({ file: 'old' })
  await writeFileAtomically(join(directory, 'file'), [Buffer.from('new '), Buffer.from('content')], 0o600)
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'new content')
  t.equal(statSync(join(directory, 'file')).mode & 0o777, 0o600)
  t.same(readdirSync(directory), ['file'])
})

t.test('a failure in the middle leaves the old file and nothing else', async t => {
  const directory = t.testdir({ file: 'old' })
  function* chunks(): Generator<Uint8Array> {
    yield Buffer.from('new')
    throw new Error('no more')
  }
  await t.rejects(writeFileAtomically(join(directory, 'file'), chunks()), { message: /^Cannot write '.*': no more$/ })
  t.same(readdirSync(directory), ['file'])
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'old')
})

t.test('a directory that is not there', async t => {
  await t.rejects(writeFileAtomically('/nosuch/file', []), { message: "Cannot write '/nosuch/file': ENOENT (No such file or directory)" })
})

t.test('a signal in the middle removes the temporary file', async t => {
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
    const directory = t.testdir()
    writeFileSync(join(directory, 'file'), 'old')
    const program = `
      import { writeFileAtomically } from ${JSON.stringify(module)}
      import { readdirSync } from 'node:fs'
      function* chunks() {
        yield Buffer.from('new')
        console.log(readdirSync('.').length)
        process.kill(process.pid, '${signal}')
        for (;;) yield Buffer.from('more')
      }
      await writeFileAtomically('file', chunks())`
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd: directory, encoding: 'utf8', timeout: 30_000 })
    t.equal(child.status, status, child.stderr)
    t.equal(child.stdout, '2\n', 'there was a temporary file')
    t.same(readdirSync(directory), ['file'])
    t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'old')
  }
})
