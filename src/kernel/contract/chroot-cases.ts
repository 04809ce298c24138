// Contract of pivot_root(2) in a chroot to a mount: the arrangement of LTP's pivot_root01 and its errno table.
//
// EPERM is not among them, because the model knows no capabilities: src/kernel/oracles has it for the running kernel.

import { MNT_DETACH } from '../../abi/mount.ts'
import { tmpfs, type ContractCase } from './case.ts'
import type { Kernel } from '../kernel.ts'

/** "/" is a tmpfs, entered by chroot, with another one on /new_root. */
const chrooted = (k: Kernel): void => {
  tmpfs(k, 'OUTER', '/a')
  k.chroot('/a')
  k.chdir('/')
  k.mkdir('/new_root', 0o777)
  tmpfs(k, 'NEW', '/new_root')
  k.writeFile('/outer', '')
}

/** What lies at the root, and what at the old one. */
const seen = (k: Kernel, ...paths: readonly string[]): string[] => paths.filter((path) => k.exists(path))

export const chrootCases: readonly ContractCase[] = [
  {
    name: 'in a chroot to a mount: pivot_root moves that root, not the one around it',
    arrange: (k: Kernel) => { chrooted(k); k.mkdir('/new_root/put_old', 0o777) },
    act: (k: Kernel) => {
      k.pivotRoot('/new_root', '/new_root/put_old')
      k.chdir('/')
      return seen(k, '/put_old/outer', '/put_old/plain', '/outer', '/new_root')
    },
    expect: ['/put_old/outer'],
  },
  {
    name: 'in a chroot to a mount: the old root can be unmounted',
    arrange: (k: Kernel) => { chrooted(k); k.mkdir('/new_root/put_old', 0o777) },
    act: (k: Kernel) => {
      k.pivotRoot('/new_root', '/new_root/put_old')
      k.chdir('/')
      k.umount2('/put_old', MNT_DETACH)
      return [...seen(k, '/put_old', '/put_old/outer')]
    },
    expect: ['/put_old'],
  },
  {
    name: 'in a chroot to a mount: new_root on the current root',
    arrange: (k: Kernel) => { chrooted(k); k.umount2('/new_root', 0); k.mkdir('/new_root/put_old', 0o777) },
    act: (k: Kernel) => k.pivotRoot('/new_root', '/new_root/put_old'),
    expect: 'EBUSY' as const,
  },
  {
    name: 'in a chroot to a mount: put_old on a mount that is not below new_root',
    arrange: (k: Kernel) => { chrooted(k); k.mkdir('/fs', 0o777); tmpfs(k, 'FS', '/fs'); k.mkdir('/fs/put_old', 0o777) },
    act: (k: Kernel) => k.pivotRoot('/new_root', '/fs/put_old'),
    expect: 'EINVAL' as const,
  },
  {
    name: 'in a chroot to a mount: put_old is a file',
    arrange: (k: Kernel) => { chrooted(k); k.writeFile('/new_root/put_old', '') },
    act: (k: Kernel) => k.pivotRoot('/new_root', '/new_root/put_old'),
    expect: 'ENOTDIR' as const,
  },
].map((c) => ({ ...c, bed: 'mount' as const }))
