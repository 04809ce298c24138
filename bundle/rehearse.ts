// A boot that is only played, for the sake of V8's code cache: at the exec of init the functions that a boot calls are
// compiled, and the cache is made there. The machine is the model of the tests (src/kernel/model); between it and the
// program stands the program's own kernel, whose every call is made as well, on a C library and a node:fs that do
// nothing. So nothing of this machine is touched, and the same sources give the same cache.

import type vm from 'node:vm'
import { SyscallError } from '../src/kernel/errors.ts'
import type { Kernel } from '../src/kernel/kernel.ts'
import { file, populate, symlink } from '../src/kernel/model/vfs.ts'
import type { FileTree } from '../src/kernel/model/vfs.ts'
import { play } from '../src/boot/scripted-boot-for-tests.ts'
import { packageVersion } from './project.ts'

/** Where src/main.ts looks for what stands behind its kernel. */
const REHEARSAL = Symbol.for('fulcrum.rehearsal')
const RELEASE = '6.12.0-test'
const MODULES = `/lib/modules/${RELEASE}`
const EINTR = 4

/** An image with modules for the devices below, as the builder makes one. */
const files: FileTree = {
  '/etc/fulcrum/image.begin': file(''),
  '/etc/fulcrum/image.end': file(''),
  '/etc/fulcrum/image.json': file(JSON.stringify({ format: 1, fulcrum: '0', kernel: RELEASE, features: [], modules: [], generic: true })),
  [`${MODULES}/modules.dep`]: file('kernel/virtio_blk.ko: kernel/virtio.ko\nkernel/virtio.ko:\nkernel/virtio_pci.ko: kernel/virtio.ko\nkernel/ext4.ko: kernel/jbd2.ko kernel/crc16.ko\nkernel/jbd2.ko:\nkernel/crc16.ko:\nkernel/crc32c.ko:\nkernel/fb.ko:\n'),
  [`${MODULES}/modules.alias`]: file('# Aliases\nalias virtio:d00000002v* virtio_blk\nalias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\nalias pci:v*d*sv*sd*bc03sc*i* fb\nalias fs-ext4 ext4\n'),
  [`${MODULES}/modules.softdep`]: file('softdep ext4 pre: crc32c\n'),
  [`${MODULES}/modules.builtin`]: file('kernel/fs/proc.ko\n'),
  [`${MODULES}/modules.builtin.modinfo`]: file('ata.alias=pci:v*d*sv*sd*bc01sc06i*\0ata.file=drivers/ata/ata\0'),
  ...Object.fromEntries(['virtio_blk', 'virtio', 'virtio_pci', 'ext4', 'jbd2', 'crc16', 'crc32c', 'fb'].map((name) => [`${MODULES}/kernel/${name}.ko`, file('x')])),
}

/** What sysfs lists on two buses. */
const devices: FileTree = {
  '/devices/pci0/a/modalias': file('pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\n'),
  '/devices/pci0/a/virtio0/modalias': file('virtio:d00000002v00001AF4\n'),
  '/devices/pci0/b/modalias': file('pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00\n'),
  '/devices/pci0/c/modalias': file('pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01\n'),
  '/bus/pci/devices/0000:00:01.0': symlink('../../../devices/pci0/a'),
  '/bus/pci/devices/0000:00:02.0': symlink('../../../devices/pci0/b'),
  '/bus/pci/devices/0000:00:03.0': symlink('../../../devices/pci0/c'),
  '/bus/virtio/devices/virtio0': symlink('../../../devices/pci0/a/virtio0'),
}

/** koffi on a C library whose functions all answer `result()`. */
function emptyAddon(result: () => number): Record<string, unknown> {
  return {
    version: packageVersion('koffi'),
    load: () => ({ func: () => result }),
    view: (_: unknown, size: number) => new ArrayBuffer(size),
    errno: () => EINTR,
    os: { errno: { EINTR } },
  }
}

/** node:fs of a machine without files. Every loop over it ends. */
function emptyFs(): unknown {
  const stat = { dev: 0n, ino: 0n, mode: 0n, rdev: 0n, uid: 0n, gid: 0n, size: 0n }
  const answers: Record<string, unknown> = {
    existsSync: () => true, readFileSync: () => '', readdirSync: () => [], readlinkSync: () => '', statSync: () => stat, lstatSync: () => stat, fstatSync: () => stat,
    statfsSync: () => ({ type: 0, bsize: 0, blocks: 0, bfree: 0 }), realpathSync: { native: () => '' }, readSync: () => 0,
    writeSync: (_: number, bytes: Uint8Array) => bytes.length,
  }
  return new Proxy({}, { get: (_, name) => answers[String(name)] ?? (() => undefined) })
}

/** The process as the kernel starts /init, with the addon of an image. */
function emptyProcess(addon: Record<string, unknown>): unknown {
  return {
    pid: 1, ppid: 0, argv: ['/init', '/init'], argv0: '/init', execPath: '/init', arch: 'x64', platform: 'linux', env: { HOME: '/', TERM: 'linux' },
    versions: process.versions, on: () => undefined, umask: () => 0o22, stderr: { write: () => true }, stdout: { write: () => true }, exitCode: undefined,
    dlopen: (holder: { exports: unknown }) => { holder.exports = addon },
    getBuiltinModule: () => undefined,
  }
}

/** The class of the program's own SyscallError, and its calls made on nothing, before those of the machine. */
function behind(own: Kernel, machine: Kernel, fail: (fails: boolean) => void, atExec: () => void): Kernel {
  fail(true)
  try {
    own.umount2('/', 0)
  } catch (error) {
    // What the model throws shall be that class as well.
    if (error instanceof Error) Object.setPrototypeOf(SyscallError.prototype, Object.getPrototypeOf(error))
  }
  fail(false)
  return new Proxy(machine, {
    get: (target, name) => {
      const real: unknown = Reflect.get(target, name)
      const mine: unknown = Reflect.get(own, name)
      if (typeof real !== 'function' || typeof mine !== 'function') return real
      return (...args: unknown[]): unknown => {
        if (name === 'execve') atExec()
        try {
          Reflect.apply(mine, own, args)
        } catch {
          // It is compiled.
        }
        return Reflect.apply(real, target, args)
      }
    },
  })
}

/** V8's code cache of the program at the exec of init. Throws when the boot does not come so far. */
export function rehearsedCache(script: vm.Script): Buffer {
  let result = 0
  const cache: Buffer[] = []
  const played = play({
    absoluteRoot: true, commandLine: 'console=ttyS0 quiet root=UUID=11111111-2222-3333-4444-555555555555 ro', files,
    arrange: (model) => populate(model.world.sys, devices),
    boot: (machine) => {
      Reflect.set(globalThis, REHEARSAL, (own: Kernel) => behind(own, machine, (fails) => { result = fails ? -1 : 0 }, () => {
        if (cache.length === 0) cache.push(script.createCachedData())
      }))
      const modules = new Map([['node:fs', emptyFs()], ['node:sea', { isSea: () => true, getRawAsset: () => new ArrayBuffer(0) }]])
      const holder = { exports: {} }
      script.runInThisContext()(holder.exports, (id: string) => modules.get(id) ?? process.getBuiltinModule(id), holder, emptyProcess(emptyAddon(() => result)))
    },
  })
  const [made] = cache
  if (made === undefined) throw new Error(`Cannot rehearse a boot: it does not come to the exec of init:\n${played.output}`)
  return made
}
