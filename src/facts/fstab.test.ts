// fstab(5): fields, escapes and comments as getmntent(3) reads them, and which line is the /usr that
// has to be there before init.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { hasOption, parseFstab, usrEntry } from './fstab.ts'
import { unescapeOctal } from './octal.ts'

t.test('fields, comments, defaults and escapes', async (t) => {
  const { entries, problems } = parseFstab(`# <file system> <mount point>
UUID=0a1b / ext4 errors=remount-ro 0 1
\tLABEL="two words" no
LABEL=my\\040disk	/srv/with\\040blank/	ext4
//host/share /mnt cifs user=a 0 0 # not a comment for getmntent, but harmless
tmpfs /tmp tmpfs size=10% x y

/dev/sda2 none swap sw
LABEL="x" /lab ext4
broken
`)
  t.same(entries, [
    { source: 'UUID=0a1b', target: '/', fstype: 'ext4', options: 'errors=remount-ro', freq: 0, passno: 1 },
    { source: 'LABEL="two', target: 'words"', fstype: 'no', options: 'defaults', freq: 0, passno: 0 },
    { source: 'LABEL=my disk', target: '/srv/with blank', fstype: 'ext4', options: 'defaults', freq: 0, passno: 0 },
    { source: '//host/share', target: '/mnt', fstype: 'cifs', options: 'user=a', freq: 0, passno: 0 },
    { source: 'tmpfs', target: '/tmp', fstype: 'tmpfs', options: 'size=10%', freq: 0, passno: 0 },
    { source: '/dev/sda2', target: 'none', fstype: 'swap', options: 'sw', freq: 0, passno: 0 },
    { source: 'LABEL=x', target: '/lab', fstype: 'ext4', options: 'defaults', freq: 0, passno: 0 },
  ])
  t.same(problems, [{ line: 10, detail: 'Cannot parse line 10 of fstab: it has fewer than 3 fields, ignoring' }])
})

t.test('octal escapes', async (t) => {
  t.equal(unescapeOctal('a\\040b\\011c\\012d\\134e'), 'a b\tc\nd\\e')
  t.equal(unescapeOctal('\\303\\244'), 'ä', 'bytes of one character')
  t.equal(unescapeOctal('a\\9'), 'a\\9', 'not an escape')
})

t.test('/usr', async (t) => {
  const usr = (text: string): string | null => usrEntry(parseFstab(text).entries)?.source ?? null
  t.equal(usr('/dev/a / ext4'), null)
  t.equal(usr('/dev/a /usr/ ext4 ro 0 2'), '/dev/a')
  t.equal(usr('/dev/a /usr ext4\n/dev/b /usr ext4'), '/dev/b')
  t.equal(usr('/dev/a /usr ext4 noauto'), null)
  t.equal(usr('/dev/a /usr ext4 noauto,x-initrd.mount'), '/dev/a')
  t.equal(usr('/dev/a /usr/local ext4'), null)
  t.ok(hasOption('ro,nofail', 'nofail'))
  t.notOk(hasOption('ro,nofails', 'nofail'))
})
