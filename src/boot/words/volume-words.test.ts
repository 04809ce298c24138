// The words about LVM and md RAID: what they mean, and what is said of bad ones.
//
// Through readParameters, so that the table and the reader are both tried.

import t from 'tap'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { readParameters } from '../parameters.ts'
import { arrayId, volumeParameters } from './volume-words.ts'

const read = (text: string): ReturnType<typeof readParameters> => readParameters(parseCommandLine(text))

t.test('nothing said: everything is allowed', async (t) => {
  const { block } = read('').values
  t.same(block.lvm, { isOn: true, groups: [], volumes: [], useConf: true })
  t.same(block.md, { isOn: true, uuids: [], useConf: true, imsm: true, ddf: true })
})

t.test('each word has its effect', async (t) => {
  const id = '0f0c000000004000800000000000abcd'
  const { values, problems } = read(`rd.lvm=0 rd.lvm.lv=vg/root rd.lvm.lv=/dev/vg/usr rd.lvm.vg=a,b rd.lvm.conf=0 rd.md=no rd.md.uuid=0f0c0000:00004000:80000000:0000ABCD rd.md.conf=0 rd.md.imsm=0 rd.md.ddf=0`)
  t.same(problems, [])
  t.same(values.block.lvm, { isOn: false, groups: ['a', 'b'], volumes: ['vg/root', 'vg/usr'], useConf: false })
  t.same(values.block.md, { isOn: false, uuids: [id], useConf: false, imsm: false, ddf: false })
  t.equal(arrayId('0f0c0000-0000-4000-8000-00000000abcd'), id, 'as blkid spells it')
  t.equal(volumeParameters.length, 9, 'a word that is added is tried here')
})

t.test('what cannot be meant is told and ignored', async (t) => {
  const { values, problems } = read('rd.lvm.lv=root rd.md.uuid=12:34 rd.md=maybe')
  t.same(values.block.lvm.volumes, [])
  t.same(values.block.md, { isOn: true, uuids: [], useConf: true, imsm: true, ddf: true })
  t.same(problems.map(({ key }) => key).sort(), ["rd.lvm.lv", "rd.md", "rd.md.uuid"])
})
