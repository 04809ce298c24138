// Can this init be executed in the new root? Asked before anything irreversible (law 4).
//
// Follows what execve(2) will do: symbolic links inside the new root, file type and mode, then the
// script interpreter (up to five deep, as the kernel allows) and the ELF interpreter.

import { O_RDONLY, S_IFMT, S_IFREG } from '../abi/process.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { chaseInRoot } from './chase.ts'
import { classifyExecutable, EXECUTABLE_HEAD_BYTES, machineName, machineRuns } from './executable.ts'
import type { Executable } from './executable.ts'
import { inRoot } from './paths.ts'
import type { Refusal, RefusalReason } from './refusal.ts'

/** The verdict on one candidate. `resolved` is the final file inside the new root. */
export type InitCheck =
  | {
      readonly path: string
      readonly resolved: string
      readonly problem: null
      /** Candidates before this one that are there and cannot run, and why; the kernel warns of them too. */
      readonly passedOver: readonly string[]
    }
  | { readonly path: string; readonly resolved: string | null; readonly problem: Refusal }

/** BINPRM_MAX_RECURSION of the kernel: scripts whose interpreter is a script. */
const MAX_SCRIPTS = 5

type Doors = Pick<Kernel, 'lstat' | 'readlink' | 'stat' | 'open' | 'read' | 'close'>

function head(kernel: Doors, path: string): Executable {
  const fd = kernel.open(path, O_RDONLY)
  try {
    const buffer = new Uint8Array(EXECUTABLE_HEAD_BYTES)
    return classifyExecutable(buffer.subarray(0, kernel.read(fd, buffer, 0)))
  } finally {
    kernel.close(fd)
  }
}

function problem(reason: RefusalReason, detail: string, remedy: string): Refusal {
  return { reason, detail, remedy }
}

/** Checks one file and its interpreters; null when execve can be expected to succeed. */
function checkFile(kernel: Doors, root: string, arch: string, path: string, role: string, depth: number): { resolved: string | null; problem: Refusal | null } {
  const missing: RefusalReason = depth === 0 ? 'init-missing' : 'init-interpreter-missing'
  let resolved: string
  try {
    resolved = chaseInRoot(kernel, root, path)
  } catch (error) {
    const reason = isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') ? missing : 'init-not-executable'
    return { resolved: null, problem: problem(reason, `Cannot find ${role} '${path}' in the new root '${root}': ${errorLine(error)}`, depth === 0 ? 'name the right one with init=' : `install '${path}' into the root file system, or choose another init=`) }
  }
  const full = inRoot(root, resolved)
  const stat = kernel.stat(full)
  if ((stat.mode & S_IFMT) !== S_IFREG) {
    return { resolved, problem: problem('init-not-executable', `Cannot execute ${role} '${path}': not a regular file`, 'name an executable with init=') }
  }
  if ((stat.mode & 0o111) === 0) {
    return { resolved, problem: problem('init-not-executable', `Cannot execute ${role} '${path}': no execute permission (mode 0${(stat.mode & 0o7777).toString(8)})`, `chmod +x '${resolved}' in the root file system`) }
  }
  const kind = head(kernel, full)
  if (kind.kind === 'unknown') {
    return { resolved, problem: problem('init-not-executable', `Cannot execute ${role} '${path}': neither an ELF file nor a script with '#!'`, 'name an executable with init=') }
  }
  if (kind.kind === 'script') {
    if (depth >= MAX_SCRIPTS) return { resolved, problem: problem('init-not-executable', `Cannot execute ${role} '${path}': more than ${MAX_SCRIPTS} nested script interpreters`, 'use a binary as interpreter') }
    return { resolved, problem: checkFile(kernel, root, arch, kind.interpreter, `the interpreter of '${path}',`, depth + 1).problem }
  }
  if (!machineRuns(arch, kind.machine)) {
    return { resolved, problem: problem('init-wrong-architecture', `Cannot execute ${role} '${path}': built for ${machineName(kind.machine)}, this machine is ${arch}`, 'this root file system belongs to another architecture: choose another root= or init=') }
  }
  if (kind.interpreter === null) return { resolved, problem: null }
  return { resolved, problem: checkFile(kernel, root, arch, kind.interpreter, `the ELF interpreter of '${path}',`, depth + 1).problem }
}

/**
 * The first of `candidates` (absolute paths inside `root`) that can be executed, as the kernel tries
 * them in turn; when none can, the check of the first. `arch` is Node's process.arch.
 */
export function checkInit(kernel: Doors, root: string, arch: string, candidates: readonly string[]): InitCheck {
  let first: InitCheck | null = null
  const passedOver: string[] = []
  for (const path of candidates) {
    const { resolved, problem: found } = checkFile(kernel, root, arch, path, 'init', 0)
    const check: InitCheck =
      found === null && resolved !== null
        ? { path, resolved, problem: null, passedOver }
        : { path, resolved, problem: found ?? problem('init-missing', `Cannot find init '${path}'`, 'name the right one with init=') }
    if (check.problem === null) return check
    if (check.problem.reason !== 'init-missing') passedOver.push(check.problem.detail)
    first ??= check
  }
  return first ?? { path: '', resolved: null, problem: problem('init-missing', 'Cannot choose an init: no candidate was named', 'name one with init=') }
}
