// A fatal-signal handler in machine code: when Node itself dies, PID 1 execs instead of panicking.
//
// JavaScript cannot run after abort(), a SEGV or V8's heap exhaustion, and a dead PID 1 is a kernel
// panic. The handler makes three kinds of system calls only: fcntl on descriptors 0 to 2 (Node marks
// them close-on-exec), execve of the prepared program, exit_group. x86-64 only; elsewhere nothing is
// armed and the function says so.  sigaction(2), execve(2); see docs/node-as-pid1.md.

import * as koffi from 'koffi'
import type { Libc } from './ffi-libc.ts'

// Assembled from:
//   mov ebx,2 ; again: mov eax,72 (fcntl) ; mov edi,ebx ; push 2 (F_SETFD) ; pop rsi ; xor edx,edx ; syscall
//   dec ebx ; jns again ; lea rbx,[rip+table] ; mov rsi,[rbx+16] ; mov rdx,[rbx+24]
//   mov rdi,[rbx] ; push 59 (execve) ; pop rax ; syscall ; mov rdi,[rbx+8] ; push 59 ; pop rax ; syscall
//   push 1 ; pop rdi ; mov eax,231 (exit_group) ; syscall ; table: path, other path, argv, envp
const HANDLER =
  'bb02000000' + 'b848000000' + '89df' + '6a02' + '5e' + '31d2' + '0f05' +
  'ffcb' + '79ee' + '488d1d23000000' + '488b7310' + '488b5318' +
  '488b3b' + '6a3b' + '58' + '0f05' + '488b7b08' + '6a3b' + '58' + '0f05' +
  '6a01' + '5f' + 'b8e7000000' + '0f05'

const FATAL = [4 /* ILL */, 5 /* TRAP */, 6 /* ABRT */, 7 /* BUS */, 8 /* FPE */, 11 /* SEGV */, 31 /* SYS */]
const SA_NODEFER = 0x40000000
const PAGE = 4096
/** Code in the first page; the others hold argv and the environment: a kernel command line is at most 4096 bytes. */
const PAGES = 5
const PROT_READ_WRITE = 3
const PROT_READ_EXEC = 5
const MAP_PRIVATE_ANONYMOUS = 0x22

/**
 * Arms the handler; it tries the two paths in turn. Returns a function that installs it again, for when the dispositions were reset; null where
 * there is no machine code for this architecture.
 */
export function armCrashExec(
  libc: Libc,
  arch: string,
  paths: readonly [string, string],
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): (() => void) | null {
  if (arch !== 'x64') return null
  const page = BigInt(libc.raw('intptr_t mmap(intptr_t, size_t, int, int, int, long)', 0, PAGE * PAGES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0))
  // SAFETY: the mapping is ours, five pages long, and never unmapped: the handler must outlive everything.
  const memory = Buffer.from(koffi.view(page, PAGE * PAGES))
  const code = Buffer.from(HANDLER, 'hex')
  code.copy(memory, 0)
  let top = PAGE
  const string = (text: string): bigint => {
    const at = top
    top += memory.write(`${text}\0`, at)
    return page + BigInt(at)
  }
  const vector = (texts: readonly string[]): bigint => {
    const pointers = [...texts.map(string), 0n]
    top = (top + 7) & ~7
    const at = top
    for (const pointer of pointers) top = memory.writeBigUInt64LE(pointer, top)
    return page + BigInt(at)
  }
  const table = [string(paths[0]), string(paths[1]), vector(argv), vector(Object.entries(env).map(([k, v]) => `${k}=${v}`))]
  table.forEach((pointer, i) => memory.writeBigUInt64LE(pointer, code.length + i * 8))
  libc.raw('int mprotect(intptr_t, size_t, int)', page, PAGE * PAGES, PROT_READ_EXEC)
  const install = (): void => {
    // struct sigaction of glibc on x86-64: handler at 0, mask 128 bytes, flags at 136. NODEFER so that nothing stays blocked after execve.
    const action = Buffer.alloc(152)
    action.writeBigUInt64LE(page, 0)
    action.writeInt32LE(SA_NODEFER, 136)
    for (const signal of FATAL) libc.raw('int sigaction(int, const void *, void *)', signal, action, null)
  }
  install()
  return install
}
