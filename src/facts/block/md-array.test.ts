// What is said of an array that lacks members.
//
// The slots are as /sys/block/md*/md/dev-*/slot has them.

import t from 'tap'
import { describeArray } from './md-array.ts'

const array = (disks: number, ...slots: readonly (readonly [string, string])[]): string[] =>
  describeArray({ path: '/dev/md127', level: 'raid1', disks, slots: slots.map(([device, slot]) => ({ device, slot })) })

t.test('whole ones need no words', async (t) => {
  t.same(array(2, ['/dev/vda', '0'], ['/dev/vdb', '1'], ['/dev/vdc', 'none']), [])
  t.same(array(0), [], 'sysfs said nothing')
})

t.test('one and several missing', async (t) => {
  t.same(array(2, ['/dev/vdb', '1'], ['/dev/vdc', 'none']), ["/dev/md127 (raid1) runs degraded: member 0 of 0 to 1 is missing, there is /dev/vdb (1); 'mdadm /dev/md127 --re-add DEVICE' makes it whole again"])
  t.match(array(4, ['/dev/vdb', '1'], ['/dev/vda', '3'])[0], /members 0, 2 of 0 to 3 are missing, there is \/dev\/vda \(3\), \/dev\/vdb \(1\)/)
})
