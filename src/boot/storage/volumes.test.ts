// The assemblers of LVM and md: which tasks they name for which devices, and what they call.
//
// A state with a kernel of three calls: exists, run, and no sysfs. The tools for real: qemu-tests/block-storage.

import t from 'tap'
import { S_IFBLK } from '../../abi/process.ts'
import { Trace } from '../../execute/trace.ts'
import { device } from '../../facts/block/device-for-tests.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import { parseRootSpec } from '../../facts/block/root-spec.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import { superblock } from '../../facts/block/superblock.ts'
import { makeDev } from '../../facts/mountinfo.ts'
import { parseCommandLine } from '../../facts/cmdline.ts'
import type { RunResult } from '../../kernel/kernel.ts'
import { createModelKernel } from '../../kernel/model/model-kernel.ts'
import type { ModelKernel } from '../../kernel/model/model-kernel.ts'
import { executable, file, populate } from '../../kernel/model/vfs.ts'
import { readParameters } from '../parameters.ts'
import type { Assembler, Task } from './assembly.ts'
import { createLvm } from './lvm.ts'
import { createMd } from './md.ts'
import { missingTools } from './missing-tools.ts'
import { recordMappedDevices } from './udev-database.ts'

interface Played {
  readonly model: ModelKernel
  readonly lvm: Assembler | null
  readonly md: Assembler | null
  readonly ran: string[][]
  readonly loaded: string[]
  readonly said: string[]
}

function play(commandLine: string, answer: (args: readonly string[]) => Partial<RunResult> = () => ({})): Played {
  const model = createModelKernel({ absoluteRoot: false, files: { '/sbin/lvm': executable('#!/bin/sh\n'), '/sbin/mdadm': executable('#!/bin/sh\n') } })
  const ran: string[][] = []
  const loaded: string[] = []
  const said: string[] = []
  for (const name of ['lvm', 'mdadm']) {
    model.world.programs.set(`/sbin/${name}`, (args) => {
      ran.push([name, ...args])
      return answer(args)
    })
  }
  const say = (line: string): void => void said.push(line)
  const state = {
    kernel: model, trace: new Trace(() => 0n), parameters: readParameters(parseCommandLine(commandLine)).values, env: { IMSM_NO_PLATFORM: '1' },
    log: { info: say, warn: say, debug: say, setLevel: () => undefined },
  }
  const loader = { loadIfThere: (names: readonly string[]): void => void loaded.push(...names) }
  return { model, lvm: createLvm(state, loader), md: createMd(state, loader), ran, loaded, said }
}

const spec = (text: string): RootSpec => {
  const parsed = parseRootSpec(text, null).spec
  if (parsed === null) throw new Error(text)
  return parsed
}
const tasks = (assembler: Assembler | null, devices: readonly BlockDevice[], wanted: string): readonly Task[] => assembler?.tasks(devices, spec(wanted)) ?? []
const pv = (name: string, slaves: readonly string[] = []): BlockDevice => device(name, { slaves, superblock: superblock({ type: 'LVM2_member', usage: 'raid', uuid: `id of ${name}` }) })
const member = (name: string, fields: object = {}): BlockDevice =>
  device(name, { superblock: superblock({ type: 'linux_raid_member', usage: 'raid', uuid: '0f0c0000-0000-4000-8000-00000000abcd', label: 'host:root', raidLevel: 1, ...fields }) })

const ROWS = { report: [{ vg: [{ vg_name: 'vg', vg_missing_pv_count: '0', lv_name: 'root', lv_modules: 'thin,raid', lv_role: 'public' }] }], log: [] }
const answerRows = (args: readonly string[]): Partial<RunResult> => (args[0] === 'vgs' ? { stdout: JSON.stringify(ROWS) } : {})

t.test('LVM: one look for each set of physical volumes, then what it says', async (t) => {
  const { lvm, ran, loaded } = play('', answerRows)
  t.same(tasks(lvm, [device('vda')], 'UUID=1'), [], 'no physical volume')
  t.same(tasks(lvm, [pv('vda')], '/dev/vda1'), [], 'nothing of LVM is waited for')
  const [look, ...more] = tasks(lvm, [pv('vdb'), pv('vda')], '/dev/vg/root')
  t.match(look, { text: 'looking for logical volumes on /dev/vda, /dev/vdb', when: 'now' })
  t.equal(more.length, 0)
  look?.run()
  t.same(loaded, ['dm_mod'])
  const [activate] = tasks(lvm, [pv('vda'), pv('vdb')], '/dev/vg/root')
  t.match(activate, { text: "activating logical volume 'vg/root'", when: 'now' })
  activate?.run()
  t.same(loaded.slice(1), ['dm-thin-pool', 'dm-raid'])
  t.match(ran[1]?.filter((word) => !/[{]/.test(word)), ['lvm', 'lvchange', '--config', '-ay', '-K', '-y', '--activationmode', 'complete', 'vg/root'])
  t.match(ran[1]?.join(' '), /udev_sync=0/)
  t.same(tasks(lvm, [pv('vda'), pv('vdb'), device('dm-0', { mapperName: 'vg-root' })], '/dev/vg/root'), [], 'it is there')
  t.match(tasks(lvm, [pv('vda')], 'UUID=1'), [{ text: /looking for/ }], 'another set is looked at again')
})

t.test('LVM: with udev lvm is not told to do without; a path of a multipath disk is none', async (t) => {
  const { lvm, ran, model } = play('', answerRows)
  populate(model.world.initramfs, { '/run/udev/control': file('') })
  const [look] = tasks(lvm, [pv('sda'), pv('dm-0', ['sda'])], 'UUID=1')
  t.equal(look?.text, 'looking for logical volumes on /dev/dm-0')
  look?.run()
  t.notMatch(ran[0]?.join(' '), /udev/)
})

t.test('LVM: off, and what lvm refuses', async (t) => {
  t.same(tasks(play('rd.lvm=0').lvm, [pv('vda')], 'UUID=1'), [])
  const broken = play('', () => ({ code: 5, stderr: '  WARNING: noise\n  Volume group "vg" not found\n  Cannot process volume group vg\n' }))
  const [look] = tasks(broken.lvm, [pv('vda')], 'UUID=1')
  t.throws(() => look?.run(), { message: /^Cannot lvm vgs \S+: Volume group "vg" not found; Cannot process volume group vg$/ })
  t.same(tasks(broken.lvm, [pv('vda')], 'UUID=1'), [], 'not asked again in this wait')
  broken.lvm?.begin?.()
  t.equal(tasks(broken.lvm, [pv('vda')], 'UUID=1').length, 1, 'but in the next')
})

t.test('md: each member as it comes, by its level; members that are held are not', async (t) => {
  const { md, ran, loaded } = play('')
  const [add, ...more] = tasks(md, [member('vda'), member('vdb'), device('md127', { sizeBytes: 0, slaves: ['vdb'] })], 'LABEL=root')
  t.match(add, { text: "adding /dev/vda to its array 'host:root'", when: 'now' })
  t.match(more, [{ text: 'starting /dev/md127 although it is incomplete; it has /dev/vdb', when: 'late' }])
  add?.run()
  more[0]?.run()
  t.same(loaded, ['md_mod', 'md-level-1'])
  t.same(ran, [['mdadm', '--incremental', '--offroot', '--homehost=host', '/dev/vda'], ['mdadm', '--run', '/dev/md127']])
  t.same(tasks(md, [member('vda')], 'virtiofs:x'), [])
  t.same(tasks(md, [member('vda')], '/dev/vda1'), [])
})

t.test('md: the words', async (t) => {
  t.same(tasks(play('rd.md=0').md, [member('vda')], 'UUID=1'), [])
  t.same(tasks(play('rd.md.uuid=0f0c0000:00004000:80000000:00000000').md, [member('vda')], 'UUID=1'), [])
  const { md, ran } = play('rd.md.uuid=0f0c0000:00004000:80000000:0000abcd rd.md.conf=0')
  tasks(md, [member('vda')], 'UUID=1')[0]?.run()
  t.equal(ran[0]?.[1], '--config=none')
  const firmware = member('sda', { type: 'isw_raid_member', uuid: null, label: null, raidLevel: null })
  t.equal(tasks(md, [firmware], 'UUID=1').length, 1)
  t.same(tasks(play('rd.md.imsm=0').md, [firmware], 'UUID=1'), [])
  t.same(tasks(play('rd.md.ddf=0').md, [member('sda', { type: 'ddf_raid_member' })], 'UUID=1'), [])
})

t.test('md: what mdadm refuses', async (t) => {
  const run = (stderr: string) => (): void => tasks(play('', () => ({ code: 1, stderr })).md, [member('vda')], 'UUID=1')[0]?.run()
  t.throws(run('mdadm: cannot reopen /dev/vda: Device or resource busy.\n'), { message: "Cannot add '/dev/vda' to an array: cannot reopen /dev/vda: Device or resource busy." })
  t.throws(run(''), { message: /mdadm\.conf of the image does not allow it/ })
})

t.test('udev is told of mapped devices, once, and not where it runs', async (t) => {
  const { model } = play('')
  t.equal(recordMappedDevices(model), 0, 'no device mapper')
  populate(model.world.initramfs, { '/dev/mapper/control': file(''), '/run/README': file('') })
  const id = 'x'.repeat(64)
  populate(model.world.initramfs, {
    '/sys/class/block/dm-0/dev': file('252:0\n'), '/sys/class/block/dm-0/dm/name': file('vg-root\n'), '/sys/class/block/dm-0/dm/uuid': file(`LVM-${id}\n`),
    '/sys/class/block/dm-1/dev': file('252:1\n'), '/sys/class/block/dm-1/dm/name': file('vg-pool-tpool\n'), '/sys/class/block/dm-1/dm/uuid': file(`LVM-${id}-tpool\n`),
    '/sys/class/block/vda/dev': file('254:0\n'),
  })
  model.mknod('/dev/mapper/vg-root', S_IFBLK | 0o600, makeDev(252, 0))
  model.symlink('../dm-1', '/dev/mapper/vg-pool-tpool')
  t.equal(recordMappedDevices(model), 2)
  t.equal(model.readlink('/dev/mapper/vg-root'), '../dm-0', 'a node is what udev would have made')
  t.equal(model.readlink('/dev/mapper/vg-pool-tpool'), '../dm-1')
  t.match(model.readText('/run/udev/data/b252:0'), /^I:\d+\nE:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n$/)
  t.match(model.readText('/run/udev/data/b252:1'), /E:DM_UDEV_DISABLE_DISK_RULES_FLAG=1\n/)
  t.equal(recordMappedDevices(model), 0)
})

t.test('what an image without the tools says', async (t) => {
  const devices = [pv('vda'), pv('vdb'), member('vdc'), device('md0', { slaves: ['vdc'] }), device('vdd', { superblock: superblock({ type: 'crypto_LUKS', usage: 'crypto' }) })]
  t.same(missingTools({ exists: () => false }, devices), [
    "the image has no 'lvm' for /dev/vda, /dev/vdb: build it with --feature lvm", "the image has no 'cryptsetup' for /dev/vdd: build it with --feature luks",
  ])
  t.same(missingTools({ exists: () => true }, devices), [])
})
