// Tests of the reader of Intel's RAID metadata, on bytes as mdadm 4.2 has written them.
import t from 'tap'
import { parseImsm } from './imsm-metadata.ts'

/** Metadata of a RAID 1 of two disks, generation 7, with other bytes put in. */
function metadata(changes: Readonly<Record<number, number>> = {}): Buffer {
  const bytes = Buffer.alloc(1024)
  bytes.write('Intel Raid ISM Cfg Sig. 1.1.00', 'latin1')
  bytes.writeUInt32LE(7, 0x2c)
  bytes.writeUInt8(2, 0x38)
  bytes.write('root', 0x138, 'latin1')
  // The map of two members: raid level 1, nobody failed.
  Buffer.from([1, 2, 2, 255, 1]).copy(bytes, 0x1b7)
  for (const [at, value] of Object.entries(changes)) bytes.writeUInt8(value, Number(at))
  return bytes
}

t.test('what is read', async (t) => {
  t.strictSame(parseImsm(metadata()), { generation: 7, isDirty: false, isMigrating: false, mapState: 0 })
  t.equal(parseImsm(metadata({ 0x192: 1 }))?.isDirty, true)
  t.equal(parseImsm(metadata({ 0x190: 1 }))?.isMigrating, true)
  t.equal(parseImsm(metadata({ 0x1b6: 2 }))?.mapState, 2)
  t.equal(parseImsm(metadata({ 0: 0 })), null)
})
