// Which encrypted devices are unlocked for what is waited for: named ones, those of crypttab, all of them, none.
//
// Rules: systemd-cryptsetup-generator(8), dracut.cmdline(7), docs/luks.md.
import t from 'tap'
import { device, filesystem } from '../../facts/block/device-for-tests.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import { parseRootSpec } from '../../facts/block/root-spec.ts'
import { superblock } from '../../facts/block/superblock.ts'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { parseCrypttab } from '../../facts/crypttab.ts'
import { readParameters } from '../parameters.ts'
import { chooseVolumes, deviceOf, isLocked, parseKey } from './luks-volumes.ts'
import type { Volume } from './luks-volumes.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000000'
const B = 'bbbbbbbb-0000-4000-8000-000000000000'
const luks = (name: string, uuid: string, label: string | null = null): BlockDevice =>
  device(name, { superblock: superblock({ type: 'crypto_LUKS', usage: 'crypto', uuid, label }) })
const devices = [luks('vda2', A, 'one'), { ...luks('vdb', B), partUuid: 'ab-1' }, device('vdc', { superblock: filesystem({ uuid: 'cc', label: 'plain' }) })]

function choose(root: string, line = '', crypttab = ''): Volume[] {
  const { spec } = parseRootSpec(root, null)
  if (spec === null) throw new Error(root)
  const words = readParameters(parseCommandLine(line)).values.block.luks
  return chooseVolumes(spec, { words, crypttab: parseCrypttab(crypttab), devices })
}
const short = (volumes: readonly Volume[]): string => volumes.map((v) => `${v.name}:${v.device?.name ?? '-'}`).join(' ')

t.test('which, in which order', async (t) => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['LABEL=x', '', '', `luks-${A}:vda2 luks-${B}:vdb`],
    ['/dev/mapper/vg-root', '', '', `luks-${A}:vda2 luks-${B}:vdb`],
    [`/dev/mapper/luks-${A}`, `rd.luks.uuid=${A} rd.luks.uuid=${B}`, '', `luks-${A}:vda2`],
    [`/dev/mapper/luks-${B}`, '', '', `luks-${B}:vdb`],
    ['/dev/dm-0', '', '', `luks-${A}:vda2 luks-${B}:vdb`],
    ['/dev/md0', '', '', `luks-${A}:vda2 luks-${B}:vdb`],
    // Nothing of what was unlocked can be these.
    ['/dev/vdc', `rd.luks.uuid=${A}`, '', ''],
    ['PARTUUID=12', '', '', ''],
    ['virtiofs:tag', '', '', ''],
    ['/dev/disk/by-path/pci-0000:00:1f.2-ata-1', '', '', ''],
    ['/dev/disk/by-id/dm-name-x', '', '', `luks-${A}:vda2 luks-${B}:vdb`],
    ['/dev/vg/root', '', '', `luks-${A}:vda2 luks-${B}:vdb`],
    ['LABEL=x', 'rd.luks=0', '', ''],
    ['LABEL=x', 'rd.luks.uuid=BBBB', '', `luks-${B}:vdb`],
    ['LABEL=x', `rd.luks.uuid=luks-${B}`, `r UUID=${A}\nh UUID=${B} none tries=1`, 'h:vdb'],
    ['LABEL=x', `rd.luks.name=${B}=mine`, `h UUID=${B}`, 'mine:vdb'],
    ['LABEL=x', 'rd.luks.uuid=cccc', '', 'luks-cccc:-'],
    ['LABEL=x', 'rd.luks.partuuid=AB-1', '', `luks-${B}:vdb`],
    ['LABEL=x', '', `h /dev/vdb\nr UUID=${A}`, 'h:vdb r:vda2'],
    ['LABEL=x', '', `h /dev/vdb\nr LABEL=one none x-initrd.attach`, 'r:vda2 h:vdb'],
    ['LABEL=x', '', `h /dev/vdb none noauto\nr UUID=${A}`, 'r:vda2'],
    ['LABEL=x', 'rd.luks.crypttab=0', `r UUID=${A}`, `r:vda2`],
    ['/dev/mapper/r', `rd.luks.name=${B}=usr`, `h /dev/vdb\nr UUID=${A}`, 'r:vda2'],
    ['/dev/mapper/usr', `rd.luks.name=${B}=usr`, `r UUID=${A}`, 'usr:vdb'],
    // One device under two lines is one device.
    ['LABEL=x', '', `r UUID=${A}\nagain /dev/vda2`, 'r:vda2'],
  ]
  // rd.luks.crypttab= is the assembler's, which hands in no entries then.
  for (const [root, line, crypttab, expected] of cases) t.equal(short(choose(root, line, crypttab)), expected, `${root} ${line} ${crypttab}`)
})

t.test('hooks that make the root get what is named, and no more', async (t) => {
  const of = (line: string): string => short(chooseVolumes({ kind: 'hooks' }, { words: readParameters(parseCommandLine(line)).values.block.luks, crypttab: [], devices }))
  t.equal(of(''), '')
  t.equal(of(`rd.luks.uuid=${A}`), `luks-${A}:vda2`)
})

t.test('what is inside of one device', async (t) => {
  const words = readParameters(parseCommandLine(`rd.luks.name=${B}=b`)).values.block.luks
  const inside = (name: string): string => short(chooseVolumes({ kind: 'inside', name }, { words, crypttab: [], devices }))
  t.equal(inside('vda2'), `luks-${A}:vda2`)
  t.equal(inside('vdb'), 'b:vdb')
  t.equal(inside('vdc'), '')
})

t.test('keys and options: for the device, crypttab, for all', async (t) => {
  const key = (line: string, crypttab = ''): unknown => choose(`/dev/mapper/n`, `rd.luks.name=${A}=n ${line}`, crypttab)[0]?.key
  const crypttab = `n UUID=${A} /t:LABEL=stick tries=7,discard`
  t.same(key(''), null)
  t.same(key('', crypttab), { path: '/t', device: 'LABEL=stick' })
  t.same(key('rd.luks.key=/all'), { path: '/all', device: null })
  t.same(key('rd.luks.key=/all', crypttab), { path: '/t', device: 'LABEL=stick' })
  t.same(key(`rd.luks.key=/all rd.luks.key=${A}=/own`, crypttab), { path: '/own', device: null })
  t.same(key(`rd.luks.key=/own::UUID=${A}`, crypttab), { path: '/own', device: null })
  t.same(key(`rd.luks.key=/own:LABEL=s:/dev/vda2`), { path: '/own', device: 'LABEL=s' })
  t.same(key(`rd.luks.key=${B}=/other`), null)
  const options = (line: string, text = ''): Volume['options'] | undefined => choose(`/dev/mapper/n`, `rd.luks.name=${A}=n ${line}`, text)[0]?.options
  t.equal(options('rd.luks.options=tries=5')?.tries, 5)
  t.equal(options('rd.luks.options=tries=5', crypttab)?.tries, 7)
  t.equal(options(`rd.luks.options=${A}=tries=6 rd.luks.options=tries=5`, crypttab)?.tries, 6)
  t.same(options('rd.luks.allow-discards')?.args, ['--allow-discards'])
  t.same(options(`rd.luks.allow-discards=${B}`)?.args, [])
  t.same(options('rd.luks.allow-discards', crypttab)?.args, ['--allow-discards'])
})

t.test('devices and keys by specifier', async (t) => {
  t.equal(deviceOf(`UUID=${A.toUpperCase()}`, devices)?.name, 'vda2')
  t.equal(deviceOf('LABEL=one', devices)?.name, 'vda2')
  t.equal(deviceOf('/dev/vdb', devices)?.name, 'vdb')
  t.equal(deviceOf('PARTUUID=AB-1', devices)?.name, 'vdb')
  t.equal(deviceOf('LABEL=plain', devices), null, 'no LUKS')
  t.equal(deviceOf('nonsense:x', devices), null)
  const open = device('dm-0', { slaves: ['vda2'], mapperName: 'x' })
  t.equal(isLocked(luks('vda2', A), [...devices, open]), false)
  t.equal(isLocked(luks('vdb', B), [...devices, open]), true)
  t.equal(deviceOf('/dev/vda2', [...devices, open])?.name, 'vda2')
  t.same(parseKey('/a:b'), { path: '/a', device: 'b' })
  t.same(parseKey('/dev/disk/by-path/pci-0000:00:1f'), { path: '/dev/disk/by-path/pci-0000:00:1f', device: null })
  for (const none of [null, 'none', 'relative']) t.equal(parseKey(none), null)
})
