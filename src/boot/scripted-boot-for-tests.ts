// A whole boot on the model kernel: bootForever with lines typed at the rescue console.
//
// Nothing that is thrown leaves bootForever, so a script ends where PID 1 would wait for ever: reading past
// the last typed line sleeps, and the sleep of this machine ends it. An exec is recorded with what the new
// init would find; the boot then sees it as an execve that failed.

import { parseCommandLine } from '../facts/cmdline.ts'
import { errnoNumber, type ErrnoName } from '../abi/errno.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { initramfsFiles, rootFiles } from '../kernel/model/booted.ts'
import { createModelKernel } from '../kernel/model/model-kernel.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import type { Inherited } from '../kernel/model/process-calls.ts'
import { charDevice, file, populate, symlink } from '../kernel/model/vfs.ts'
import type { FileTree } from '../kernel/model/vfs.ts'
import { visible } from '../kernel/contract/case.ts'
import { bootForever } from './boot.ts'
import { ext4Disk } from './devices/fake-kernel-for-tests.ts'
import { recordStartState } from './hand-over.ts'
import { createLog } from './log.ts'

/** Thrown where PID 1 waits for ever. */
export class Waiting extends Error {}

const DISK_UUID = '11111111-2222-3333-4444-555555555555'

export interface Machine {
  readonly commandLine?: string
  /** Linux before 7.0: the initramfs is the absolute root. */
  readonly absoluteRoot?: boolean
  /** Lines typed at the rescue console, in order. */
  readonly typed?: readonly string[]
  /** More files of the initramfs, and the files of the disk 'vda'. */
  readonly files?: FileTree
  readonly root?: FileTree
  /** False: no disk. */
  readonly disk?: boolean
  /** Last changes before the start: injected failures, programs, missing files of /proc. */
  readonly arrange?: (kernel: ModelKernel) => void
  /** Runs the boot in place of bootForever of these sources. */
  readonly boot?: (kernel: Kernel) => void
  /** Every execve fails with this. */
  readonly execErrno?: ErrnoName
}

/** What an exec would have handed over. */
export interface Handed {
  readonly inherited: Inherited
  readonly mounts: readonly string[]
  readonly record: string
  /** What the descriptor behind --deserialize holds. */
  readonly serialization: string | null
}

export interface Played {
  readonly model: ModelKernel
  /** Everything that was printed. */
  readonly output: string
  readonly execs: readonly Handed[]
  /** Typed lines that nobody read. */
  readonly left: readonly string[]
}

/** A disk that is not as usual. */
export interface PluggedDisk {
  readonly name: string
  readonly minor: number
  readonly files?: FileTree
  /** Its bytes for probing; an ext4 superblock labelled 'root' by default. */
  readonly data?: Uint8Array
  readonly corrupt?: boolean
  readonly writeProtected?: boolean
  /** What sysfs says in 'ro'. */
  readonly readOnly?: boolean
  /** The disk that it is a partition of. */
  readonly parent?: string
}

/** Makes a disk known to sysfs and /dev: 'vda', ext4 with a Debian-like root, unless told otherwise. */
export function plugDisk(model: ModelKernel, disk: PluggedDisk = { name: 'vda', minor: 0 }): void {
  const { name, minor, files = rootFiles, data = ext4Disk(DISK_UUID, 'root'), corrupt = false, writeProtected = false, readOnly = false, parent } = disk
  const directory = parent === undefined ? `/class/block/${name}` : `/devices/virtual/block/${parent}/${name}`
  const type = parent === undefined ? 'DEVTYPE=disk\n' : `DEVTYPE=partition\nPARTN=${name.slice(parent.length)}\n`
  model.world.addDisk(name, { major: 254, minor, fstype: 'ext4', files, data, corrupt, writeProtected })
  populate(model.world.sys, {
    [`${directory}/uevent`]: file(`MAJOR=254\nMINOR=${minor}\nDEVNAME=${name}\n${type}DISKSEQ=${minor + 1}\n`),
    [`${directory}/size`]: file(`${data.length / 512}\n`),
    [`${directory}/ro`]: file(readOnly ? '1\n' : '0\n'),
    ...(parent === undefined ? {} : { [`/class/block/${name}`]: symlink(`../..${directory}`) }),
  })
}

function textIfThere(kernel: Kernel, path: string): string {
  return kernel.exists(path) ? kernel.readText(path) : ''
}

function recordExec(model: ModelKernel, inherited: Inherited): Handed {
  const at = inherited.argv.indexOf('--deserialize')
  const fd = at < 0 ? undefined : inherited.argv[at + 1]
  return {
    inherited,
    mounts: model.exists('/proc/self/mountinfo') ? visible(model) : [],
    record: textIfThere(model, '/run/fulcrum/boot.json'),
    serialization: fd === undefined ? null : model.readText(`/proc/self/fd/${fd}`),
  }
}

/** Boots the machine until it waits for ever. Whatever else leaves bootForever is thrown on. */
export function play(machine: Machine): Played {
  const { commandLine = 'root=/dev/vda rw rd.timeout=5', typed = [], absoluteRoot = false } = machine
  const model = createModelKernel({ absoluteRoot, files: { ...initramfsFiles, '/dev/console': charDevice(5, 1), ...machine.files } })
  const { world } = model
  world.procTexts.set('cmdline', `${commandLine}\n`)
  world.procTexts.set('meminfo', 'MemTotal:         262144 kB\nMemFree:            1024 kB\nMemAvailable:       512 kB\nBuffers: 0 kB\n')
  world.procTexts.set('sys/kernel/osrelease', '6.12.0-test\n')
  if (machine.disk !== false) plugDisk(model, { name: 'vda', minor: 0, ...(machine.root === undefined ? {} : { files: machine.root }) })
  for (const fd of [0, 1, 2]) if (model.open('/dev/console', 2) !== fd) throw new Error(`descriptor ${fd} is taken`)
  for (const slot of model.proc.fds.values()) slot.cloexec = false
  // As Node leaves them.
  model.proc.ignoredSignals.add(13).add(25)
  model.setSoftLimit(7, 4096n)
  machine.arrange?.(model)

  const lines = [...typed]
  const execs: Handed[] = []
  const kernel: Kernel = {
    ...model,
    poll: (fds, timeoutMs) => (fds.some((fd) => fd === 0) ? fds.map((fd) => ({ fd, revents: 1 })) : model.poll(fds, timeoutMs)),
    read: (fd: Fd, into, position) => {
      if (fd !== 0) return model.read(fd, into, position)
      const line = lines.shift()
      if (line === undefined) return 0
      const bytes = Buffer.from(`${line}\n`)
      into.set(bytes)
      return bytes.length
    },
    sleepMs: () => {
      throw new Waiting('PID 1 waits')
    },
    execve: (path, argv, env) => {
      const errno = machine.execErrno
      if (errno !== undefined) throw new SyscallError('execve', [path], errnoNumber(errno) ?? 0)
      try {
        return model.execve(path, argv, env)
      } catch (error) {
        if (error instanceof ExecCalled) execs.push(recordExec(model, error.inherited))
        throw error
      }
    },
  }
  const env = { HOME: '/', TERM: 'linux', ...Object.fromEntries(parseCommandLine(commandLine).words.map((w) => [w.key, w.value ?? ''])) }
  try {
    if (machine.boot !== undefined) machine.boot(kernel)
    else bootForever({ kernel, log: createLog(kernel), start: recordStartState(kernel), argv: ['/init'], env, arch: 'x64', returned: null })
  } catch (error) {
    if (!(error instanceof Waiting)) throw error
  }
  return { model, output: world.consoleOutput.join(''), execs, left: lines }
}

/** A device that appears while PID 1 waits: the node, sysfs and the uevent of it. */
export function plugDiskLater(model: ModelKernel, afterMs: number): void {
  model.world.after(BigInt(afterMs) * 1000n, () => {
    plugDisk(model)
    const strings = ['add@/devices/virtual/block/vda', 'ACTION=add', 'DEVPATH=/devices/virtual/block/vda', 'SUBSYSTEM=block', 'DEVNAME=vda', 'DEVTYPE=disk', 'SEQNUM=1']
    model.world.uevents.push(Buffer.from(strings.map((s) => `${s}\0`).join('')))
  })
}
