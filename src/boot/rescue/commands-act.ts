// The commands of the rescue console that change something but stay in it.
//
// Programs run with the terminal behind /dev/console as their controlling one, so that ^C works in a shell.
// Man pages: setsid(2), posix_spawn(3).

import { kernelEnvironment } from '../../facts/init-arguments.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { findShell, findTerminal } from './shell.ts'
import { parseSettings, settingText } from './settings.ts'
import { UsageError } from './session.ts'
import type { RescueCommand, Session } from './session.ts'

const environment = { ...kernelEnvironment, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

function runOnConsole(kernel: Kernel, path: string, args: readonly string[]): string {
  const terminal = findTerminal(kernel)
  const result = kernel.run(path, args, { env: environment, stdio: 'inherit', ...(terminal === null ? {} : { terminal }) })
  if (result.error !== undefined) throw new Error(`Cannot run '${path}': ${result.error}`)
  return result.signal === null ? `'${path}' ended with status ${result.code}` : `'${path}' was ended by ${result.signal}`
}

/** `set`, also for a bare KEY=VALUE at the prompt. */
export function setParameters({ console, settings }: Session, words: readonly string[]): void {
  const parsed = parseSettings(words)
  for (const problem of parsed.problems) console.print(problem)
  for (const [key, value] of Object.entries(parsed.settings)) {
    // Last wins by position on the command line, so a repeated key moves to the end.
    delete settings[key]
    settings[key] = value
    console.print(`${settingText(key, value)} holds for the next 'retry' or 'continue'`)
  }
}

export const actCommands: readonly RescueCommand[] = [
  {
    name: 'set',
    usage: 'KEY=VALUE…',
    summary: "change parameters for the next try; 'root=/dev/vda1' alone does the same",
    run: (session, args) => {
      if (args.length > 0) return setParameters(session, args)
      const all = Object.entries(session.settings)
      session.console.print(...(all.length === 0 ? ['Nothing is set'] : all.map(([key, value]) => `  ${settingText(key, value)}`)))
    },
  },
  {
    name: 'load',
    usage: 'MODULE…',
    summary: 'load kernel modules with what they depend on',
    run: ({ console, context }, args) => {
      if (args.length === 0) throw new UsageError('Cannot load: the name of a module is needed')
      for (const name of args) console.print(...context.loadModule(name))
    },
  },
  {
    name: 'run',
    usage: 'PATH [ARGUMENTS]',
    summary: 'run a program of the image to its end',
    run: ({ console, kernel }, args) => {
      const [path, ...rest] = args
      if (path === undefined) throw new UsageError('Cannot run: the path of a program is needed')
      console.print(runOnConsole(kernel, path, rest))
    },
  },
  {
    name: 'shell',
    usage: '',
    summary: 'a shell, if the image has one; "exit" comes back here',
    run: ({ console, kernel }) => {
      const shell = findShell(kernel)
      if (shell === null) throw new Error("Cannot start a shell: the image has none (fulcrum build --include /bin/busybox adds one)")
      console.print(runOnConsole(kernel, shell.path, shell.args))
    },
  },
  {
    name: 'exec',
    usage: 'PATH [ARGUMENTS]',
    summary: 'replace PID 1 by a program; there is no way back',
    run: ({ context }, args) => {
      const [path] = args
      if (path === undefined) throw new UsageError('Cannot exec: the path of a program is needed')
      context.exec(path, args)
    },
  },
]
