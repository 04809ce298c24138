// Mount options: which become flag bits, which go to the file system, which only mean something to user
// space and must not reach the kernel.  mount(8).
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME, MS_STRICTATIME } from '../abi/mount.ts'
import { parseMountOptions, splitOptions } from './mount-options.ts'

t.test('flags and data', async (t) => {
  const cases: readonly (readonly [string, number, string | null])[] = [
    ['', 0, null],
    ['defaults', 0, null],
    ['ro', MS_RDONLY, null],
    ['ro,rw', 0, null],
    ['rw,ro', MS_RDONLY, null],
    ['ro,defaults', MS_RDONLY, null],
    ['nosuid,nodev,noexec', MS_NOSUID | MS_NODEV | MS_NOEXEC, null],
    ['relatime,noatime', MS_NOATIME, null],
    ['noatime,strictatime', MS_STRICTATIME, null],
    ['noatime,relatime', MS_RELATIME, null],
    ['subvol=@,compress=zstd:3', 0, 'subvol=@,compress=zstd:3'],
    ['errors=remount-ro,ro', MS_RDONLY, 'errors=remount-ro'],
    ['_netdev,nofail,noauto,x-systemd.automount,X-mount.mkdir=0755,comment=a,data=ordered', 0, 'data=ordered'],
    ['user', MS_NOSUID | MS_NODEV | MS_NOEXEC, null],
    ['user,exec', MS_NOSUID | MS_NODEV, null],
    ['owner', MS_NOSUID | MS_NODEV, null],
    [',, ro ,', MS_RDONLY, null],
    ['constructor,toString', 0, 'constructor,toString'],
    ['rootcontext="system_u:object_r:root_t:s0:c1,c2",ro', MS_RDONLY, 'rootcontext="system_u:object_r:root_t:s0:c1,c2"'],
  ]
  for (const [text, flags, data] of cases) t.same(parseMountOptions(text), { flags, data }, text)
})

t.test('initial flags can be cleared', async (t) => {
  t.same(parseMountOptions('rw,noatime', MS_RDONLY), { flags: MS_NOATIME, data: null })
  t.same(parseMountOptions('noatime', MS_RDONLY), { flags: MS_RDONLY | MS_NOATIME, data: null })
})

t.test('commas in quotes do not split', async (t) => {
  t.same(splitOptions('a="b,c",d'), ['a="b,c"', 'd'])
  t.same(splitOptions('a="b,c'), ['a="b,c'])
})
