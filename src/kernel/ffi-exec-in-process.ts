// execve(2) in another process: how PID 1 of a running root becomes fulcrum although it knows nothing of it.
//
// The process is stopped (ptrace), its registers are set to a system call on a `syscall` instruction that its own
// memory has, first mmap for the strings, then execve. If that fails, memory, signal mask and registers are put back
// and the call it waited in goes on: it is stopped where the kernel decides about restarts.  ptrace(2), signal(7).

import {
  CS, CS_64, ERESTARTNOHAND, ORIG_RAX, R10, R8, R9, RAX, RDI, RDX, RIP, RSI,
} from '../abi/ptrace.ts'
import { O_RDWR } from '../abi/process.ts'
import { SYS_EPOLL_PWAIT, SYS_EPOLL_PWAIT2, SYS_EPOLL_WAIT, SYS_EXECVE, SYS_MMAP, SYS_MUNMAP, SYS_RT_SIGTIMEDWAIT } from '../abi/raw-syscalls.ts'
import { isErrno, SyscallError } from './errors.ts'
import type { Libc } from './ffi-libc.ts'
import { Tracee } from './ffi-ptrace.ts'
import type { Fd, FileCalls } from './kernel.ts'
import { raw } from './syscall-arg.ts'

const ENOSYS = 38
const EOPNOTSUPP = 95
const EINTR = 4
const PROT_READ_WRITE = 3n
const MAP_PRIVATE_ANONYMOUS = 0x22n
const PAGE = 4096
const SIGSET_BYTES = 8
const READ_CHUNK = 65536
const ARGUMENTS = [RDI, RSI, RDX, R10, R8, R9] as const
/** Calls that the kernel does not make again after a stop, but may be: they have done nothing yet. */
const MAY_RESTART: ReadonlySet<number> = new Set([SYS_RT_SIGTIMEDWAIT, SYS_EPOLL_WAIT, SYS_EPOLL_PWAIT, SYS_EPOLL_PWAIT2])

export interface ExecRequest {
  readonly pid: number
  readonly path: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

type Files = Pick<FileCalls, 'readText' | 'open' | 'read' | 'writeAt' | 'close'>

/** Address of a `syscall` instruction in the memory of a process: in its vdso, else in any of its code. */
function findSyscall(files: Files, pid: number, memory: Fd): bigint | null {
  const ranges = [...files.readText(`/proc/${pid}/maps`).matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-xp .*$/gm)]
    // vsyscall's page can be listed and not be read.
    .filter(([line]) => !line.endsWith('[vsyscall]'))
    .sort(([a], [b]) => Number(b.endsWith('[vdso]')) - Number(a.endsWith('[vdso]')))
  const chunk = Buffer.alloc(READ_CHUNK)
  for (const [, from = '', to = ''] of ranges) {
    const end = parseInt(to, 16)
    for (let at = parseInt(from, 16); at < end; at += READ_CHUNK) {
      const n = files.read(memory, chunk.subarray(0, Math.min(READ_CHUNK, end - at)), at)
      const found = chunk.subarray(0, n).indexOf('0f05', 0, 'hex')
      if (found >= 0) return BigInt(at + found)
    }
  }
  return null
}

/** What execve(2) wants to have in memory: strings, argv, envp; for this address. */
function layOut({ path, argv, env }: ExecRequest, address: bigint): { readonly bytes: Buffer; readonly argv: bigint; readonly envp: bigint } {
  const strings = [path, ...argv, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)].map((text) => Buffer.from(`${text}\0`))
  let at = 0
  const pointers = strings.map((bytes) => {
    const pointer = address + BigInt(at)
    at += bytes.length
    return pointer
  })
  const [, ...rest] = pointers
  const words = [...rest.slice(0, argv.length), 0n, ...rest.slice(argv.length), 0n]
  const vector = (at + 7) & ~7
  const bytes = Buffer.alloc(vector + 8 * words.length)
  Buffer.concat(strings).copy(bytes)
  words.forEach((word, i) => bytes.writeBigUInt64LE(word, vector + 8 * i))
  const start = address + BigInt(vector)
  return { bytes, argv: start, envp: start + BigInt(8 * (argv.length + 1)) }
}

/** Registers for making a call; -1 as the number of the one before keeps the kernel from restarting that. */
function forCall(base: BigInt64Array, instruction: bigint, nr: number, args: readonly bigint[]): BigInt64Array {
  const registers = BigInt64Array.from(base)
  registers[RIP] = instruction
  registers[RAX] = BigInt(nr)
  registers[ORIG_RAX] = -1n
  ARGUMENTS.forEach((register, i) => { registers[register] = args[i] ?? 0n })
  return registers
}

/** Registers to go on with, as if it had never been stopped. */
function forResume(base: BigInt64Array): BigInt64Array {
  const registers = BigInt64Array.from(base)
  const interrupted = registers[RAX] === BigInt(-EINTR) && MAY_RESTART.has(Number(registers[ORIG_RAX]))
  if (interrupted) registers[RAX] = BigInt(-ERESTARTNOHAND)
  return registers
}

/** Makes a system call in the stopped process. Its result, or null when it was an execve that succeeded. */
function inject(tracee: Tracee, registers: BigInt64Array): bigint | null {
  tracee.setRegisters(registers)
  tracee.toSyscall()
  return tracee.toSyscall() === 'exec' ? null : (tracee.registers()[RAX] ?? 0n)
}

const errnoOf = (result: bigint): number | null => (result < 0n && result > -4096n ? Number(-result) : null)

/** See Kernel.execInProcess. */
export function execInProcess(libc: Libc, files: Files, arch: string, request: ExecRequest): void {
  const { pid, path, argv } = request
  if (arch !== 'x64') throw new SyscallError('ptrace', [pid], ENOSYS)
  const tracee = new Tracee(libc, pid)
  let memory: Fd | null = null
  // Until it is certain that it runs another program, whatever happens ends with this.
  let putBack = (): void => {}
  try {
    tracee.stop()
    const before = tracee.registers()
    putBack = () => tracee.setRegisters(forResume(before))
    if (before[CS] !== CS_64) throw new SyscallError('ptrace', [raw('a 32-bit program'), pid], EOPNOTSUPP)
    const mask = tracee.signalMask()
    memory = files.open(`/proc/${pid}/mem`, O_RDWR)
    const instruction = findSyscall(files, pid, memory)
    if (instruction === null) throw new SyscallError('ptrace', [raw('no system call instruction'), pid], EOPNOTSUPP)
    const call = (nr: number, ...args: bigint[]): bigint | null => inject(tracee, forCall(before, instruction, nr, args))
    const size = BigInt(Math.ceil(layOut(request, 0n).bytes.length / PAGE) * PAGE)
    putBack = () => {
      tracee.restop()
      tracee.setRegisters(forResume(before))
      tracee.setSignalMask(mask)
    }
    tracee.setSignalMask(Buffer.alloc(SIGSET_BYTES, 0xff))
    const address = call(SYS_MMAP, 0n, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1n, 0n) ?? 0n
    const failed = errnoOf(address)
    if (failed !== null) throw new SyscallError('mmap', [raw(`in ${pid}`), size], failed)
    const { bytes, argv: argvAt, envp } = layOut(request, address)
    files.writeAt(memory, bytes, address)
    const result = call(SYS_EXECVE, address, argvAt, envp)
    if (result !== null) {
      call(SYS_MUNMAP, address, size)
      throw new SyscallError('execve', [path, raw(JSON.stringify(argv))], errnoOf(result) ?? 0)
    }
    putBack = () => tracee.setSignalMask(mask)
  } finally {
    if (memory !== null) files.close(memory)
    try {
      putBack()
    } catch (error) {
      // It was killed meanwhile: there is nothing to put back, and the first error says more.
      if (!isErrno(error, 'ESRCH', 'ETIMEDOUT')) throw error
    }
    tracee.detach()
  }
}
