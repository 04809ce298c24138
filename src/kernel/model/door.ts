// Door: what all calls of one modelled process share.
//
// Error conversion, injected failures and the log of calls are in one place, so that every call has them.

import { errnoNumber, type ErrnoName } from '../../abi/errno.ts'
import { SyscallError } from '../errors.ts'
import { toFd, type Fd } from '../kernel.ts'
import type { SyscallArg } from '../syscall-arg.ts'
import { Errno } from './errno.ts'
import type { Loc } from './mount-tree.ts'
import { resolve } from './lookup.ts'
import type { ModelProcess, OpenFile } from './model-process.ts'
import type { ModelWorld } from './world.ts'

/** A call that was made, whether it succeeded or not. */
export interface Call {
  readonly syscall: string
  readonly args: readonly SyscallArg[]
}

interface Planned {
  readonly syscall: string
  readonly errno: ErrnoName
  readonly match: (args: readonly SyscallArg[]) => boolean
}

export class Door {
  readonly world: ModelWorld
  readonly proc: ModelProcess
  readonly calls: Call[] = []
  readonly #planned: Planned[] = []

  constructor(world: ModelWorld, proc: ModelProcess) {
    this.world = world
    this.proc = proc
  }

  /** The next call of that name whose arguments match fails with this errno and does nothing. */
  failNext(syscall: string, errno: ErrnoName, match: (args: readonly SyscallArg[]) => boolean = () => true): void {
    this.#planned.push({ syscall, errno, match })
  }

  /** Runs one system call: logged, failed if a test asked for it, its Errno turned into a SyscallError. */
  call<T>(syscall: string, args: readonly SyscallArg[], body: () => T): T {
    this.calls.push({ syscall, args })
    try {
      const i = this.#planned.findIndex((p) => p.syscall === syscall && p.match(args))
      const [planned] = i < 0 ? [] : this.#planned.splice(i, 1)
      if (planned !== undefined) throw new Errno(planned.errno)
      return body()
    } catch (error) {
      if (!(error instanceof Errno)) throw error
      throw new SyscallError(syscall, args, errnoNumber(error.code) ?? 0)
    }
  }

  lookup(path: string, follow = true): Loc {
    return resolve(this.world, this.proc, path, follow)
  }

  /** EPERM without CAP_SYS_ADMIN and its like: the model knows only root and the others. */
  needRoot(): void {
    if (this.proc.uid !== 0) throw new Errno('EPERM')
  }

  install(file: OpenFile, cloexec = true): Fd {
    let fd = 0
    while (this.proc.fds.has(fd)) fd++
    this.proc.fds.set(fd, { file, cloexec })
    return toFd(fd)
  }

  file(fd: number): OpenFile {
    const found = this.proc.fds.get(fd)
    if (found === undefined) throw new Errno('EBADF')
    return found.file
  }
}

/** A place on a mount or file system that is read-only takes no changes. */
export function needWritable(loc: Loc): void {
  if ((loc.mnt.flags & 1) !== 0 || loc.node.sb.readOnly) throw new Errno('EROFS')
}
