// A bzImage is taken apart by its header, and only a kernel that says where a PVH guest begins is started so.
// The three kernels of the tests themselves are booted by all tests of guests.
// Documentation/arch/x86/boot.rst.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { hasPvhEntry, payloadOf, unpackedKernel } from './unpacked-kernel.ts'

function bzImage(payload: Buffer): Buffer {
  const image = Buffer.alloc(1024 + 64)
  image[0x1f1] = 1
  image.write('HdrS', 0x202)
  image.writeUInt32LE(64, 0x248)
  image.writeUInt32LE(payload.length + 4, 0x24c)
  return Buffer.concat([image, payload, Buffer.alloc(4)])
}

t.test('the payload', async (t) => {
  t.same(payloadOf(bzImage(Buffer.from('packed'))), Buffer.from('packed'))
  t.equal(payloadOf(Buffer.alloc(4096)), undefined, 'no header')
  t.equal(payloadOf(bzImage(Buffer.from('packed')).subarray(0, 1090)), undefined, 'cut off')
})

t.test('the entry of a PVH guest', async (t) => {
  const note = Buffer.from('0400000008000000120000005865' + '6e00', 'hex')
  t.ok(hasPvhEntry(Buffer.concat([Buffer.from('\x7fELF'), note])))
  t.notOk(hasPvhEntry(Buffer.from('\x7fELF and no note')))
  t.notOk(hasPvhEntry(note))
})

t.test('a kernel that cannot be unpacked boots as it is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'unpacked-kernel-'))
  const before = process.env['FULCRUM_CACHE']
  t.teardown(() => {
    rmSync(folder, { recursive: true })
    if (before === undefined) delete process.env['FULCRUM_CACHE']
    else process.env['FULCRUM_CACHE'] = before
  })
  process.env['FULCRUM_CACHE'] = folder
  for (const [name, bytes] of [['plain', Buffer.from('no kernel')], ['unknown', bzImage(Buffer.from('unknown packer'))]] as const) {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    t.equal(unpackedKernel(path), path)
    t.equal(unpackedKernel(path), path, 'again')
    t.same(readFileSync(path), bytes)
  }
})
