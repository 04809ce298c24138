// The layout of statmount(2)'s structures, by bytes: both the request and an answer as the kernel fills it.

import t from 'tap'
import { toFd } from './kernel.ts'
import { readStatmount, STATMOUNT_BYTES, statmountRequest } from './statmount.ts'

t.test('struct mnt_id_req', async (t) => {
  const byId = statmountRequest({ id: 0x80000007n })
  t.equal(byId.flags, 0)
  t.equal(byId.request.toString('hex'), ['18000000', '00000000', '0700008000000000', '2300000000000000'].join(''))
  const byFd = statmountRequest({ fd: toFd(9) })
  t.equal(byFd.flags, 1)
  t.equal(byFd.request.toString('hex'), ['18000000', '09000000', '0000000000000000', '2300000000000000'].join(''))
})

t.test('struct statmount', async (t) => {
  const answer = Buffer.alloc(STATMOUNT_BYTES)
  answer.writeUInt32LE(254, 16)
  answer.writeUInt32LE(300, 20)
  answer.writeUInt32LE(4, 36)
  answer.writeBigUInt64LE(0x80000007n, 40)
  answer.writeBigUInt64LE(0x80000001n, 48)
  answer.write('\0\0\0\0rootfs\0more', 512)
  t.strictSame(readStatmount(answer), { dev: 0x10fe2cn, fstype: 'rootfs', id: 0x80000007n, parentId: 0x80000001n })
})
