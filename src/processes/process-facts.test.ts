// Parsers of /proc: hostile names, missing fields, cgroup lines, maps, passwd, records.

import t from 'tap'
import { formatAge, formatBytes, parsePasswd } from '../commands/process-table.ts'
import { parseMaps, pinnedBytes } from './pins.ts'
import { hasEnded, parseArgv, parseCgroup, parseStat, parseUid, plainExe } from './process-facts.ts'
import { parseFuseConnection } from './read-dependencies.ts'
import { parseBootRecord } from './read-origin.ts'
import { netlinkSockets } from './root-stack.ts'

const FIELDS = '0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 9 9'

t.test('stat: a name can hold anything', async (t) => {
  t.strictSame(parseStat(`7 (a) S 9 (b) ) Z 3 7 7 ${FIELDS}\n`), { pid: 7, comm: 'a) S 9 (b) ', state: 'Z', ppid: 3, isKernelThread: false, startTicks: 12345 })
  t.match(parseStat(`2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0`), { isKernelThread: true, startTicks: 0, ppid: 0 })
  t.equal(parseStat(`8 (new\nline) S 1 8 8 ${FIELDS}`)?.comm, 'new\nline')
  for (const bad of ['', '7', '7 (x', '7 (x) S', '(x) S 1 2', '7 (x) S 1 2 3 4']) t.equal(parseStat(bad), null, bad)
})

t.test('small ones', async (t) => {
  t.equal(parseUid('Name:\tx\nUid:\t1000\t0\t0\t0\n'), 1000)
  t.equal(parseUid('Name:\tx\n'), null)
  t.equal(parseCgroup('12:devices:/a\n0::/system.slice/x.service\n'), '/system.slice/x.service')
  t.equal(parseCgroup('1:name=systemd:/\n'), null)
  t.strictSame(parseArgv('a\0\0b\0'), ['a', '', 'b'])
  t.strictSame(parseArgv(''), [])
  t.strictSame(parseArgv('overwritten title'), ['overwritten title'])
  t.strictSame(['/run/rootfs/bin/x (deleted)', '/bin/x', '/run/rootfsx/y'].map(plainExe), ['/bin/x', '/bin/x', '/run/rootfsx/y'])
  t.strictSame(['Z', 'X', 'S', 'D'].map((state) => hasEnded({ state })), [true, true, false, false])
  t.equal(parseFuseConnection('pos:\t0\nfuse_connection:\t41\n'), 41)
  t.equal(parseFuseConnection('pos:\t0\n'), null)
  t.strictSame([0, 59.9, 60, 3599, 3600, 172799, 172800].map(formatAge), ['0s', '59s', '1m', '59m', '1h', '47h', '2d'])
  t.strictSame([0, 1023, 1024, 1_048_575, 1_572_864].map(formatBytes), ['0 B', '1023 B', '1 KiB', '1024 KiB', '1.5 MiB'])
  t.strictSame([...parsePasswd('root:x:0:0::/:/bin/sh\nbad\nu:x:1000:1000::/:')], [[0, 'root'], [1000, 'u']])
})

t.test('netlink sockets of one protocol', async (t) => {
  const table = 'sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n0000000000000000 8   412        00000001 0        0        0     2        0        7001\n0000000000000000 15  1          00000001 0        0        0     2        0        7002\n'
  t.strictSame([...netlinkSockets(table, 8)], [7001n])
  t.strictSame([...netlinkSockets('', 8)], [])
})

t.test('maps: each file once, anonymous memory not at all', async (t) => {
  const text = `55d0-55d1 r-xp 00000000 00:03 12 /bin/p
55d1-55d2 rw-p 00001000 00:03 12 /bin/p
7f00-7f01 r-xp 00000000 00:03 44 /lib/a b.so (deleted)
7f10-7f11 rw-p 00000000 00:00 0 [heap]
7f20-7f21 r--p 00000000 fe:01 9 /usr/lib/x
`
  t.strictSame(parseMaps(text), [
    { range: '55d0-55d1', dev: 3n, ino: 12n, path: '/bin/p' },
    { range: '7f00-7f01', dev: 3n, ino: 44n, path: '/lib/a b.so (deleted)' },
    { range: '7f20-7f21', dev: 0xfe01n, ino: 9n, path: '/usr/lib/x' },
  ])
  const pin = { kind: 'library', what: '', file: '3:12', bytes: 100 } as const
  t.equal(pinnedBytes([pin, pin, { ...pin, file: '3:13', bytes: null }, { ...pin, file: '3:14', bytes: 5 }]), 105)
})

t.test('the record of a boot', async (t) => {
  t.strictSame(parseBootRecord('{"initramfsDevice":"3","initramfsDevices":["3","30",7],"handOverUs":5,"keep":"none"}'), { initramfsDevices: [3n, 30n], handOverUs: 5, keep: 'none' })
  t.strictSame(parseBootRecord('{"initramfsDevice":3}'), { initramfsDevices: [], handOverUs: null, keep: null })
  t.equal(parseBootRecord('{'), null)
  t.equal(parseBootRecord('null'), null)
})
