// The program that is PID 1 of a container: it reaps every process that ends there and passes signals on to its main child.
//
// A static executable of 361 bytes in a sealed memfd, so that nothing of the host has to be in the root. It is started with every
// signal blocked and none ignored: signals wait until rt_sigtimedwait(2) takes them, which PID 1 of a namespace
// gets that way also from inside (those at their default would be dropped). Its main child is process 2 and leads a session:
// there the kernel drops SIGTSTP, so it becomes a SIGSTOP for the whole group; SIGCONT goes to the group too.
// pid_namespaces(7), credentials(7)

import { F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC, O_RDONLY } from '../abi/process.ts'
import { isErrno, SyscallError } from '../kernel/errors.ts'
import { raw } from '../kernel/syscall-arg.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'

/** Pid of the main child in its namespace: the first process that PID 1 makes. */
export const MAIN_CHILD = 2

const CODE =
  // close_range(0, ~0, 0) ; prctl(PR_SET_NAME, "init")
  '31ff' + '83ceff' + '31d2' + 'b8b4010000' + '0f05' + '68696e6974' + '6a0f' + '5f' + '4889e6' + '689d000000' + '58' + '0f05' +
  // kill(2, SIGRTMAX): the main child waits for this ; [rbx] = all signals ; [rsp] = room for a status
  '6a02' + '5f' + '6a40' + '5e' + '6a3e' + '58' + '0f05' +
  '48830c24ff' + '4881ec88000000' + '488d9c2488000000' +
  // reap: eax = wait4(-1, rsp, WNOHANG|__WALL, NULL) ; eax == 2: jmp main ; eax > 0: jmp reap ; eax == -ECHILD: jmp none
  '4883cfff' + '4889e6' + 'ba01000040' + '4531d2' + '6a3d' + '58' + '0f05' + '83f802' + '743f' + '85c0' + '7fe3' + '83f8f6' + '744d' +
  // next: eax = rt_sigtimedwait(rbx, NULL, NULL, 8) ; eax < 0: jmp next ; eax == SIGCHLD: jmp reap
  '4889df' + '31f6' + '31d2' + '6a08' + '415a' + 'b880000000' + '0f05' + '85c0' + '78ea' + '83f811' + '74c3' +
  // esi = eax, edi = 2 ; SIGCONT: jmp group ; not SIGTSTP: jmp send ; esi = SIGSTOP ; group: edi = -2 ; send: kill(edi, esi) ; jmp next
  '89c6' + '6a02' + '5f' + '83f812' + '7407' + '83f814' + '7505' + 'ffce' + '48f7df' + '6a3e' + '58' + '0f05' + 'ebca' +
  // main: edi = status ; status & 0x7f: edi = 128 + that ; else edi >>= 8 ; jmp exit
  '8b3c24' + '89f8' + '83e07f' + '7408' + '8db880000000' + 'eb08' + 'c1ef08' + 'eb03' +
  // none: edi = 127 ; exit: exit_group(edi)
  '6a7f' + '5f' + 'b8e7000000' + '0f05'

const ADDRESS = 0x400000
const EHDR_BYTES = 64
const PHDR_BYTES = 56

/** The whole executable: ELF header, PT_LOAD (read, execute), PT_GNU_STACK (no execution), code. elf(5) */
export function initExecutable(): Uint8Array {
  const code = Buffer.from(CODE, 'hex')
  const start = EHDR_BYTES + 2 * PHDR_BYTES
  const bytes = Buffer.alloc(start + code.length)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  // e_type ET_EXEC, e_machine EM_X86_64, e_version
  bytes.writeUInt16LE(2, 16)
  bytes.writeUInt16LE(62, 18)
  bytes.writeUInt32LE(1, 20)
  // e_entry, e_phoff, then e_ehsize, e_phentsize, e_phnum
  bytes.writeBigUInt64LE(BigInt(ADDRESS + start), 24)
  bytes.writeBigUInt64LE(BigInt(EHDR_BYTES), 32)
  bytes.writeUInt16LE(EHDR_BYTES, 52)
  bytes.writeUInt16LE(PHDR_BYTES, 54)
  bytes.writeUInt16LE(2, 56)
  // p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
  const segment = (at: number, type: number, flags: number, fields: readonly number[]): void => {
    bytes.writeUInt32LE(type, at)
    bytes.writeUInt32LE(flags, at + 4)
    fields.forEach((field, i) => bytes.writeBigUInt64LE(BigInt(field), at + 8 + 8 * i))
  }
  segment(EHDR_BYTES, 1, 5, [0, ADDRESS, ADDRESS, bytes.length, bytes.length, 4096])
  segment(EHDR_BYTES + PHDR_BYTES, 0x6474e551, 6, [0, 0, 0, 0, 0, 16])
  bytes.set(code, start)
  return bytes
}

/** A memfd that may be executed; before Linux 6.3 all may, and the flag is EINVAL. */
function executableMemfd(kernel: Kernel): Fd {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING
  try {
    return kernel.memfdCreate('init', flags | MFD_EXEC)
  } catch (error) {
    if (isErrno(error, 'EACCES')) throw new SyscallError('memfd_create', ['init', raw('MFD_EXEC')], error.errno)
    if (!isErrno(error, 'EINVAL')) throw error
    return kernel.memfdCreate('init', flags)
  }
}

/** Makes it; the caller closes the descriptor, which is read-only. Throws SyscallError: EACCES where sysctl vm.memfd_noexec is 2. */
export function makeInitProgram(kernel: Kernel): Fd {
  const memfd = executableMemfd(kernel)
  try {
    kernel.write(memfd, initExecutable())
    kernel.fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
    return kernel.open(`/proc/self/fd/${memfd}`, O_RDONLY)
  } finally {
    kernel.close(memfd)
  }
}
