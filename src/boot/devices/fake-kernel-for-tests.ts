// A machine for the tests of this folder: files in memory, modules that make devices appear, a clock
// that only moves when somebody waits, and uevents at chosen times.
//
// Test helper. Implements the narrow DeviceKernel under the same errors as the real one.

import { errnoNumber } from '../../abi/errno.ts'
import { SyscallError, type SyscallArg } from '../../kernel/errors.ts'
import { toFd, type Fd, type FileStat } from '../../kernel/kernel.ts'
import type { DeviceKernel } from './device-kernel.ts'

type Content = string | Uint8Array

/** What happens when a module is loaded: nothing, an effect, or an errno. */
export type ModuleEffect = (() => void) | string

export class FakeDeviceKernel implements DeviceKernel {
  readonly files = new Map<string, Content>()
  readonly links = new Map<string, string>()
  /** Every module handed to finit_module(2), with its parameters and flags, in order. */
  readonly loaded: string[] = []
  readonly effects = new Map<string, ModuleEffect>()
  /** Every path that was opened. */
  readonly opened: string[] = []
  readonly ioctls: { request: number; argument: Uint8Array }[] = []
  readonly made: string[] = []
  /** Clock in microseconds. */
  nowUs = 1_000_000n
  /** How long each module takes. */
  moduleUs = 0n
  #schedule: { atUs: bigint; run: () => void }[] = []
  #packets: (Uint8Array | 'ENOBUFS')[] = []
  #fds = new Map<number, { path: string; content: Content; offset: number }>()
  #nextFd = 10

  /** Adds files; directories exist by being a prefix. */
  add(files: Readonly<Record<string, Content>>): this {
    for (const [path, content] of Object.entries(files)) this.files.set(path, content)
    return this
  }
  /** A disk or partition in sysfs with a node in /dev. `parent` is the disk's name. */
  addBlock(name: string, number: string, content: Uint8Array, parent: string | null = null, uevent = ''): this {
    const [major, minor] = number.split(':')
    const directory = `/sys/class/block/${name}`
    const partition = parent === null ? '' : `PARTN=${/\d+$/.exec(name)?.[0] ?? ''}\n`
    const kind = parent === null ? 'disk' : 'partition'
    this.links.set(directory, `../../devices/virtual/block/${parent === null ? name : `${parent}/${name}`}`)
    this.links.set(`/sys/dev/block/${number}`, `../../devices/virtual/block/${name}`)
    return this.add({
      [`${directory}/uevent`]: `MAJOR=${major ?? ''}\nMINOR=${minor ?? ''}\nDEVNAME=${name}\nDEVTYPE=${kind}\n${partition}${uevent}`,
      [`${directory}/size`]: `${content.length / 512}\n`,
      [`${directory}/ro`]: '0\n',
      [`/dev/${name}`]: content,
    })
  }
  /** A device on a bus with its modalias. */
  addBusDevice(bus: string, name: string, modalias: string): this {
    return this.add({ [`/sys/bus/${bus}/devices/${name}/modalias`]: `${modalias}\n` })
  }
  /** Modules of the kernel 'K': name to what it needs, with aliases and soft dependencies as depmod writes them. */
  addModules(needs: Readonly<Record<string, readonly string[]>>, aliases: Readonly<Record<string, string>> = {}, softdep = '', suffix = '.ko'): this {
    const dep = Object.entries(needs).map(([name, on]) => `kernel/${name}${suffix}: ${on.map(n => `kernel/${n}${suffix}`).join(' ')}`)
    const alias = Object.entries(aliases).map(([pattern, module]) => `alias ${pattern} ${module}`)
    for (const name of Object.keys(needs)) this.add({ [`/lib/modules/K/kernel/${name}${suffix}`]: name })
    return this.add({
      '/lib/modules/K/modules.dep': dep.join('\n'),
      '/lib/modules/K/modules.alias': alias.join('\n'),
      '/lib/modules/K/modules.softdep': softdep,
    })
  }
  at(ms: number, run: () => void): void {
    this.#schedule.push({ atUs: this.nowUs + BigInt(ms) * 1000n, run })
  }
  emit(action: string, devpath: string, values: Readonly<Record<string, string>>): void {
    const strings = Object.entries(values).map(([key, value]) => `${key}=${value}\0`)
    this.#packets.push(Buffer.from(`${action}@${devpath}\0${strings.join('')}`))
  }
  loseEvents(): void {
    this.#packets = ['ENOBUFS']
  }
  openFds(): number {
    return this.#fds.size
  }

  readFile(path: string): Uint8Array {
    return Buffer.from(this.#content('open', path))
  }
  readText(path: string): string {
    return this.readFile(path).toString()
  }
  readdir(path: string): string[] {
    const names = new Set<string>()
    for (const known of [...this.files.keys(), ...this.links.keys()]) {
      if (known.startsWith(`${path}/`)) names.add(known.slice(path.length + 1).split('/')[0] ?? '')
    }
    if (names.size === 0) throw fail('ENOENT', 'scandir', path)
    return [...names]
  }
  readlink(path: string): string {
    return this.links.get(path) ?? raise(fail(this.exists(path) ? 'EINVAL' : 'ENOENT', 'readlink', path))
  }
  realpath(path: string): string {
    return this.links.get(path) ?? (this.exists(path) ? path : raise(fail('ENOENT', 'realpath', path)))
  }
  stat(path: string): FileStat {
    return raise(fail('ENOSYS', 'stat', path))
  }
  exists(path: string): boolean {
    return this.files.has(path) || this.links.has(path) || [...this.files.keys()].some(known => known.startsWith(`${path}/`))
  }
  mkdir(path: string): void {
    this.made.push(`mkdir ${path}`)
  }
  mknod(path: string, mode: number, dev: bigint): void {
    this.made.push(`mknod ${path} 0${mode.toString(8)} ${dev}`)
  }
  open(path: string): Fd {
    this.opened.push(path)
    const descriptor = /^\/proc\/self\/fd\/(\d+)$/.exec(path)
    const content = descriptor === null ? this.#content('open', path) : this.#open(toFd(Number(descriptor[1]))).content
    return this.#add(path, content)
  }
  close(fd: Fd): void {
    if (!this.#fds.delete(fd)) raise(fail('EBADF', 'close', fd))
  }
  read(fd: Fd, into: Uint8Array, position: number | null): number {
    const file = this.#open(fd)
    if (file.path === 'uevents') return this.#readPacket(into)
    const bytes = Buffer.from(file.content)
    const part = bytes.subarray(position ?? file.offset, (position ?? file.offset) + into.length)
    into.set(part)
    return part.length
  }
  write(fd: Fd, data: Content): void {
    const file = this.#open(fd)
    file.content = Buffer.concat([Buffer.from(file.content), Buffer.from(data)])
  }
  ioctl(_fd: Fd, request: number, argument: number | Uint8Array): number {
    this.ioctls.push({ request, argument: typeof argument === 'number' ? Buffer.alloc(0) : argument })
    return 0
  }
  poll(fds: readonly Fd[], timeoutMs: number): { fd: Fd; revents: number }[] {
    const end = this.nowUs + BigInt(timeoutMs) * 1000n
    this.#runUntil(this.nowUs)
    while (this.#packets.length === 0) {
      const next = this.#schedule.map(s => s.atUs).filter(at => at <= end).sort((a, b) => Number(a - b))[0]
      if (next === undefined) break
      this.nowUs = next
      this.#runUntil(next)
    }
    if (this.#packets.length === 0) this.nowUs = end
    return fds.map(fd => ({ fd, revents: this.#packets.length > 0 ? 1 : 0 }))
  }
  memfdCreate(name: string): Fd {
    return this.#add(`memfd:${name}`, '')
  }
  finitModule(fd: Fd, params: string, flags: number): void {
    const file = this.#open(fd)
    const name = Buffer.from(file.content).toString()
    this.loaded.push([name, params, ...(flags === 0 ? [] : [`flags=${flags}`])].filter(part => part !== '').join(' '))
    this.nowUs += this.moduleUs
    const effect = this.effects.get(flags === 0 ? name : `${name} compressed`)
    if (typeof effect === 'string') raise(fail(effect, 'finit_module', fd, params, flags))
    if (typeof effect === 'function') effect()
  }
  openUeventSocket(): Fd {
    return this.#add('uevents', '')
  }
  monotonicUs(): bigint {
    return this.nowUs
  }

  #add(path: string, content: Content): Fd {
    this.#fds.set(this.#nextFd, { path, content, offset: 0 })
    return toFd(this.#nextFd++)
  }
  #open(fd: Fd): { path: string; content: Content; offset: number } {
    return this.#fds.get(fd) ?? raise(fail('EBADF', 'fd', fd))
  }
  #content(syscall: string, path: string): Content {
    return this.files.get(path) ?? raise(fail('ENOENT', syscall, path))
  }
  #readPacket(into: Uint8Array): number {
    const packet = this.#packets.shift()
    if (packet === undefined) return raise(fail('EAGAIN', 'read', 'uevents'))
    if (packet === 'ENOBUFS') return raise(fail('ENOBUFS', 'read', 'uevents'))
    into.set(packet)
    return packet.length
  }
  #runUntil(us: bigint): void {
    const due = this.#schedule.filter(s => s.atUs <= us)
    this.#schedule = this.#schedule.filter(s => s.atUs > us)
    for (const { run } of due) run()
  }
}

function fail(code: string, syscall: string, ...args: SyscallArg[]): SyscallError {
  return new SyscallError(syscall, args, errnoNumber(code) ?? 0)
}

function raise(error: Error): never {
  throw error
}

/** A disk of `sizeBytes` with an ext4 superblock (no checksum) of this UUID and label. */
export function ext4Disk(uuid: string, label = '', sizeBytes = 256 * 1024): Uint8Array {
  const disk = Buffer.alloc(sizeBytes)
  disk.writeUInt16LE(0xef53, 1024 + 0x38)
  disk.writeUInt32LE(sizeBytes / 1024, 1024 + 4)
  disk.writeUInt16LE(1, 1024 + 0x3a)
  disk.writeUInt32LE(4, 1024 + 0x5c)
  disk.writeUInt32LE(0x40, 1024 + 0x60)
  Buffer.from(uuid.replaceAll('-', ''), 'hex').copy(disk, 1024 + 0x68)
  disk.write(label, 1024 + 0x78)
  return disk
}
