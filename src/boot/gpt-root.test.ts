// Boots without root=: the root by the type of its partition, /usr beside it, and every reason against it.
//
// Whole boots on the model kernel (scripted-boot-for-tests.ts).

import t from 'tap'
import { partitionType } from '../facts/block/gpt-auto.ts'
import { gptDisk } from '../facts/block/gpt-for-tests.ts'
import type { GptEntry } from '../facts/block/gpt-for-tests.ts'
import { rootFiles } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { file, populate } from '../kernel/model/vfs.ts'
import { play, plugDisk } from './scripted-boot-for-tests.ts'
import type { Played } from './scripted-boot-for-tests.ts'

const ROOT = partitionType('root', 'x64') ?? ''
const USR = partitionType('usr', 'x64') ?? ''
const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
const LOADER = '/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f'

const uuid = (disk: string, n: number): string => `0f0c0000-0000-4000-8000-000000000${disk.charCodeAt(2).toString(16)}${n}`

/** A disk whose partitions have these types; each holds an ext4 with a root in it. */
function plugTable(k: ModelKernel, name: string, minor: number, entries: readonly (Partial<GptEntry> & { readonly type: string })[]): void {
  plugDisk(k, { name, minor, data: gptDisk(entries.map((e, i) => ({ uuid: uuid(name, i + 1), ...e }))) })
  for (const [i, { type }] of entries.entries()) {
    plugDisk(k, { name: `${name}${i + 1}`, minor: minor + i + 1, parent: name, ...(type === USR ? { files: { '/lib/systemd/systemd': file('x') } } : { files: rootFiles }) })
  }
}

function boot(commandLine: string, arrange: (k: ModelKernel) => void): Played {
  return play({ commandLine, disk: false, arrange })
}

function source({ execs }: Played): string | null {
  const record: { root: { source: string; options: string } } | null = execs[0] === undefined ? null : JSON.parse(execs[0].record)
  return record === null ? null : `${record.root.source} ${record.root.options}`
}

t.test('without root= the only root partition is it', async (t) => {
  const played = boot('rw', (k) => plugTable(k, 'vda', 0, [{ type: ESP }, { type: ROOT }]))
  t.equal(source(played), '/dev/vda2 rw')
  t.match(played.output, /the root is \/dev\/vda2, by the type of the partition/)
  t.equal(source(boot('root=gpt-auto', (k) => plugTable(k, 'vda', 0, [{ type: ROOT }]))), '/dev/vda1 ro', 'by name')
})

t.test('read-only in the table wins over rw, and is told', async (t) => {
  const played = boot('rw', (k) => plugTable(k, 'vda', 0, [{ type: ROOT, typeAttributes: 0x1000 }]))
  t.equal(source(played), '/dev/vda1 ro')
  t.match(played.output, /\/dev\/vda1 is marked read-only in its table/)
})

t.test('several: refused with the list; the disk that was booted from decides', async (t) => {
  const two = (k: ModelKernel): void => {
    plugTable(k, 'vda', 0, [{ type: ESP }, { type: ROOT }])
    plugTable(k, 'vdb', 16, [{ type: ESP }, { type: ROOT, label: 'other' }])
  }
  const refused = boot('rw', two)
  t.equal(source(refused), null)
  t.match(refused.output, /there are 2 root partitions of this architecture: vda2, vdb2 \(other\) \[root-ambiguous\]/)
  const booted = (esp: string): Played =>
    boot('rw', (k) => {
      two(k)
      const value = Buffer.concat([Buffer.from([6, 0, 0, 0]), Buffer.from(`${esp.toUpperCase()}\0`, 'utf16le')])
      populate(k.world.sys, { [LOADER]: file(value) })
    })
  t.equal(source(booted(uuid('vdb', 1))), '/dev/vdb2 rw')
  t.equal(source(booted(uuid('vda', 1))), '/dev/vda2 rw')
})

t.test('"the only one" is not told before the disks have come', async (t) => {
  const late = boot('rw', (k) => {
    plugTable(k, 'vda', 0, [{ type: ROOT }])
    k.world.after(600_000n, () => {
      plugTable(k, 'vdb', 16, [{ type: ROOT }])
      const strings = ['add@/devices/virtual/block/vdb', 'ACTION=add', 'DEVPATH=/devices/virtual/block/vdb', 'SUBSYSTEM=block', 'DEVNAME=vdb', 'DEVTYPE=disk', 'SEQNUM=1']
      k.world.uevents.push(Buffer.from(strings.map((s) => `${s}\0`).join('')))
    })
  })
  t.match(late.output, /vda1, vdb1 \[root-ambiguous\]/)
})

t.test('/usr beside it is mounted, unless the command line or fstab names one', async (t) => {
  const tables = (k: ModelKernel): void => {
    plugTable(k, 'vda', 0, [{ type: ROOT }, { type: USR }])
    plugTable(k, 'vdb', 16, [{ type: USR }])
  }
  const usr = (played: Played): unknown[] => played.model.calls.filter((c) => c.syscall === 'mount' && c.args[1] === '/sysroot/usr').map((c) => c.args[0])
  t.same(usr(boot('rw', tables)), ['/dev/vda2'])
  t.same(usr(boot('rw mount.usr=/dev/vdb1', tables)), ['/dev/vdb1'])
  t.same(usr(boot('rw root=/dev/vda1', tables)), [], 'only with a root that was found that way')
  const twoUsr = boot('rw', (k) => plugTable(k, 'vda', 0, [{ type: ROOT }, { type: USR }, { type: USR }]))
  t.match(twoUsr.output, /Cannot choose what to mount on '\/usr': there are 2 usr partitions .*\[root-ambiguous\]/)
})

t.test('nothing there: as without it, in seconds', async (t) => {
  const none = boot('rw', (k) => plugTable(k, 'vda', 0, [{ type: ESP }, { type: ROOT, typeAttributes: 0x8000 }]))
  t.match(none.output, /the command line has no root=, and no partition has the type of a root \[root-not-given\]/)
  t.match(none.output, /vda2 is a root partition, and is marked 'no-auto': root=\/dev\/vda2 takes it/)
  t.ok(none.model.monotonicUs() < 10_000_000n, `${none.model.monotonicUs()} µs`)
  const off = boot('rw systemd.gpt_auto=0', (k) => plugTable(k, 'vda', 0, [{ type: ROOT }]))
  t.match(off.output, /has no root= \[root-not-given\]/)
  t.match(boot('root=gpt-auto rd.timeout=2', (k) => plugTable(k, 'vda', 0, [{ type: ESP }])).output, /gpt-auto did not appear \[root-not-found\]/)
})
