// The rescue console: where PID 1 goes when a boot cannot go on, instead of a kernel panic.
//
// It says what failed and takes commands until the boot is tried again. It needs nothing from the
// image: no shell, no busybox. PID 1 never leaves it by an error, by the end of input or by a console
// that is gone.

import { nearest } from '../../facts/nearest.ts'
import { errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { findParameter } from '../parameter-table.ts'
import { rebootMachine } from '../../shutdown/reboot-machine.ts'
import { actCommands, setParameters } from './commands-act.ts'
import { leaveCommands } from './commands-leave.ts'
import { showCommands } from './commands-show.ts'
import { openConsole } from './console.ts'
import type { Console } from './console.ts'
import { describeFailure, isBreak } from './failure.ts'
import type { Failure } from './failure.ts'
import { mountCommands } from './mount-command.ts'
import { chooseRoot, isAboutRoot, offerRoots, rootCommands } from './roots-command.ts'
import { UsageError } from './session.ts'
import type { RescueCommand, RescueContext, RescueOutcome, Session } from './session.ts'
import { splitWords } from './split-words.ts'

const prompt = 'fulcrum> '
const rule = '-'.repeat(72)

const helpCommand: RescueCommand = {
  name: 'help',
  usage: '',
  summary: 'this list',
  run: ({ console }) => {
    const titles = rescueCommands().map((command) => [`${command.name} ${command.usage}`.trim(), command.summary] as const)
    const width = Math.max(...titles.map(([title]) => title.length))
    console.print(...titles.map(([title, summary]) => `  ${title.padEnd(width)}  ${summary}`))
  },
}

/** Every command of the console, in the order of `help`. */
export function rescueCommands(): readonly RescueCommand[] {
  return [helpCommand, ...showCommands, ...mountCommands, ...rootCommands, ...actCommands, ...leaveCommands]
}

/** Runs one line; the outcome when it leaves the console. Never throws. */
function runLine(session: Session, line: string): RescueOutcome | undefined {
  const { console } = session
  const split = splitWords(line)
  if (split.words === null) {
    console.print(split.problem)
    return undefined
  }
  const [name, ...args] = split.words
  if (name === undefined || name.startsWith('#')) return undefined
  if (/^\d+$/.test(name) && args.length === 0) return chooseRoot(session, Number(name))
  const command = rescueCommands().find((candidate) => candidate.name === name)
  try {
    if (command !== undefined) return command.run(session, args) ?? undefined
    if (name.includes('=') || findParameter(name) !== undefined) setParameters(session, split.words)
    else {
      const guess = nearest(name, rescueCommands().map((candidate) => candidate.name))
      console.print(`Cannot find a command '${name}'${guess === undefined ? "; 'help' lists them" : ` (did you mean '${guess}'?)`}`)
    }
  } catch (error) {
    console.print(errorLine(error))
    if (error instanceof UsageError && command !== undefined) console.print(`usage: ${command.name} ${command.usage}`.trimEnd())
  }
  return undefined
}

/** Counts down in front of a terminal; true when a key stopped it. */
function isAttended(console: Console, kernel: Kernel, seconds: number): boolean {
  const end = kernel.monotonicUs() + BigInt(seconds) * 1_000_000n
  for (let shown = -1; ; ) {
    const leftMs = Math.ceil(Number(end - kernel.monotonicUs()) / 1000)
    if (leftMs <= 0) return false
    const left = Math.ceil(leftMs / 1000)
    if (left !== shown && (shown < 0 || left <= 5 || left % 10 === 0)) {
      console.print(`Rebooting in ${left} s (fulcrum.panic=${seconds}); press a key to stop that`)
    }
    shown = left
    if (console.keyPressed(Math.min(leftMs, 1000))) return true
  }
}

function rebootUnattended(kernel: Kernel, console: Console): void {
  console.print('Rebooting now')
  try {
    rebootMachine(kernel, 'reboot')
  } catch (error) {
    console.print(`Cannot reboot: ${errorLine(error)}, ignoring`)
  }
}

/** Shows what stopped the boot and takes commands. Synchronous; returns only to try again or to go on. */
export function rescue(kernel: Kernel, failure: Failure, context: RescueContext): RescueOutcome {
  const console = openConsole(kernel)
  const session: Session = { kernel, console, failure, context, settings: {}, roots: [] }
  const { rebootAfterS, rescueShell } = context.parameters
  if (isBreak(failure) && !rescueShell) {
    console.print(`Cannot stop at '${failure.point}': the command line forbids commands (rd.shell=0), ignoring`)
    return { action: 'continue', settings: {} }
  }
  console.print('', rule, ...describeFailure(failure), rule)
  if (rebootAfterS !== null && !isBreak(failure) && (!isAttended(console, kernel, rebootAfterS) || !rescueShell)) {
    rebootUnattended(kernel, console)
  }
  if (!rescueShell) {
    console.print('The command line forbids commands here (rd.shell=0)')
    for (;;) console.pause()
  }
  if (isAboutRoot(failure)) offerRoots(session)
  const next = isBreak(failure) ? "'continue' goes on" : "change something (root=/dev/NAME) and 'retry'"
  console.print(`Rescue console: 'help' lists the commands, 'why' repeats this, ${next}`)
  for (let ask = true; ; ) {
    if (ask) console.prompt(prompt)
    const line = console.readLine()
    // A terminal gets a new prompt after ^D; a console that is at its end for good would fill the log.
    ask = line !== null || console.isTerminal()
    if (line === null) console.pause()
    else {
      const outcome = runLine(session, line)
      if (outcome !== undefined) return outcome
    }
  }
}
