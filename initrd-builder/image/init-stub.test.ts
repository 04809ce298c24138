// The stub that is /init: its bytes are what its source says, and it says why it cannot go on.
//
// Assembled anew where as(1) and objcopy(1) are; what it does as PID 1 is in init-stub.ns.test.ts.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseElf } from '../elf/elf-file.ts'
import { initStub } from './init-stub.ts'

const HEADERS = 176

t.test('the bytes are those of the source', async t => {
  const dir = t.testdir()
  const object = join(dir, 'stub.o')
  const assembled = spawnSync('as', ['-o', object, join(import.meta.dirname, 'init-stub.S')], { encoding: 'utf8' })
  if (assembled.error !== undefined) return t.comment('no as(1)')
  t.match(assembled, { status: 0, stderr: '' })
  const flat = join(dir, 'stub.bin')
  writeFileSync(flat, '')
  const copied = spawnSync('objcopy', ['-O', 'binary', '-j', '.text', object, flat], { encoding: 'utf8' })
  if (copied.error !== undefined) return t.comment('no objcopy(1)')
  t.equal(readFileSync(flat).toString('hex'), Buffer.from(initStub().subarray(HEADERS)).toString('hex'))
})

t.test('a static executable: no interpreter, nothing to be found', async t => {
  t.match(parseElf(initStub()), { needed: [] })
})
