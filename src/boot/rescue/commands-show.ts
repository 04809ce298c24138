// The commands of the rescue console that only look.
//
// What they show comes from the boot (RescueContext) or from small readers; none of them needs a program.
// Man pages: dmesg(1), proc(5).

import { wordText } from '../../facts/cmdline.ts'
import { formatKernelMessage, readKernelLog } from '../../facts/kmsg.ts'
import { describeFailure, describeProgress } from './failure.ts'
import { listFiles, showFile } from './files.ts'
import { settingText } from './settings.ts'
import { UsageError } from './session.ts'
import type { RescueCommand } from './session.ts'

const dmesgLines = 40

function onePath(args: readonly string[]): string {
  const [path, ...more] = args
  if (path === undefined || more.length > 0) throw new UsageError('Cannot tell which file: one path is needed')
  return path
}

/** So that an empty answer is not taken for a command that failed. */
function orNothing(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ['(nothing)'] : lines
}

export const showCommands: readonly RescueCommand[] = [
  {
    name: 'why',
    usage: '',
    summary: 'say again what failed and what can be done',
    run: ({ console, failure }) => console.print(...describeFailure(failure)),
  },
  {
    name: 'plan',
    usage: '',
    summary: 'the plan of the switch: + done, ! failed, . not begun',
    run: ({ console, failure }) => {
      if (failure.plan === null) console.print(`There is no plan yet: the boot stopped at '${failure.point}'`)
      else console.print(...describeProgress(failure.plan, failure.stepIndex))
    },
  },
  {
    name: 'trace',
    usage: '',
    summary: 'what was done since the start, with times',
    run: ({ console, context }) => console.print(...orNothing(context.describeTrace())),
  },
  {
    name: 'mounts',
    usage: '',
    summary: 'what is mounted',
    run: ({ console, context }) => console.print(...orNothing(context.describeMounts())),
  },
  {
    name: 'ps',
    usage: '',
    summary: 'processes',
    run: ({ console, context }) => console.print(...orNothing(context.describeProcesses())),
  },
  {
    name: 'blk',
    usage: '',
    summary: 'block devices with their file systems, labels and ids',
    run: ({ console, context }) => console.print(...orNothing(context.describeDevices())),
  },
  {
    name: 'dmesg',
    usage: '[N|all]',
    summary: `the last N (${dmesgLines}) messages of the kernel`,
    run: ({ console, kernel }, args) => {
      const [which = String(dmesgLines)] = args
      if (which !== 'all' && !/^\d{1,6}$/.test(which)) throw new UsageError(`Cannot understand '${which}': a number or 'all' is needed`)
      const all = readKernelLog(kernel)
      const shown = which === 'all' ? all : all.slice(Math.max(0, all.length - Number(which)))
      console.print(...shown.map(formatKernelMessage))
    },
  },
  {
    name: 'cmdline',
    usage: '',
    summary: 'the kernel command line, and what was set here',
    run: ({ console, context, settings }) => {
      console.print(...context.commandLine.words.map((word) => `  ${wordText(word)}`))
      for (const [key, value] of Object.entries(settings)) console.print(`  ${settingText(key, value)}   (set here)`)
    },
  },
  {
    name: 'ls',
    usage: '[PATH]',
    summary: 'a directory',
    run: ({ console, kernel }, args) => console.print(...listFiles(kernel, args.length === 0 ? '/' : onePath(args))),
  },
  {
    name: 'cat',
    usage: 'FILE',
    summary: 'the text of a file, for instance /proc/partitions',
    run: ({ console, kernel }, args) => console.print(...showFile(kernel, onePath(args))),
  },
]
