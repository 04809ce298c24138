// A small world for the tests of replacements: a shared mount with an old file system on it, and ways to look at it.
//
// In the private mount namespace that the test runner gives a *.ns.test.ts; /run is a tmpfs of its own there.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { AT_FDCWD, MNT_DETACH, MOVE_MOUNT_BENEATH, MOVE_MOUNT_T_EMPTY_PATH, MS_PRIVATE, MS_SHARED } from '../abi/mount.ts'
import { Trace } from '../execute/trace.ts'
import type { ReplaceRequest, ReplaceSource } from '../facts/replace/replace-types.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'

export const kernel = createKoffiKernel()
export const trace = (): Trace => new Trace(() => kernel.monotonicUs())

/** A request with nothing asked for but the source and the target. */
export function request(source: ReplaceSource | string, target: string, more: Partial<ReplaceRequest> = {}): ReplaceRequest {
  return {
    source: typeof source === 'string' ? { kind: 'path', path: source, recursive: false } : source, target,
    fstype: null, options: '', submounts: 'carry', makeMountPoints: false, keepOld: false, keepForRollback: false, allowWindow: false, ...more,
  }
}

export interface World {
  readonly base: string
  /** Mount point of the old file system: marker '1', a submount on 'sub'. */
  readonly target: string
  /** Makes a directory with a marker, and a place for the submount. */
  version(marker: string): string
  marker(): string
  /** The lines of mountinfo below the base and /run, without ids if asked. */
  tree(plain?: boolean): string
  end(): void
}

export function makeWorld(parent: 'shared' | 'private' = 'shared'): World {
  kernel.mount('run', '/run', 'tmpfs', 0, 'mode=0755')
  kernel.mount('none', '/run', null, MS_PRIVATE, null)
  const base = mkdtempSync('/tmp/fulcrum-replace-')
  kernel.mount('world', base, 'tmpfs', 0, null)
  kernel.mount('none', base, null, parent === 'shared' ? MS_SHARED : MS_PRIVATE, null)
  const target = `${base}/usr`
  mkdirSync(target)
  writeFileSync(`${target}/marker`, 'below')
  kernel.mount('old', target, 'tmpfs', 0, null)
  writeFileSync(`${target}/marker`, '1')
  mkdirSync(`${target}/sub`)
  kernel.mount('sub', `${target}/sub`, 'tmpfs', 0, null)
  writeFileSync(`${target}/sub/marker`, 'sub')
  mkdirSync(`${target}/sub/inner`)
  kernel.mount('inner', `${target}/sub/inner`, 'tmpfs', 0, null)
  writeFileSync(`${target}/sub/inner/marker`, 'inner')
  return {
    base, target,
    version: (marker) => {
      const path = mkdtempSync(`${base}/version-`)
      writeFileSync(`${path}/marker`, marker)
      mkdirSync(`${path}/sub`)
      return path
    },
    marker: () => readFileSync(`${target}/marker`, 'utf8'),
    tree: (plain = false) => {
      const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(base) || line.includes(' /run'))
      return (plain ? lines.map((line) => line.replace(/^\d+ \d+ /, '').replaceAll(/:\d+ - /g, ': - ')).sort() : lines).join('\n')
    },
    end: () => {
      kernel.umount2(base, MNT_DETACH)
      rmSync(base, { recursive: true })
      kernel.umount2('/run', MNT_DETACH)
    },
  }
}

/** What must be the same after a failure. */
export function footprint(world: World, plain = false): string {
  const loops = readdirSync('/sys/block').filter((name) => name.startsWith('loop')).map((name) => {
    try {
      const file = readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8')
      return file.includes(world.base) ? file : ''
    } catch {
      return ''
    }
  })
  const list = (path: string): string[] => {
    try {
      return readdirSync(path)
    } catch {
      return ['none']
    }
  }
  const descriptors = list('/proc/self/fd').length
  return [world.tree(plain), loops.join(''), String(descriptors), ...list('/run/fulcrum/replace'), readlinkSync('/proc/self/ns/mnt'), process.cwd()].join('\n')
}

/** The kernel, in which the call with that number throws EIO, once; counts all calls, or those of one name, from the call of `arm`. */
export function failingKernel(at: number, only: keyof Kernel | null = null): { readonly kernel: Kernel; readonly arm: () => void; readonly failed: () => string | null } {
  let [count, armed] = [0, false]
  let failed: string | null = null
  const proxy = new Proxy(kernel, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        const counts = only === null ? name !== 'close' && name !== 'monotonicUs' : name === only
        if (armed && counts && count++ === at) {
          failed = String(name)
          throw new SyscallError(String(name), ['injected'], 5)
        }
        return Reflect.apply(value, of, args)
      }
    },
  })
  return { kernel: proxy, arm: () => { armed = true }, failed: () => failed }
}

/** The kernel as it was before 6.15: nothing can be attached to a detached mount. */
export function withoutDetached(of: Kernel): Kernel {
  return new Proxy(of, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        const [, from, to, , flags] = args
        if (name === 'moveMount' && from === '' && to !== AT_FDCWD && flags === (MOVE_MOUNT_T_EMPTY_PATH | 4)) throw new SyscallError('move_mount', ['refused'], 22)
        return Reflect.apply(value, target, args)
      }
    },
  })
}

/** The kernel as it was before 6.5. */
export function withoutBeneath(of: Kernel): Kernel {
  return new Proxy(of, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        const flags = args[4]
        if (name === 'moveMount' && typeof flags === 'number' && (flags & MOVE_MOUNT_BENEATH) !== 0) throw new SyscallError('move_mount', ['refused'], 22)
        return Reflect.apply(value, target, args)
      }
    },
  })
}

/** A process in a namespace of its own, with the propagation that unshare(1) is told. */
export async function inNamespace(propagation: 'slave' | 'private' | 'unchanged'): Promise<{ readonly pid: number; readonly read: (path: string) => string; readonly end: () => Promise<void> }> {
  const child: ChildProcess = spawn('unshare', ['-m', '--propagation', propagation, 'sh', '-c', 'echo; exec sleep 3600'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  const pid = child.pid ?? 0
  // A test that fails half-way must not wait for it.
  child.stdout?.destroy()
  child.unref()
  process.once('exit', () => child.kill('SIGKILL'))
  return {
    pid,
    read: (path) => readFileSync(`/proc/${pid}/root${path}`, 'utf8'),
    end: () => new Promise((resolve) => {
      child.ref()
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    }),
  }
}
