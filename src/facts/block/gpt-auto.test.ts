// Which partition is the root when nothing names one: types, attributes, the disk that was booted from.
//
// The types are compared with sfdisk(8)'s own list. Needs fdisk.

import fc from 'fast-check'
import t from 'tap'
import { runTool } from '../../boot/devices/image-for-tests.ts'
import type { BlockDevice } from './block-device.ts'
import { device } from './device-for-tests.ts'
import { findByType, gptAutoMisses, isMarkedReadOnly, parseLoaderPartUuid, partitionType, usrBeside } from './gpt-auto.ts'
import { gptDisk } from './gpt-for-tests.ts'
import { parseGpt } from './gpt.ts'
import { matchRoot } from './match-root.ts'

const ROOT = partitionType('root', 'x64') ?? ''
const USR = partitionType('usr', 'x64') ?? ''
const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
const NO_AUTO = 0x8000

const part = (name: string, partType: string, more: Partial<BlockDevice> = {}): BlockDevice =>
  device(name, { partType, partUuid: `0000-${name}`, ...more })

function names(devices: readonly BlockDevice[], esp: string | null = null): string[] {
  return findByType('root', 'x64', esp, devices).partitions.map((d) => d.name)
}

t.test('the types are those of sfdisk', async (t) => {
  const listed = runTool('sfdisk', ['-T', '--label', 'gpt']).toLowerCase()
  const words = { x64: 'x86-64', arm64: 'arm-64', arm: 'arm', ia32: 'x86', riscv64: 'risc-v-64', loong64: 'loongarch-64', s390x: 's390x', ppc64: 'ppc64le' }
  for (const [arch, word] of Object.entries(words)) {
    t.ok(listed.includes(`${partitionType('root', arch)}  linux root (${word})`), `root ${arch}`)
    t.ok(listed.includes(`${partitionType('usr', arch)}  linux /usr (${word})`), `usr ${arch}`)
  }
  t.equal(partitionType('root', 'mips'), null)
})

t.test('one root partition is the root; two are not chosen between', async (t) => {
  t.same(names([device('vda'), part('vda1', ESP), part('vda2', ROOT), part('vda3', USR)]), ['vda2'])
  t.same(names([part('vda1', ESP)]), [])
  const two = [part('vdb1', ROOT, { partLabel: 'old' }), part('vda2', ROOT)]
  t.same(names(two), ['vda2', 'vdb1'])
  t.match(matchRoot({ kind: 'gpt-auto', arch: 'x64', esp: null }, two), { outcome: 'ambiguous', detail: /^2 root partitions .*: vda2, vdb1 \(old\)$/ })
  t.match(matchRoot({ kind: 'gpt-auto', arch: 'arm64', esp: null }, two), { outcome: 'notYet' })
  t.match(matchRoot({ kind: 'gpt-auto', arch: 'x64', esp: null }, two.slice(1)), { outcome: 'found', device: { name: 'vda2' } })
})

t.test('the disk that was booted from decides', async (t) => {
  const devices = [part('vda1', ESP, { partUuid: 'esp-a' }), part('vda2', ROOT), part('vdb1', ESP, { partUuid: 'esp-b' }), part('vdb2', ROOT), part('vdc1', ESP, { partUuid: 'esp-c' })]
  t.same(names(devices, 'esp-a'), ['vda2'])
  t.same(names(devices, 'esp-b'), ['vdb2'])
  t.same(names(devices, 'esp-c'), [], 'never one of another disk')
  t.match(gptAutoMisses({ kind: 'gpt-auto', arch: 'x64', esp: 'esp-c' }, devices), [/vda2 is a root partition of another disk/, /vdb2/])
  t.same(names(devices, 'esp-none'), [])
  t.match(findByType('root', 'x64', 'esp-none', devices).detail, /PARTUUID=esp-none is not there/)
})

t.test('no-auto and empty places are passed over, and told', async (t) => {
  const devices = [part('vda1', ROOT, { partTypeAttributes: NO_AUTO }), part('vda2', ROOT, { partLabel: '_empty' }), part('vda3', ROOT, { partTypeAttributes: 0x1000 })]
  t.same(names(devices), ['vda3'])
  t.same(devices.map(isMarkedReadOnly), [false, false, true])
  const told = gptAutoMisses({ kind: 'gpt-auto', arch: 'x64', esp: null }, [...devices.slice(0, 2), part('vdb1', partitionType('root', 'arm64') ?? '')])
  t.match(told, [/vda1 .*'no-auto': root=\/dev\/vda1 takes it/, /vda2 .*'_empty'/, /vdb1 is a root partition for arm64/])
})

t.test('/usr is that of the same disk', async (t) => {
  const root = part('vda2', ROOT)
  const devices = [root, part('vda3', USR), part('vdb1', USR)]
  t.same(usrBeside(root, 'x64', devices).partitions.map((d) => d.name), ['vda3'])
  t.same(usrBeside(root, 'x64', [root, part('vdb1', USR)]).partitions, [])
  t.match(usrBeside(root, 'x64', [...devices, part('vda4', USR)]).detail, /2 usr partitions/)
})

t.test('LoaderDevicePartUUID', async (t) => {
  const variable = (text: string): Uint8Array => Buffer.concat([Buffer.from([6, 0, 0, 0]), Buffer.from(text, 'utf16le')])
  t.equal(parseLoaderPartUuid(variable('0F0C0000-0000-4000-8000-00000000AAAA\0')), '0f0c0000-0000-4000-8000-00000000aaaa')
  t.equal(parseLoaderPartUuid(variable('nonsense\0')), null)
  t.equal(parseLoaderPartUuid(new Uint8Array(2)), null)
})

const guid = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((b) => b.some((x) => x !== 0)).map((b) => {
  const h = Buffer.from(b).toString('hex')
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`
})
const entry = fc.record({ type: guid, uuid: guid, label: fc.stringMatching(/^[a-z_]{1,36}$/), typeAttributes: fc.nat(0xffff) })

t.test('whatever the table says is read, and from the backup if any bit of the primary is wrong', async (t) => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), fc.integer({ min: 0, max: 91 }), fc.nat(7), fc.boolean(), (entries, byte, bit, inTable) => {
      const disk = gptDisk(entries)
      const read = (offset: number, length: number): Uint8Array | null =>
        offset < 0 || offset + length > disk.length ? null : disk.subarray(offset, offset + length)
      const said = (): object[] => (parseGpt(read, disk.length, 512)?.entries ?? []).map((e) => ({ type: e.partitionType, uuid: e.uuid, label: e.label, typeAttributes: e.typeAttributes }))
      t.equal(parseGpt(read, disk.length, 512)?.damaged, null)
      t.same(said(), entries)
      // Any flipped bit of the header or the entries makes the primary unusable; the backup says the same.
      const at = (inTable ? 1024 : 512) + byte
      disk[at] = (disk[at] ?? 0) ^ (1 << bit)
      t.not(parseGpt(read, disk.length, 512)?.damaged, null)
      t.same(said(), entries)
    }),
    { numRuns: 50 },
  )
})
