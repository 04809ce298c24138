// Mounts a found root (or /usr) and says exactly why when it cannot.
//
// The type comes from rootfstype= or from the superblock. A read-only device or file system turns a
// "rw" into "ro", as the kernel's own root mount does, and says so.  mount(2), fstab(5); init/do_mounts.c.

import { MS_RDONLY } from '../abi/mount.ts'
import { parseMountOptions } from '../facts/mount-options.ts'
import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** What to mount where. `source` is a device path or a tag. */
export interface MountRequest {
  readonly source: string
  readonly target: string
  /** Types to try in order; never empty. */
  readonly types: readonly string[]
  /** Comma-separated, as in fstab; may be empty. */
  readonly options: string
  readonly readOnly: boolean
}

export interface Mounted {
  readonly type: string
  readonly flags: number
  readonly data: string | null
  /** True when "rw" was asked for and only "ro" could be had. */
  readonly fellBackToReadOnly: boolean
}

/** Types that have no other mode. */
const READ_ONLY_TYPES: readonly string[] = ['erofs', 'squashfs', 'iso9660', 'cramfs', 'romfs']
const DEFAULT_DATA: Readonly<Record<string, string>> = { '9p': 'trans=virtio,version=9p2000.L' }

function dataFor(type: string, data: string | null): string | null {
  const fallback = DEFAULT_DATA[type]
  if (fallback === undefined) return data
  const given = (data ?? '').split(',').filter((option) => option !== '')
  const added = fallback.split(',').filter((option) => !given.some((g) => g.startsWith(`${option.split('=', 1)[0]}=`)))
  return [...added, ...given].join(',')
}

/** Tries the types in order. Throws the error of the last one; `prepareType` loads its module first. */
export function mountFilesystem(kernel: Kernel, request: MountRequest, prepareType: (type: string) => void): Mounted {
  const parsed = parseMountOptions(request.options, request.readOnly ? MS_RDONLY : 0)
  let last: unknown = new Error(`Cannot mount '${request.source}': no file system type is known`)
  for (const type of request.types) {
    prepareType(type)
    const data = dataFor(type, parsed.data)
    const flags = READ_ONLY_TYPES.includes(type) ? parsed.flags | MS_RDONLY : parsed.flags
    try {
      kernel.mount(request.source, request.target, type, flags, data)
      return { type, flags, data, fellBackToReadOnly: (flags & MS_RDONLY) !== (parsed.flags & MS_RDONLY) }
    } catch (error) {
      last = error
      if (!isErrno(error, 'EACCES', 'EROFS') || (flags & MS_RDONLY) !== 0) continue
    }
    try {
      kernel.mount(request.source, request.target, type, flags | MS_RDONLY, data)
      return { type, flags: flags | MS_RDONLY, data, fellBackToReadOnly: true }
    } catch (error) {
      last = error
    }
  }
  throw last
}
