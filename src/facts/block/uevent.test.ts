// Packets as a kernel sends them.

import fc from 'fast-check'
import t from 'tap'
import { parseUevent, parseUeventFile } from './uevent.ts'

t.test('an event of a disk', async t => {
  const packet = Buffer.from('add@/devices/pci0000:00/0000:00:04.0/virtio1/block/vda\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=block\0DEVNAME=vda\0EMPTY=\0SEQNUM=7\0')
  const event = parseUevent(packet)
  t.match(event, { action: 'add', devpath: '/devices/pci0000:00/0000:00:04.0/virtio1/block/vda', subsystem: 'block' })
  t.equal(event?.values.get('DEVNAME'), 'vda')
  t.equal(event?.values.get('EMPTY'), '')
})

t.test('what is none', async t => {
  for (const text of ['', 'libudev\0\xfe\xed', 'add', '@/devices', 'add@devices']) t.equal(parseUevent(Buffer.from(text, 'latin1')), null, JSON.stringify(text))
  fc.assert(fc.property(fc.uint8Array(), bytes => {
    const event = parseUevent(bytes)
    return event === null || event.devpath.startsWith('/')
  }))
})

t.test('the file in sysfs', async t => {
  t.same([...parseUeventFile('MAJOR=254\nPARTNAME=a=b\n\nnonsense\n')], [['MAJOR', '254'], ['PARTNAME', 'a=b']])
})
