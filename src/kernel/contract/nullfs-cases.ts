// Contract of the bottom of a mount namespace since Linux 7.0: an empty nullfs, on which the first root is mounted.
//
// The counterpart of the absolute root's cases in pivot-cases.ts: on such a kernel the initramfs is an ordinary
// mount, and only nullfs itself is what pivot_root and MS_MOVE refuse.  Source: fs/nullfs.c, fs/namespace.c.

import { MNT_DETACH } from '../../abi/mount.ts'
import { move, tmpfs, visible, type ContractCase } from './case.ts'

const cases: readonly Omit<ContractCase, 'bed'>[] = [
  { name: 'nullfs: nothing can be made in it', act: (k) => k.mkdir('/x', 0o755), expect: 'ENOENT' },
  { name: 'nullfs: no file either', act: (k) => k.writeFile('/x', ''), expect: 'ENOENT' },
  { name: 'nullfs: it is empty', act: (k) => k.readdir('/'), expect: [] },
  { name: 'nullfs: its parent is itself', act: (k) => visible(k, '/../proc/self/mountinfo'), expect: ['/ absolute on itself', '/ bed on absolute', '/proc proc on bed'] },
  {
    name: 'nullfs: pivot_root away from it',
    arrange: (k) => { tmpfs(k, 'NEW', '/../new'); k.mkdir('/../new/old', 0o755) },
    act: (k) => k.pivotRoot('/../new', '/../new/old'),
    expect: 'EINVAL',
  },
  { name: 'nullfs: it cannot be moved', act: (k) => move(k, '/', '/../a'), expect: 'EINVAL' },
  { name: 'nullfs: umount takes what is on it', act: (k) => { k.umount2('/', MNT_DETACH); return [String(k.exists('/../proc'))] }, expect: ['false'] },
  { name: 'nullfs: umount of itself', arrange: (k) => k.umount2('/', MNT_DETACH), act: (k) => k.umount2('/', MNT_DETACH), expect: 'EINVAL' },
  {
    name: 'nullfs: what is on it is an ordinary root, from which pivot_root works',
    arrange: (k) => {
      k.chdir('/..')
      k.chroot('.')
      k.chdir('/')
      tmpfs(k, 'NEW', '/new')
      k.mkdir('/new/old', 0o755)
      k.mkdir('/new/proc', 0o755)
      move(k, '/proc', '/new/proc')
    },
    act: (k) => { k.chdir('/new'); k.pivotRoot('.', 'old'); k.chdir('/'); return visible(k, '/proc/self/mountinfo') },
    expect: ['/ NEW on unlisted', '/old bed on NEW', '/proc proc on NEW'],
  },
]

export const nullfsCases: readonly ContractCase[] = cases.map((c) => ({ ...c, bed: 'nullfs' as const }))
