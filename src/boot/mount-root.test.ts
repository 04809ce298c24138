// Mounting what was found: types in order, read-only as the last resort and only for the errors that mean it.
//
// A kernel of one call: mount(2) answers by type and flags.

import t from 'tap'
import { MS_NOATIME, MS_RDONLY } from '../abi/mount.ts'
import { errnoNumber, type ErrnoName } from '../abi/errno.ts'
import { SyscallError } from '../kernel/errors.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import { mountFilesystem, type Mounted, type MountRequest } from './mount-root.ts'

/** Tries the request; `answers` has the errno for 'TYPE rw' and 'TYPE ro'. */
function attempt(request: Partial<MountRequest>, answers: Readonly<Record<string, ErrnoName>> = {}): { mounted: Mounted | string; tried: string[]; prepared: string[] } {
  const tried: string[] = []
  const prepared: string[] = []
  const kernel = {
    ...createBootedModel(),
    mount: (source: string, target: string, fstype: string | null, flags: number, data: string | null): void => {
      const key = `${fstype} ${(flags & MS_RDONLY) === 0 ? 'rw' : 'ro'}`
      tried.push(key)
      const code = answers[key]
      if (code !== undefined) throw new SyscallError('mount', [source, target, fstype, flags, data], errnoNumber(code) ?? 0)
    },
  }
  try {
    const full = { source: '/dev/vda', target: '/sysroot', types: ['ext4'], options: '', readOnly: false, ...request }
    return { mounted: mountFilesystem(kernel, full, (type) => void prepared.push(type)), tried, prepared }
  } catch (error) {
    return { mounted: error instanceof SyscallError ? error.code : String(error), tried, prepared }
  }
}

t.test('read-write, read-only, options', async (t) => {
  t.strictSame(attempt({}).mounted, { type: 'ext4', flags: 0, data: null, fellBackToReadOnly: false })
  t.strictSame(attempt({ readOnly: true }).mounted, { type: 'ext4', flags: MS_RDONLY, data: null, fellBackToReadOnly: false })
  t.strictSame(attempt({ options: 'noatime,errors=panic', readOnly: true }).mounted, { type: 'ext4', flags: MS_RDONLY | MS_NOATIME, data: 'errors=panic', fellBackToReadOnly: false })
})

t.test('EROFS and EACCES fall back to read-only, other errors do not', async (t) => {
  for (const code of ['EROFS', 'EACCES'] as const) {
    t.strictSame(attempt({}, { 'ext4 rw': code }), { mounted: { type: 'ext4', flags: MS_RDONLY, data: null, fellBackToReadOnly: true }, tried: ['ext4 rw', 'ext4 ro'], prepared: ['ext4'] })
  }
  for (const code of ['EINVAL', 'EUCLEAN', 'EIO', 'ENODEV', 'EBUSY', 'EPERM'] as const) {
    t.match(attempt({}, { 'ext4 rw': code }), { mounted: code, tried: ['ext4 rw'] })
  }
  t.match(attempt({}, { 'ext4 rw': 'EROFS', 'ext4 ro': 'EIO' }), { mounted: 'EIO', tried: ['ext4 rw', 'ext4 ro'] })
  t.match(attempt({ readOnly: true }, { 'ext4 ro': 'EACCES' }), { mounted: 'EACCES', tried: ['ext4 ro'] }, 'there is nothing to fall back to')
})

t.test('types in order, each made known first; the last error is the one that is told', async (t) => {
  t.match(attempt({ types: ['xfs', 'btrfs', 'ext4'] }, { 'xfs rw': 'EINVAL', 'btrfs rw': 'ENODEV' }), {
    mounted: { type: 'ext4' }, tried: ['xfs rw', 'btrfs rw', 'ext4 rw'], prepared: ['xfs', 'btrfs', 'ext4'],
  })
  t.match(attempt({ types: ['xfs', 'ext4'] }, { 'xfs rw': 'EINVAL', 'ext4 rw': 'EUCLEAN' }).mounted, 'EUCLEAN')
  t.match(attempt({ types: [] }).mounted, /Cannot mount '\/dev\/vda': no file system type is known/)
})

t.test('types that are never written are mounted read-only at once', async (t) => {
  for (const type of ['erofs', 'squashfs', 'iso9660', 'cramfs', 'romfs']) {
    t.match(attempt({ types: [type] }), { mounted: { type, flags: MS_RDONLY, fellBackToReadOnly: true }, tried: [`${type} ro`] })
    t.match(attempt({ types: [type], readOnly: true }).mounted, { fellBackToReadOnly: false }, 'as asked')
  }
})

t.test('9p needs a transport and a version, unless the options have them', async (t) => {
  const data = (options: string): string | null => {
    const { mounted } = attempt({ source: 'share', types: ['9p'], options })
    return typeof mounted === 'string' ? mounted : mounted.data
  }
  t.equal(data(''), 'trans=virtio,version=9p2000.L')
  t.equal(data('trans=fd,msize=1000'), 'version=9p2000.L,trans=fd,msize=1000')
  t.equal(data('version=9p2000.u,trans=tcp'), 'version=9p2000.u,trans=tcp')
})
