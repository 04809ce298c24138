// The program that is PID 1 of a container: it reaps every process that ends there and passes signals on to its main child.
//
// A static executable of 361 bytes in a sealed memfd, so that nothing of the host has to be in the root. It is started with every
// signal blocked and none ignored: signals wait until rt_sigtimedwait(2) takes them, which PID 1 of a namespace
// gets that way also from inside (those at their default would be dropped). Its main child is process 2 and leads a session:
// there the kernel drops SIGTSTP, so it becomes a SIGSTOP for the whole group; SIGCONT goes to the group too.
// pid_namespaces(7), credentials(7)

import { F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC, O_RDONLY } from '../abi/process.ts'
import { staticExecutable } from '../facts/static-executable.ts'
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

/** The whole executable. */
export function initExecutable(): Uint8Array {
  return staticExecutable(Buffer.from(CODE, 'hex'))
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
