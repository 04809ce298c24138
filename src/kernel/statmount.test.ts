// The layout of statmount(2)'s structures, by bytes: both the request and an answer as the kernel fills it.

import t from 'tap'
import { toFd } from './kernel.ts'
import { detailsRequest, listmountRequest, readDetails, readStatmount, STATMOUNT_BYTES, statmountRequest } from './statmount.ts'

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

t.test('struct mnt_id_req of listmount and of all details', async (t) => {
  t.equal(listmountRequest('root', 5n).toString('hex'), ['18000000', '00000000', 'ffffffffffffffff', '0500000000000000'].join(''))
  t.equal(listmountRequest(0x80000007n, 0n).toString('hex'), ['18000000', '00000000', '0700008000000000', '0000000000000000'].join(''))
  t.equal(detailsRequest(0x80000007n).toString('hex'), ['18000000', '00000000', '0700008000000000', 'bf03000000000000'].join(''))
})

t.test('all details: only what came back is read', async (t) => {
  const answer = Buffer.alloc(1024)
  answer.writeUInt32LE(20, 4)
  answer.writeBigUInt64LE(0x3ffn, 8)
  answer.writeUInt32LE(8, 20)
  answer.writeUInt32LE(0x1 | 0x10 | 0x2000000, 32)
  answer.writeBigUInt64LE(0x80000007n, 40)
  answer.writeBigUInt64LE(0x80000001n, 48)
  answer.writeUInt32LE(7, 56)
  answer.writeUInt32LE(1, 60)
  answer.writeBigUInt64LE(0x1n | 0x8n | 0x10n | 0x80n | 0x200000n | 0x100000n, 64)
  answer.writeBigUInt64LE(BigInt((1 << 20) | (1 << 19)), 72)
  for (const [field, value] of [[80, 3n], [88, 4n], [96, 4n]] as const) answer.writeBigUInt64LE(value, field)
  const strings = ['fuse', '/sub', '/m p', 'a=1,b=x\\054y', 'sshfs', 'host:/']
  const at: number[] = []
  let end = 0
  for (const one of strings) {
    at.push(end)
    answer.write(one, 512 + end)
    end += one.length + 1
  }
  for (const [i, field] of [36, 104, 108, 4, 120, 124].entries()) answer.writeUInt32LE(at[i] ?? 0, field)
  const wanted = {
    id: 0x80000007n, parentId: 0x80000001n, oldId: 7, oldParentId: 1, dev: 8n, major: 0, minor: 8,
    root: '/sub', mountPoint: '/m p', options: ['ro', 'noexec', 'noatime', 'nodiratime', 'nosymfollow', 'idmapped'],
    superOptions: ['ro', 'sync', 'lazytime', 'a=1', 'b=x,y'], propagation: { shared: 3, master: 4 }, fstype: 'fuse.sshfs', source: 'host:/',
  }
  t.strictSame(readDetails(answer), wanted)
  // An older kernel knows neither source nor subtype; nothing leads to this mount, and it is private.
  answer.writeBigUInt64LE(0xafn, 8)
  answer.writeBigUInt64LE(BigInt(1 << 18), 72)
  answer.writeBigUInt64LE(0n, 88)
  answer.writeBigUInt64LE(0n, 96)
  t.strictSame(readDetails(answer), { ...wanted, mountPoint: null, propagation: {}, fstype: 'fuse', source: null })
})
