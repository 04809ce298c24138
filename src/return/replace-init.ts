// Makes PID 1, of whatever kind, become fulcrum of the kept initramfs: in its place, and still in the running root.
//
// PID 1 first, because an init that lives would start again what is ended. It is started through the dynamic loader
// of the initramfs with the initramfs's libraries, so that nothing is asked of the root and none of its files stays
// open.  ptrace(2), execve(2), ld.so(8).

import { kernelEnvironment } from '../facts/init-arguments.ts'
import { inRoot } from '../facts/paths.ts'
import { ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { readInterpreter } from './read-interpreter.ts'

const BINARY = '/bin/fulcrum'
/** Where the libraries of an image can be; ld.so(8) looks into these by itself, but of the running root. */
const LIBRARY_DIRECTORIES = ['/lib64', '/lib', '/usr/lib64', '/usr/lib', '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
const ADDON = '/lib/fulcrum/koffi.node'

/** A program and its words, to be executed from the running root. */
export interface KeptProgram {
  readonly path: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** How fulcrum of the kept initramfs is executed in the running root. Throws SyscallError when it is not there. */
export function keptProgram(kernel: Kernel, args: readonly string[], kept = ROOTFS_DIRECTORY): KeptProgram {
  const binary = inRoot(kept, BINARY)
  const loader = readInterpreter(kernel, binary)
  const env = { ...kernelEnvironment, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', FULCRUM_KOFFI: inRoot(kept, ADDON) }
  if (loader === null) return { path: binary, argv: [binary, ...args], env }
  const libraries = LIBRARY_DIRECTORIES.map((path) => inRoot(kept, path)).filter((path) => kernel.exists(path))
  const path = inRoot(kept, loader)
  return { path, argv: [path, '--library-path', libraries.join(':'), binary, ...args], env }
}

const TRIAL_MS = 30_000

/** A library that is missing would be told by the loader, and then PID 1 would exit: a kernel panic. Throws Error. */
function tryOut(kernel: Kernel, { path, argv, env }: KeptProgram): void {
  const { code, error, stderr } = kernel.run(path, argv.slice(1), { env, timeoutMs: TRIAL_MS })
  if (code !== 0) throw new Error(`Cannot start the kept '${path}': ${error ?? stderr.trim()} (status ${code ?? 'of a signal'})`)
}

/** Replaces PID 1 by /shutdown, once the initramfs is "/" for it. Throws as replaceInit does. */
export function replaceInitHere(kernel: Kernel, argv: readonly string[]): void {
  tryOut(kernel, { path: BINARY, argv: [BINARY, 'version'], env: kernelEnvironment })
  kernel.execInProcess(1, '/shutdown', argv, kernelEnvironment)
}

/**
 * Replaces PID 1. Throws SyscallError when that is refused, and Error when the kept binary does not run here at all:
 * PID 1 goes on then as if nothing had been.
 */
export function replaceInit(kernel: Kernel, args: readonly string[]): void {
  tryOut(kernel, keptProgram(kernel, ['version']))
  const { path, argv, env } = keptProgram(kernel, args)
  kernel.execInProcess(1, path, argv, env)
}
