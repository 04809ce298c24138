// Tests of the mountinfo parser: the shapes that the kernel really prints, and properties over random trees.

import fc from 'fast-check'
import t from 'tap'
import {
  childrenOf, isAbsoluteRoot, makeDev, mountContaining, mountLookup, parseMountInfo, rootMount, topMountAt,
} from './mountinfo.ts'
import { unescapeOctal } from './octal.ts'
import { isWithin } from './mount-path.ts'

t.test('a line with all optional fields, unknown ones too', async (t) => {
  const [m] = parseMountInfo(
    '36 35 98:1048 /mnt1 /mnt/with\\040space\\134x rw,noatime shared:7 master:1 propagate_from:2 later:x unbindable - ext3 /dev/ro\\040ot rw,errors=continue,x=a\\054b\n',
  )
  t.strictSame(m, {
    id: 36, parentId: 35, major: 98, minor: 1048, dev: makeDev(98, 1048),
    root: '/mnt1', mountPoint: '/mnt/with space\\x', options: ['rw', 'noatime'],
    optional: { shared: 7, master: 1, propagateFrom: 2, unbindable: true },
    fstype: 'ext3', source: '/dev/ro ot', superOptions: ['rw', 'errors=continue', 'x=a,b'],
  })
})

t.test('no optional field, empty source, a dash as source, a deleted root', async (t) => {
  const mounts = parseMountInfo(
    '22 27 0:21 / /proc rw - proc  rw\n23 27 0:22 / /sys rw - sysfs - rw\n24 27 0:23 /x//deleted /b rw - tmpfs none rw\n',
  )
  t.strictSame(mounts.map((m) => [m.source, m.root, m.optional]), [['', '/', {}], ['-', '/', {}], ['none', '/x//deleted', {}]])
})

t.test('a line that is none throws and is named', async (t) => {
  for (const line of ['x', '1 2 0:1 / / rw ext4 x rw', '1 2 0 / / rw - ext4 x rw', 'a 2 0:1 / / rw - ext4 x rw', '1 2 0:1 / / rw - ext4 x'])
    t.throws(() => parseMountInfo(line), { message: `Cannot parse mountinfo line '${line}'` })
})

t.test('makeDev is the encoding of st_dev', async (t) => {
  // Values of makedev(3) in glibc for (254, 0), (0, 53), (259, 300) and numbers past 12 and 8 bits.
  t.equal(makeDev(254, 0), 0xfe00n)
  t.equal(makeDev(0, 53), 53n)
  t.equal(makeDev(259, 300), 0x11032cn)
  t.equal(makeDev(0x12345, 0xabcdef), 0x1200abcd345efn)
})

const pivoted = parseMountInfo(
  [
    '2 30 0:3 / /run/rootfs rw - rootfs none rw',
    '31 30 0:20 / /run rw - tmpfs run rw',
    '30 1 254:0 / / rw - ext4 /dev/vda rw',
    '32 31 0:21 / /run/user rw - tmpfs u rw',
  ].join('\n'),
)

t.test('the root is found by id, wherever its line is', async (t) => {
  t.equal(rootMount(pivoted)?.id, 30)
  t.equal(isAbsoluteRoot(pivoted), false)
  const initramfs = parseMountInfo('5 1 0:5 / /proc rw - proc proc rw\n1 1 0:2 / / rw - rootfs rootfs rw\n')
  t.equal(rootMount(initramfs)?.id, 1)
  t.equal(isAbsoluteRoot(initramfs), true)
  t.strictSame(childrenOf(initramfs, 1).map((m) => m.id), [5])
  t.equal(rootMount(parseMountInfo('5 1 0:5 / /proc rw - proc proc rw')), undefined)
})

t.test('lookups cross to the top and never see hidden mounts', async (t) => {
  // 2 was mounted at /run/rootfs before 31 covered /run: listed, but not reachable.
  t.equal(topMountAt(pivoted, '/run/rootfs'), undefined)
  t.equal(mountContaining(pivoted, '/run/rootfs/bin')?.id, 31)
  t.equal(topMountAt(pivoted, '//run/./user/')?.id, 32)
  t.equal(topMountAt(pivoted, '/')?.id, 30)
  t.equal(mountContaining(pivoted, '/runner')?.id, 30)
  const stack = parseMountInfo('1 1 0:1 / / rw - a a rw\n9 8 0:3 / /m rw - a a rw\n8 1 0:2 / /m rw - a a rw\n7 1 0:9 / / rw - a a rw')
  t.equal(topMountAt(stack, '/m')?.id, 9)
  t.equal(topMountAt(stack, '/')?.id, 1, 'a lookup starts at the root itself, not at what covers it')
  t.equal(mountLookup(stack).topAt('/m')?.id, 9, 'many lookups answer as one does')
  t.equal(mountLookup(pivoted).containing('/run/rootfs/bin')?.id, 31)
})

t.test('in a chroot to a plain directory the mounts below are still found', async (t) => {
  const mounts = parseMountInfo('5 1 0:5 / /proc rw - proc proc rw\n6 5 0:6 / /proc/x rw - a a rw')
  t.equal(topMountAt(mounts, '/proc/x')?.id, 6)
  t.equal(mountContaining(mounts, '/etc'), undefined)
  t.equal(isAbsoluteRoot(mounts), false)
})

t.test('isWithin goes by components', async (t) => {
  t.strictSame(
    [['/run', '/runner'], ['/run', '/run/'], ['/', '/x'], ['/a/b', '/a'], ['/a/', '/a/b/c']].map(([a, b]) => isWithin(a ?? '', b ?? '')),
    [false, true, true, false, true],
  )
})

/** The kernel's side of the escapes: fs/proc_namespace.c mangles these characters. */
const mangle = (s: string): string => s.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)

t.test('property: whatever the kernel escapes comes back', async (t) => {
  const name = fc.string({ unit: fc.constantFrom('a', '/', ' ', '\t', '\n', '\\', '#', '0', '4', '-', 'é', ':') })
  fc.assert(
    fc.property(name, name, name, fc.nat(), fc.nat(), (root, point, source, id, parent) => {
      const line = `${id} ${parent} 8:1 /${mangle(root)} /${mangle(point)} rw - x ${mangle(source)} rw`
      const [m] = parseMountInfo(`${line}\n`)
      return m?.root === `/${root}` && m.mountPoint === `/${point}` && m.source === source && m.id === id && m.parentId === parent
    }),
  )
  fc.assert(fc.property(name, (s) => unescapeOctal(mangle(s)) === s))
  t.pass('both hold')
})

t.test('property: the order of lines changes no answer', async (t) => {
  // Mounts 2… each sit on an earlier one at a path of two letters, so stacks and hidden mounts occur.
  const tree = fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '/a', '/b')), { maxLength: 8 }).map((picks) => {
    const mounts = parseMountInfo('1 1 0:1 / / rw - a a rw')
    picks.forEach(([pick, below], i) => {
      const parent = mounts[pick % mounts.length]
      if (parent === undefined) throw new Error('no parent')
      const point = `${parent.mountPoint === '/' ? '' : parent.mountPoint}${below}`
      const used = mounts.some((m) => m.parentId === parent.id && m.mountPoint === (point || '/'))
      if (!used) mounts.push({ ...parent, id: i + 2, parentId: parent.id, mountPoint: point || '/' })
    })
    return mounts
  })
  const shuffled = tree.chain((mounts) =>
    fc.tuple(fc.constant(mounts), fc.shuffledSubarray(mounts, { minLength: mounts.length, maxLength: mounts.length })),
  )
  fc.assert(
    fc.property(shuffled, fc.constantFrom('/', '/a', '/b', '/a/b', '/a/a', '/b/a/c'), ([mounts, other], path) => {
      return (
        rootMount(mounts)?.id === rootMount(other)?.id &&
        mountContaining(mounts, path)?.id === mountContaining(other, path)?.id &&
        topMountAt(mounts, path)?.id === topMountAt(other, path)?.id &&
        mountLookup(mounts).containing(path)?.id === mountContaining(other, path)?.id
      )
    }),
  )
  t.pass('holds')
})
