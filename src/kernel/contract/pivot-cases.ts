// Contract of pivot_root(2) and of moving a root by MS_MOVE and chroot.
//
// Every line of the errno table in docs/kernel-facts.md A that one namespace can show, and the sequences
// that the two engines use.  Man pages: pivot_root(2), mount(2).

import { MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE } from '../../abi/mount.ts'
import { bind, move, propagation, rbind, tmpfs, visible, type ContractCase } from './case.ts'
import type { Kernel } from '../kernel.ts'

/** A new root at /new with a directory /new/old. */
const newRoot = (k: Kernel): void => {
  tmpfs(k, 'NEW', '/new')
  k.mkdir('/new/old', 0o755)
  k.mkdir('/new/proc', 0o755)
}
const moved = (k: Kernel): void => {
  newRoot(k)
  move(k, '/proc', '/new/proc')
}

const onMount: readonly Omit<ContractCase, 'bed'>[] = [
  {
    name: 'pivot_root moves the root below the new one',
    arrange: moved,
    act: (k) => k.pivotRoot('/new', '/new/old'),
    expect: ['/ NEW on unlisted', '/old bed on NEW', '/proc proc on NEW'],
  },
  {
    name: 'pivot_root(".", relative) after chdir, as the engine does it',
    arrange: (k) => { moved(k); k.chdir('/new') },
    act: (k) => { k.pivotRoot('.', 'old'); k.chdir('/') },
    expect: ['/ NEW on unlisted', '/old bed on NEW', '/proc proc on NEW'],
  },
  {
    name: 'pivot_root(".", ".") stacks the old root, umount2(".") takes it away',
    arrange: (k) => { moved(k); k.chdir('/new') },
    act: (k) => { k.pivotRoot('.', '.'); k.umount2('.', MNT_DETACH) },
    expect: ['/ NEW on unlisted', '/proc proc on NEW'],
  },
  {
    name: 'pivot_root(".", ".") without the umount leaves the old root on top',
    arrange: (k) => { moved(k); k.chdir('/new') },
    act: (k) => k.pivotRoot('.', '.'),
    expect: ['/ NEW on unlisted', '/ bed on NEW', '/proc proc on NEW'],
  },
  {
    name: 'a working directory that is exactly the old root moves along',
    arrange: (k) => { moved(k); k.chdir('/') },
    act: (k) => { k.pivotRoot('/new', '/new/old'); return [String(k.exists('keep')), String(k.exists('old/plain'))] },
    expect: ['false', 'true'],
  },
  {
    name: 'a working directory inside the old root stays there',
    arrange: (k) => { moved(k); k.chdir('/plain') },
    act: (k) => { k.pivotRoot('/new', '/new/old'); return [String(k.exists('sub')), k.readlink('/proc/self/cwd')] },
    expect: ['true', '/old/plain'],
  },
  {
    name: 'pivot_root back again with chroot restores the root',
    arrange: moved,
    act: (k) => {
      k.pivotRoot('/new', '/new/old')
      k.chdir('/old')
      k.pivotRoot('.', 'new')
      k.chroot('.')
      k.chdir('/')
      move(k, '/new/proc', '/proc')
    },
    expect: ['/ bed on unlisted', '/new NEW on bed', '/proc proc on bed'],
  },
  { name: 'pivot_root: new is a plain directory of "/"', act: (k) => k.pivotRoot('/plain', '/plain/sub'), expect: 'EBUSY' },
  { name: 'pivot_root: new is "/"', act: (k) => k.pivotRoot('/', '/a'), expect: 'EBUSY' },
  { name: 'pivot_root: put_old on the root mount', arrange: newRoot, act: (k) => k.pivotRoot('/new', '/a'), expect: 'EBUSY' },
  {
    name: 'pivot_root: put_old is a mount outside of new',
    arrange: (k) => { newRoot(k); tmpfs(k, 'A', '/a') },
    act: (k) => k.pivotRoot('/new', '/a'),
    expect: 'EINVAL',
  },
  {
    name: 'pivot_root: new is no mount root',
    arrange: (k) => { newRoot(k); k.mkdir('/new/old/deeper', 0o755) },
    act: (k) => k.pivotRoot('/new/old', '/new/old/deeper'),
    expect: 'EINVAL',
  },
  {
    name: 'pivot_root: a plain directory bound onto itself will do',
    arrange: (k) => bind(k, '/plain', '/plain'),
    act: (k) => {
      k.chdir('/plain')
      k.pivotRoot('.', 'sub')
      return visible(k, '/sub/proc/self/mountinfo')
    },
    expect: ['/ bed[/plain] on unlisted', '/sub bed on bed', '/sub/proc proc on bed'],
  },
  {
    name: 'pivot_root: parent of new is shared',
    arrange: (k) => { newRoot(k); propagation(k, '/', MS_SHARED) },
    act: (k) => k.pivotRoot('/new', '/new/old'),
    expect: 'EINVAL',
  },
  {
    name: 'pivot_root: parent of new is a slave',
    arrange: (k) => {
      moved(k)
      tmpfs(k, 'P', '/a')
      propagation(k, '/a', MS_SHARED)
      bind(k, '/a', '/b')
      propagation(k, '/b', MS_SLAVE)
      k.mkdir('/b/r', 0o755)
      tmpfs(k, 'R', '/b/r')
      k.mkdir('/b/r/old', 0o755)
      k.mkdir('/b/r/proc', 0o755)
      move(k, '/new/proc', '/b/r/proc')
    },
    act: (k) => k.pivotRoot('/b/r', '/b/r/old'),
    expect: ['/ R on unlisted', '/old bed on R', '/old/a P on bed shared', '/old/b P on bed slave', '/old/new NEW on bed', '/proc proc on R'],
  },
  {
    name: 'pivot_root: new is shared and put_old a directory on it',
    arrange: (k) => { newRoot(k); propagation(k, '/new', MS_SHARED) },
    act: (k) => k.pivotRoot('/new', '/new/old'),
    expect: 'EINVAL',
  },
  {
    name: 'pivot_root(".", ".") with a shared new',
    arrange: (k) => { newRoot(k); propagation(k, '/new', MS_SHARED); k.chdir('/new') },
    act: (k) => k.pivotRoot('.', '.'),
    expect: 'EINVAL',
  },
  {
    name: 'pivot_root: new is shared but put_old on a private mount on it',
    arrange: (k) => {
      moved(k)
      tmpfs(k, 'OLD', '/new/old')
      propagation(k, '/new/old', MS_PRIVATE)
      propagation(k, '/new', MS_SHARED)
    },
    act: (k) => k.pivotRoot('/new', '/new/old'),
    expect: ['/ NEW on unlisted shared', '/old OLD on NEW', '/old bed on OLD', '/proc proc on NEW'],
  },
  {
    name: 'pivot_root: the caller is chrooted to a plain directory',
    arrange: (k) => { tmpfs(k, 'S', '/plain/sub'); k.mkdir('/plain/sub/old', 0o755); k.chroot('/plain') },
    act: (k) => k.pivotRoot('/sub', '/sub/old'),
    expect: 'EINVAL',
  },
  { name: 'pivot_root: new is a file', act: (k) => k.pivotRoot('/file', '/a'), expect: 'ENOTDIR' },
  { name: 'pivot_root: new is missing', act: (k) => k.pivotRoot('/none', '/a'), expect: 'ENOENT' },
  { name: 'pivot_root: put_old is missing', arrange: newRoot, act: (k) => k.pivotRoot('/new', '/new/none'), expect: 'ENOENT' },
  { name: 'pivot_root: put_old is a file', arrange: newRoot, act: (k) => k.pivotRoot('/new', '/file'), expect: 'ENOTDIR' },

  {
    name: 'MS_MOVE over "/" and chroot conceal the old root',
    arrange: moved,
    act: (k) => { k.chdir('/new'); move(k, '.', '/'); k.chroot('.'); k.chdir('/') },
    expect: ['/ NEW on unlisted', '/proc proc on NEW'],
  },
  {
    name: 'MS_MOVE over "/" without chroot: "/" still shows the old root, "/.." the new one',
    arrange: newRoot,
    act: (k) => { move(k, '/new', '/'); return [String(k.exists('/plain')), String(k.exists('/../old'))] },
    expect: ['true', 'true'],
  },
  {
    name: 'a concealed old root can be reached by a descriptor and the new one moved off it',
    arrange: moved,
    act: (k) => {
      const root = k.open('/', 0o200000)
      k.chdir('/new')
      move(k, '.', '/')
      k.chroot('.')
      k.chdir('/')
      k.fchdir(root)
      k.chroot('.')
      k.chdir('/')
      move(k, '/..', '/new')
      move(k, '/new/proc', '/proc')
    },
    expect: ['/ bed on unlisted', '/new NEW on bed', '/proc proc on bed'],
  },
  {
    name: 'MS_MOVE over "/": the parent of new is shared',
    arrange: (k) => { newRoot(k); propagation(k, '/', MS_REC | MS_SHARED) },
    act: (k) => move(k, '/new', '/'),
    expect: 'EINVAL',
  },
  {
    name: 'a shared root made private lets go of it',
    arrange: (k) => { moved(k); propagation(k, '/', MS_REC | MS_SHARED); propagation(k, '/', MS_REC | MS_PRIVATE) },
    act: (k) => { k.chdir('/new'); move(k, '.', '/'); k.chroot('.'); k.chdir('/') },
    expect: ['/ NEW on unlisted', '/proc proc on NEW'],
  },
  {
    name: 'submounts follow a moved mount',
    arrange: (k) => {
      tmpfs(k, 'A', '/a')
      k.mkdir('/a/x', 0o755)
      tmpfs(k, 'X', '/a/x')
      newRoot(k)
      k.mkdir('/new/run', 0o755)
    },
    act: (k) => move(k, '/a', '/new/run'),
    expect: ['/ bed on unlisted', '/new NEW on bed', '/new/run A on NEW', '/new/run/x X on A', '/proc proc on bed'],
  },
  {
    name: 'the bind trick and a later pivot_root',
    arrange: (k) => {
      bind(k, '/', '/c')
      move(k, '/proc', '/c/proc')
      k.chdir('/c')
      move(k, '.', '/')
      k.chroot('.')
      k.chdir('/')
      moved(k)
    },
    act: (k) => { k.chdir('/new'); k.pivotRoot('.', 'old'); k.chdir('/') },
    expect: ['/ NEW on unlisted', '/old bed on NEW', '/proc proc on NEW'],
  },
  {
    name: 'rbind of "/" leaves nothing out, and can be the new root',
    arrange: (k) => { tmpfs(k, 'A', '/a'); k.mkdir('/a/old', 0o755); rbind(k, '/', '/new') },
    act: (k) => { k.chdir('/new'); k.pivotRoot('.', 'c'); k.chdir('/'); k.umount2('/c', MNT_DETACH) },
    expect: ['/ bed on unlisted', '/a A on bed', '/proc proc on bed'],
  },
]

const onAbsolute: readonly Omit<ContractCase, 'bed'>[] = [
  {
    name: 'absolute root: pivot_root to a mount below',
    arrange: (k) => { tmpfs(k, 'NEW', '/dev/new'); k.mkdir('/dev/new/old', 0o755) },
    act: (k) => k.pivotRoot('/dev/new', '/dev/new/old'),
    expect: 'EINVAL',
  },
  { name: 'absolute root: put_old on the root mount is EBUSY first', act: (k) => k.pivotRoot('/dev', '/'), expect: 'EBUSY' },
  { name: 'absolute root: it cannot be moved', act: (k) => move(k, '/', '/dev/a'), expect: 'EINVAL' },
  { name: 'absolute root: its parent is itself', act: (k) => visible(k, '/dev/proc/self/mountinfo'), expect: ['/ absolute on itself', '/dev bed on absolute', '/dev/proc proc on bed'] },
  {
    name: 'absolute root: the bind trick makes it an ordinary mount, and then pivot_root works',
    arrange: (k) => {
      bind(k, '/', '/dev/a')
      k.chdir('/dev/a')
      move(k, '.', '/')
      k.chroot('.')
      k.chdir('/')
      tmpfs(k, 'NEW', '/dev')
      k.mkdir('/dev/old', 0o755)
      k.mkdir('/dev/proc', 0o755)
      k.mount('proc', '/dev/proc', 'proc', 0, null)
    },
    act: (k) => {
      k.chdir('/dev')
      k.pivotRoot('.', 'old')
      k.chdir('/')
      // The name of the absolute root's file system differs from kernel to kernel.
      return visible(k, '/proc/self/mountinfo').map((line) => line.replace(/^(\/old) \S+/, '$1 *'))
    },
    expect: ['/ NEW on unlisted', '/old * on NEW', '/proc proc on NEW'],
  },
  {
    name: 'absolute root: MS_MOVE and chroot',
    arrange: (k) => { tmpfs(k, 'NEW', '/dev/new'); k.mkdir('/dev/new/proc', 0o755); k.mount('proc', '/dev/new/proc', 'proc', 0, null) },
    act: (k) => { k.chdir('/dev/new'); k.mount('.', '/', null, 0x2000, null); k.chroot('.'); k.chdir('/'); return visible(k) },
    expect: ['/ NEW on unlisted', '/proc proc on NEW'],
  },
  {
    name: 'absolute root: a concealed one is reached by a descriptor',
    arrange: (k) => tmpfs(k, 'NEW', '/dev/new'),
    act: (k) => {
      const root = k.open('/', 0o200000)
      k.chdir('/dev/new')
      move(k, '.', '/')
      k.chroot('.')
      k.chdir('/')
      k.fchdir(root)
      k.chroot('.')
      k.chdir('/')
      move(k, '/..', '/dev/new')
    },
    expect: ['/ absolute on itself', '/dev bed on absolute', '/dev/new NEW on bed', '/dev/proc proc on bed'],
  },
  { name: 'absolute root: umount is EINVAL even lazily', act: (k) => k.umount2('/', MNT_DETACH), arrange: (k) => move(k, '/dev/proc', '/dev/a'), expect: 'EINVAL' },
  { name: 'absolute root: a bind of it has a parent', act: (k) => { k.mount('/', '/dev/a', null, MS_BIND, null); return [String(k.exists('/dev/a/dev'))] }, expect: ['true'] },
]

export const pivotCases: readonly ContractCase[] = [
  ...onMount.map((c) => ({ ...c, bed: 'mount' as const })),
  ...onAbsolute.map((c) => ({ ...c, bed: 'absolute' as const })),
]
