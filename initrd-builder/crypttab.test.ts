// The crypttab of an image: which lines stay, and what is missing; the devices of a made-up machine's root.
//
// Man page: crypttab(5).

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { adaptCrypttab, cryptNamesOfRoot } from './crypttab.ts'
import { ImageTree } from './image/image-tree.ts'

const TEXT = `# comment
root UUID=1 /etc/keys/root.key luks
home UUID=2 /etc/keys/home.key
swap UUID=3 /k:LABEL=stick header=/etc/h,x-initrd.attach
`

function imageWith(files: Readonly<Record<string, string>>): ImageTree {
  const tree = new ImageTree()
  for (const [path, text] of Object.entries(files)) tree.add(path, { type: 'file', mode: 0o644, data: Buffer.from(text) }, 'test')
  return tree
}

function textOf(tree: ImageTree): string {
  const node = tree.get('/etc/crypttab')
  return node?.type === 'file' ? Buffer.from(node.data).toString() : ''
}

t.test('an image for any machine has all lines, one for this machine those of its root', async t => {
  const any = imageWith({ '/etc/crypttab': TEXT, '/etc/keys/root.key': '', '/etc/keys/home.key': '', '/etc/h': '' })
  t.same(adaptCrypttab(any, null), [])
  t.equal(textOf(any), TEXT)
  const own = imageWith({ '/etc/crypttab': TEXT })
  t.same(adaptCrypttab(own, ['root']), [
    "Cannot find key file '/etc/keys/root.key' of 'root' in the image: put it in with --secret, or its passphrase is asked for, ignoring",
    "Cannot find header '/etc/h' of 'swap' in the image: put it in with --include, ignoring",
  ])
  t.equal(textOf(own), TEXT.split('\n').filter(line => /^(root|swap)/.test(line)).map(line => `${line}\n`).join(''))
  t.same(adaptCrypttab(new ImageTree(), ['root']), [])
})

t.test('the encrypted devices under the root, through what stands on them', async t => {
  const top = t.testdir()
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(top, path)), { recursive: true })
    writeFileSync(join(top, path), text)
  }
  put('proc/self/mountinfo', [
    '1 0 254:2 / / rw - ext4 /dev/mapper/vg-root rw',
    '2 1 0:40 /@usr /usr rw - btrfs /dev/dm-5 rw',
    '3 1 254:9 / /home rw - ext4 /dev/dm-9 rw', '',
  ].join('\n'))
  put('sys/dev/block/254:2/dm/uuid', 'LVM-abc\n')
  put('sys/dev/block/254:2/slaves/dm-1/dm/uuid', 'CRYPT-LUKS2-0f0c-pv\n')
  put('sys/dev/block/254:2/slaves/dm-1/dm/name', 'pv\n')
  put('sys/class/block/dm-5/dm/uuid', 'CRYPT-LUKS1-0f0c-usr\n')
  put('sys/class/block/dm-5/dm/name', 'usr_crypt\n')
  put('dev/dm-5', '')
  put('sys/dev/block/254:9/dm/uuid', 'CRYPT-LUKS2-0f0c-home\n')
  t.same(cryptNamesOfRoot(top), ['pv', 'usr_crypt'])
})
