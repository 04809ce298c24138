// A modelled machine as it is right before a switch of root: API mounts done, a real root on /sysroot.
//
// What most tests of planning, switching and rescue start from.

import { elfFile } from './exec.ts'
import { createModelKernel, type ModelKernel } from './model-kernel.ts'
import { dir, executable, file, symlink, type FileTree } from './vfs.ts'
import type { WorldOptions } from './world.ts'

/** Files of the initramfs, as the builder lays them out, in small. */
export const initramfsFiles: FileTree = {
  '/bin/fulcrum': executable(elfFile()),
  '/init': executable(elfFile()),
  '/etc/initrd-release': file('ID=fulcrum\n'),
  '/lib/libc.so.6': file('x'.repeat(4096)),
  '/dev': dir(), '/proc': dir(), '/sys': dir(), '/run': dir(), '/sysroot': dir(), '/tmp': dir(0o1777),
}

/** Files of a real root with systemd behind a symbolic link. */
export const rootFiles: FileTree = {
  '/usr/lib/systemd/systemd': executable(elfFile({ interpreter: '/lib64/ld-linux-x86-64.so.2' })),
  '/usr/lib64/ld-linux-x86-64.so.2': executable(elfFile()),
  '/lib64': symlink('usr/lib64'),
  '/sbin/init': symlink('../usr/lib/systemd/systemd'),
  '/bin/sh': executable(elfFile()),
  '/bin/script': executable('#!/no/such/interpreter\n'),
  '/bin/arm': executable(elfFile({ machine: 183 })),
  '/etc/fstab': file(''),
  '/dev': dir(), '/proc': dir(), '/sys': dir(), '/run': dir(),
}

export interface BootedOptions extends Partial<WorldOptions> {
  /** Files of the real root instead of `rootFiles`. */
  readonly root?: FileTree
  /** Whether the API file systems are mounted, default true. */
  readonly api?: boolean
}

/** PID 1's door to such a machine. Its descriptors 0 to 2 are /dev/console. */
export function createBootedModel(options: BootedOptions = {}): ModelKernel {
  const k = createModelKernel({ absoluteRoot: false, files: initramfsFiles, ...options })
  k.world.addDisk('vda', { major: 254, minor: 0, fstype: 'ext4', files: options.root ?? rootFiles })
  k.mount('devtmpfs', '/dev', 'devtmpfs', 0, null)
  for (const fd of [0, 1, 2]) if (k.open('/dev/console', 2) !== fd) throw new Error(`descriptor ${fd} is taken`)
  for (const fd of k.proc.fds.values()) fd.cloexec = false
  k.mount('/dev/vda', '/sysroot', 'ext4', 0, null)
  if (options.api === false) {
    k.umount2('/dev', 2)
    return k
  }
  k.mount('proc', '/proc', 'proc', 0, null)
  k.mount('sysfs', '/sys', 'sysfs', 0, null)
  k.mount('run', '/run', 'tmpfs', 0, null)
  k.mkdir('/dev/pts', 0o755)
  k.mount('devpts', '/dev/pts', 'devpts', 0, null)
  return k
}
