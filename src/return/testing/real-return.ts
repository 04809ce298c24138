// There and back on the running kernel, far from the host's: run by return.ns.test.ts as PID 1 of a namespace.
//
// "/" becomes a private tmpfs that looks like an initramfs, the root is another tmpfs, and the host's root is out of
// reach. What is seen is printed as lines of JSON. Arguments: an empty directory; 'pivot', 'move', or 'concealed' (move,
// and the initramfs is the root directory of a process only); 'private' or 'shared'.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { INITIAL_PID_NAMESPACE } from '../../abi/namespaces.ts'
import { errnoNumber } from '../../abi/errno.ts'
import { MNT_DETACH, MS_PRIVATE, MS_REC, MS_SHARED } from '../../abi/mount.ts'
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from '../../abi/process.ts'
import { executePlan, StepError } from '../../execute/execute.ts'
import { Trace } from '../../execute/trace.ts'
import { readSwitchFacts } from '../../facts/switch-facts.ts'
import type { EngineChoice, SwitchRequest } from '../../facts/switch-types.ts'
import { visible } from '../../kernel/contract/case.ts'
import { isErrno, SyscallError } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { createKoffiKernel } from '../../kernel/koffi-kernel.ts'
import { planSwitch } from '../../plan/switch.ts'
import { enterInitramfs, isInitramfs } from '../enter.ts'
import { leaveChroot } from '../leave-chroot.ts'

const [, , bed, way, propagation] = process.argv
const engine = way === 'pivot' ? 'pivot' : 'move'
if (bed === undefined) throw new Error('Cannot run: arguments are DIRECTORY ENGINE PROPAGATION')
const real = createKoffiKernel()

/** The running kernel, but this is the machine's own pid namespace, and the mount call of that number fails. */
function door(failMount = -1): Kernel {
  let mounts = 0
  return new Proxy(real, {
    get(target, key): unknown {
      if (key === 'readlink') return (path: string) => (path === '/proc/self/ns/pid' ? INITIAL_PID_NAMESPACE : target.readlink(path))
      const found: unknown = Reflect.get(target, key)
      if (typeof found !== 'function') return found
      return (...args: unknown[]): unknown => {
        if (key === 'mount' && mounts++ === failMount) throw new SyscallError('mount', [], errnoNumber('EIO') ?? 5)
        return Reflect.apply(found, target, args)
      }
    },
  })
}

const k = door()
const say = (line: Record<string, unknown>): void => void fs.writeSync(1, `${JSON.stringify(line)}\n`)
const shell = (process.env['SHELL_FILES'] ?? '').split(' ').map((path) => ({ path, bytes: fs.readFileSync(path) }))

function fill(root: string): void {
  for (const { path, bytes } of shell) {
    fs.mkdirSync(join(root, path, '..'), { recursive: true })
    fs.writeFileSync(join(root, path), bytes, { mode: 0o755 })
  }
  for (const path of ['proc', 'dev', 'run', 'etc', 'sys']) fs.mkdirSync(join(root, path), { recursive: true })
}

function mountRoot(): void {
  k.mount('NEW', '/sysroot', 'tmpfs', 0, null)
  fill('/sysroot')
}

/** All mounts of the namespace, hidden ones as well; null before Linux 6.12. ioctl_nsfs(2), NS_MNT_GET_INFO. */
function countMounts(): number | null {
  const fd = k.open('/proc/self/ns/mnt', O_RDONLY)
  try {
    const info = new Uint8Array(16)
    new DataView(info.buffer).setUint32(0, info.length, true)
    k.ioctl(fd, 0x8010b70a, info)
    return new DataView(info.buffer).getUint32(4, true)
  } catch {
    return null
  } finally {
    k.close(fd)
  }
}

function forward(by: EngineChoice): void {
  const request: SwitchRequest = {
    newRoot: '/sysroot', engine: by, keep: 'full', init: ['/bin/sh'], initArgs: [], env: {}, console: null,
    dropCapabilities: [], timestamps: false, requirePid1: true, secrets: [],
  }
  const { plan, refusal } = planSwitch(request, readSwitchFacts(k, request, process.arch))
  if (plan === null) throw new Error(refusal.detail)
  executePlan(k, plan, new Trace(() => k.monotonicUs()), new Map())
}

function hasReader(fifo: string): boolean {
  try {
    k.close(k.open(fifo, O_WRONLY | O_NONBLOCK))
    return true
  } catch (error) {
    if (!isErrno(error, 'ENXIO')) throw error
    return false
  }
}

k.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
k.mount('bed', bed, 'tmpfs', 0, null)
for (const path of ['proc', 'sys', 'dev', 'run', 'sysroot', 'oldroot', 'host', 'etc']) fs.mkdirSync(join(bed, path))
for (const path of ['init', 'shutdown', 'etc/initrd-release']) fs.writeFileSync(join(bed, path), '', { mode: 0o755 })
k.chdir(bed)
k.pivotRoot('.', 'host')
k.chdir('/')
for (const [source, at, type] of [['proc', '/proc', 'proc'], ['DEV', '/dev', 'tmpfs'], ['RUN', '/run', 'tmpfs']] as const) k.mount(source, at, type, 0, null)
k.umount2('/host', MNT_DETACH)
k.rmdir('/host')
mountRoot()
if (way === 'concealed') {
  fill('/')
  k.mknod('/dev/null', 0o020666, 0x103n)
  k.mknod('/dev/fifo', 0o010600, 0n)
  spawn('/bin/sh', ['-c', 'exec 3<>/dev/fifo; read -r line <&3'], { stdio: 'ignore' })
  // It opens the fifo in /dev, which is about to be carried away.
  while (!hasReader('/dev/fifo')) k.sleepMs(1)
}
forward(engine)
if (way === 'concealed') for (const at of ['/run/initramfs', '/run/rootfs']) k.umount2(at, MNT_DETACH)
if (propagation === 'shared') k.mount('none', '/', null, MS_REC | MS_SHARED, null)
const sorted = (): string[] => visible(k)

// Each mount of the way in fails once: everything is as it was.
const before = sorted()
for (let n = 0; ; n += 1) {
  try {
    enterInitramfs(door(n), (line) => say({ complaint: line }))
    break
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    say({ undone: n, same: JSON.stringify(sorted()) === JSON.stringify(before), initramfs: isInitramfs(k) })
  }
}
for (let round = 1; round <= 5; round += 1) {
  say({ round, initramfs: isInitramfs(k), oldroot: k.exists('/oldroot/bin/sh'), run: k.readdir('/run'), mounts: sorted(), count: countMounts() })
  k.umount2('/oldroot', 0)
  mountRoot()
  forward('auto')
  say({ round, root: sorted() })
  if (round === 5) break
  k.chroot('/run/rootfs')
  k.chdir('/')
  say({ round, chroot: isInitramfs(k), left: leaveChroot(k), after: isInitramfs(k) })
  enterInitramfs(k, (line) => say({ complaint: line }))
}
process.exit(0)
