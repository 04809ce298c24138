// What was typed for LUKS and for hooks: one list, and nothing of it is left.

import t from 'tap'
import { createModelKernel } from '../kernel/model/model-kernel.ts'
import { dir, file } from '../kernel/model/vfs.ts'
import { forgetShared, Passphrases } from './passphrases.ts'

const FILE = '/run/fulcrum/hooks/passphrases'
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const texts = (all: readonly Uint8Array[]): string[] => all.map((one) => Buffer.from(one).toString())

t.test('of hooks and of LUKS, each once', async (t) => {
  const kernel = createModelKernel({ absoluteRoot: true, files: { '/run/fulcrum/hooks': dir(), [FILE]: file(' by a hook \nunfinished', 0o600) } })
  const passphrases = new Passphrases(kernel)
  t.same(texts(passphrases.all()), [' by a hook '])
  const typed = bytes('für LUKS')
  passphrases.add(typed)
  t.equal(kernel.readText(FILE), ' by a hook \nfür LUKS\n')
  t.equal(kernel.stat(FILE).mode & 0o777, 0o600)
  t.same(texts(passphrases.all()), [' by a hook ', 'für LUKS'])
  passphrases.forget()
  t.notOk(kernel.exists(FILE))
  t.ok(typed.every((byte) => byte === 0), 'overwritten')
  t.same(passphrases.all(), [])
  t.doesNotThrow(() => forgetShared(kernel))
})

t.test('an image without hooks has no file', async (t) => {
  const kernel = createModelKernel({ absoluteRoot: true, files: { '/run': dir() } })
  const passphrases = new Passphrases(kernel)
  passphrases.add(bytes('one'))
  t.notOk(kernel.exists(FILE))
  t.same(texts(passphrases.all()), ['one'])
})
