// The entry of the binary: PID 1's boot, its /shutdown, a compatible command, or the command line, by PID and argv[0].
//
// PID 1's parts are imported statically and stay small; the commands are loaded when they are asked
// for. For PID 1 nothing may escape: exceptions, exit and fatal signals all end in the rescue console.

import { basename } from 'node:path'
import { bootForever, rescueAfterCrash } from './boot/boot.ts'
import { createLog } from './boot/log.ts'
import { keepPriorityToItself, recordStartState } from './boot/hand-over.ts'
import type { StartState } from './boot/hand-over.ts'
import type { BootContext } from './boot/boot-state.ts'
import { RAMFS_MAGIC, TMPFS_MAGIC } from './abi/mount.ts'
import { SIGUSR1 } from './abi/process.ts'
import { EXIT_SYSTEM } from './commands/command.ts'
import { parseReturned, RETURN_VARIABLE } from './return/returned.ts'
import { createKoffiKernel } from './kernel/koffi-kernel.ts'
import { loadCli } from './load-cli.ts'
import type { Kernel } from './kernel/kernel.ts'
import { emergencyEnd } from './shutdown/reboot-machine.ts'
import { emergencyVerb, runShutdown } from './shutdown/shutdown.ts'

/** Set for the fresh program that takes over when Node died of a fatal signal as PID 1. */
const CRASH_VARIABLE = 'FULCRUM_CRASHED'
/** The same for /shutdown. Another name: init may have been started with the first one in its environment. */
const SHUTDOWN_CRASH_VARIABLE = 'FULCRUM_SHUTDOWN_CRASHED'

/** Arguments without the executable: Node puts its path, and for a packed program the script's, in front. */
const args = process.argv.slice(2)
const name = basename(process.argv0)

/** PID 1 boots when it is called as the kernel calls it, and not in a container that runs a command. */
function isInit(kernel: Kernel): boolean {
  if (process.pid !== 1) return false
  if (name === 'init' || name === 'linuxrc') return true
  // `exec chroot /run/rootfs fulcrum return` comes from a running root, `exec fulcrum switch` from the script that is /init.
  if (['shutdown', 'return', 'switch', 'switch_root'].includes(args[0] ?? '')) return false
  return name === 'fulcrum' && kernel.exists('/etc/initrd-release') && !kernel.exists('/run/.containerenv') && !args.includes('--help') && !args.includes('--version')
}

/** The environment as execve takes it: KEY=VALUE words of the kernel command line are in it, for init. */
function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

function bootContext(kernel: Kernel, start: StartState): BootContext {
  return { kernel, log: createLog(kernel), start, argv: ['/init', ...args], env: process.env, arch: process.arch, returned: parseReturned(process.env[RETURN_VARIABLE]) }
}

function boot(kernel: Kernel): never {
  // Node opens its inspector on SIGUSR1, which anybody may send to PID 1.
  kernel.resetSignal(SIGUSR1)
  // What the kernel gives its init; another init may have been here before a return.
  process.umask(0o22)
  const crashed = process.env[CRASH_VARIABLE]
  // /proc/self/exe is right wherever the root is by then, /init while there is no /proc yet.
  kernel.armCrashExec(['/proc/self/exe', '/init'], ['/init', ...args], { ...definedEnvironment(), [CRASH_VARIABLE]: '1' })
  // performance.now() counts from the start of Node, so the initramfs's time begins with the program.
  const start = { ...recordStartState(kernel, performance.now()), isRaised: keepPriorityToItself(kernel) }
  const context = bootContext(kernel, start)
  process.on('exit', (code) => rescueAfterCrash(context, `Node ended with exit code ${code}`))
  process.on('uncaughtException', (error) => rescueAfterCrash(context, error.stack ?? error.message))
  if (crashed !== undefined) return rescueAfterCrash(context, 'Node died of a fatal signal; this is a fresh start of the program')
  return bootForever(context)
}

/** /shutdown of an initramfs, as PID 1: nothing may end it but reboot(2). */
function shutDown(kernel: Kernel): never {
  kernel.resetSignal(SIGUSR1)
  const crashed = process.env[SHUTDOWN_CRASH_VARIABLE]
  kernel.armCrashExec(['/proc/self/exe', '/shutdown'], ['/shutdown', ...args], { ...definedEnvironment(), [SHUTDOWN_CRASH_VARIABLE]: '1' })
  const log = createLog(kernel)
  const give = (why: string): never => emergencyEnd(kernel, emergencyVerb(args), why, log.warn)
  process.on('exit', (code) => give(`Node ended with exit code ${code}`))
  process.on('uncaughtException', (error) => give(error.stack ?? error.message))
  if (crashed !== undefined) return give('Node died of a fatal signal; this is a fresh start of the program')
  return runShutdown(kernel, args, process.env, log.warn)
}

/** What a script execs as PID 1 and expects never to come back, on whatever root it stands. */
const isStandIn = ['switch_root', 'run-init', 'pivot_root'].some((command) => command === name || (name === 'fulcrum' && command === args[0]))

/** A command that came back as PID 1 must not exit: that is a kernel panic. In a container it is just its end. */
function failedAsInit(kernel: Kernel, why: string): void {
  const { type } = kernel.statfs('/')
  if (!isStandIn && type !== TMPFS_MAGIC && type !== RAMFS_MAGIC) return
  if (isStandIn && (kernel.exists('/run/.containerenv') || kernel.exists('/.dockerenv'))) return
  rescueAfterCrash(bootContext(kernel, recordStartState(kernel)), `${why}, and this is PID 1`)
}

type Behind = (kernel: Kernel) => Kernel
function isBehind(value: unknown): value is Behind {
  return typeof value === 'function'
}

/** The kernel; where the build rehearses a boot for V8's code cache (bundle/rehearse.ts), with a model behind it. */
function makeKernel(): Kernel {
  const kernel = createKoffiKernel()
  const behind: unknown = Reflect.get(globalThis, Symbol.for('fulcrum.rehearsal'))
  return isBehind(behind) ? behind(kernel) : kernel
}

async function commandLine(): Promise<number> {
  const { runCli } = await loadCli()
  return await runCli(name, args)
}

/** Runs the command line and ends the process with its status, unless that would be a panic. */
async function runCommandLine(): Promise<void> {
  let status: number
  let why: string
  try {
    status = await commandLine()
    why = `${name} ended with status ${status}`
  } catch (error) {
    status = EXIT_SYSTEM
    why = `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
    process.stderr.write(`${why}\n`)
  }
  if (process.pid === 1 && (status !== 0 || isStandIn)) failedAsInit(createKoffiKernel(), why)
  process.exitCode = status
}

function main(): void {
  if (process.pid !== 1) {
    void runCommandLine()
    return
  }
  const kernel = makeKernel()
  if (isInit(kernel)) boot(kernel)
  if (name === 'shutdown' && !args.includes('--help')) shutDown(kernel)
  void runCommandLine()
}

main()
