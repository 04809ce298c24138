// `modprobe`: loads kernel modules with what they need, for hooks of an image.
//
// PID 1 loads modules by itself and needs no such program; hooks that were written for others do. The order, options of
// modprobe.d(5) and of the kernel command line are those of the boot. Man page: fulcrum-modprobe(8), modprobe(8).

import { createModuleLoader } from '../boot/devices/index.ts'
import { parseCommandLine } from '../facts/cmdline.ts'
import { normalizeModuleName } from '../kmod/module-name.ts'
import { attempt, errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { EXIT_FAILED, EXIT_OK, type Command, type CommandIo } from './command.ts'
import { formatCommandHelp } from './help.ts'
import { parseOptionList, UsageError } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

const O_NONBLOCK = 0o4000

const specs: readonly OptionSpec[] = [
  { name: 'all', kind: 'flag', short: 'a' },
  { name: 'quiet', kind: 'flag', short: 'q' },
  { name: 'use-blacklist', kind: 'flag', short: 'b' },
  { name: 'remove', kind: 'flag', short: 'r' },
  { name: 'dry-run', kind: 'flag', short: 'n', also: ['show'] },
  { name: 'verbose', kind: 'flag', short: 'v' },
  { name: 'syslog', kind: 'flag', short: 's' },
  { name: 'dirname', kind: 'value', short: 'd' },
  { name: 'set-version', kind: 'value', short: 'S' },
  { name: 'help', kind: 'flag', short: 'h' },
]

interface Asked {
  readonly flags: ReadonlySet<string>
  readonly names: readonly string[]
  /** NAME=VALUE behind a module's name. */
  readonly parameters: readonly string[]
  readonly directory: string
}

/** modprobe NAME [PARAMETER…], or with -a and -r only names. Throws UsageError. */
function parse(args: readonly string[], release: string): Asked {
  const { options, words, command } = parseOptionList(args, specs)
  const flags = new Set(options.map((option) => option.name))
  const all = [...words, ...(command ?? [])]
  const value = (name: string): string | null => options.findLast((option) => option.name === name)?.value ?? null
  if (all.length === 0 && !flags.has('help')) throw new UsageError('Cannot load: no module is named')
  const many = flags.has('all') || flags.has('remove')
  const directory = `${value('dirname') ?? ''}/lib/modules/${value('set-version') ?? release}`
  return { flags, names: many ? all : all.slice(0, 1), parameters: many ? [] : all.slice(1), directory }
}

/** Modules that this one needs and that are loaded, as /proc/modules has it: lines of NAME SIZE USES USER,USER, STATE ADDRESS. */
function needsOf(kernel: Pick<Kernel, 'readText'>, name: string): string[] {
  const lines = (attempt(() => kernel.readText('/proc/modules')) ?? '').split('\n').map((line) => line.split(' '))
  return lines.filter(([, , , users = '']) => users.split(',').includes(name)).map(([needed = '']) => needed)
}

/** What is missing for somebody who may load nothing, whatever else is wrong. */
function notRoot(kernel: Pick<Kernel, 'getuid'>, problem: string): string {
  return kernel.getuid() === 0 || /run as root/.test(problem) ? '' : '; user id 0 is needed too: run as root'
}

/** Removes a module, and then those that only it needed. Throws SyscallError for the module itself. */
function remove(kernel: Kernel, name: string): void {
  const needs = needsOf(kernel, name)
  kernel.deleteModule(name, O_NONBLOCK)
  for (const needed of needs) attempt(() => remove(kernel, needed))
}

function removeAll(kernel: Kernel, { flags, names }: Asked, io: CommandIo): number {
  let status = EXIT_OK
  for (const given of names) {
    const name = normalizeModuleName(given)
    try {
      if (flags.has('verbose')) io.stdout(`rmmod ${name}\n`)
      if (!flags.has('dry-run')) remove(kernel, name)
    } catch (error) {
      // One that is not there is removed already, for -q.
      if (flags.has('quiet') && isErrno(error, 'ENOENT')) continue
      if (!flags.has('quiet')) io.stderr(`modprobe: Cannot remove module '${name}': ${errorLine(error)}${notRoot(kernel, errorLine(error))}\n`)
      status = EXIT_FAILED
    }
  }
  return status
}

function loadAll(kernel: Kernel, { flags, names, parameters, directory }: Asked, io: CommandIo): number {
  const [first = ''] = names
  const own = parameters.map((word) => parseCommandLine(`${normalizeModuleName(first)}.${word}`).words).flat()
  const line = parseCommandLine(attempt(() => kernel.readText('/proc/cmdline')) ?? '')
  const loader = createModuleLoader(kernel, '', { words: [...line.words, ...own], directory })
  let status = EXIT_OK
  for (const name of names) {
    if (flags.has('dry-run')) {
      if (!loader.claims(name) && !kernel.exists(`/sys/module/${normalizeModuleName(name)}`)) status = EXIT_FAILED
      continue
    }
    // A device's alias matches several modules, of which those that are blacklisted are passed over.
    const count = /^[a-z]+:/.test(name) ? loader.loadForDevice(name) : 0
    if (count > 0) continue
    if (flags.has('use-blacklist') && loader.isBlacklisted(name)) continue
    for (const problem of loader.load([name])) {
      if (!flags.has('quiet')) io.stderr(`modprobe: ${problem}${notRoot(kernel, problem)}\n`)
      status = EXIT_FAILED
    }
  }
  if (flags.has('verbose')) for (const { name, error } of loader.trace()) if (error === null) io.stdout(`insmod ${name}\n`)
  return status
}

export const modprobeCommand: Command = {
  name: 'modprobe',
  summary: 'as modprobe(8): load kernel modules with what they need, or remove them',
  usage: ['modprobe [-qbnv] MODULE [PARAMETER=VALUE…]', 'modprobe -a [-qbnv] MODULE…', 'modprobe -r [-qnv] MODULE…'],
  help: `Loads a module by its name or an alias (a modalias of a device too), those that it needs first. One that is
loaded or built in is no failure.

  -a, --all            every word is a module
  -r, --remove         remove them, and those that only they needed
  -q, --quiet          say nothing of what cannot be loaded
  -b, --use-blacklist  pass over what modprobe.d or the kernel command line blacklists
  -n, --dry-run        change nothing; status 1 if there is no such module
  -v, --verbose        print what is done
  -d, --dirname DIR    modules are in DIR/lib/modules
  -S, --set-version V  of another kernel version
  -s, --syslog         taken, and changes nothing
  -h, --help           this text

Exit status: 0 done, 1 failed.
`,
  run(args, io) {
    try {
      const kernel = io.kernel()
      const asked = parse(args, (attempt(() => kernel.readText('/proc/sys/kernel/osrelease')) ?? '').trim())
      if (asked.flags.has('help')) {
        io.stdout(formatCommandHelp(modprobeCommand))
        return EXIT_OK
      }
      return asked.flags.has('remove') ? removeAll(kernel, asked, io) : loadAll(kernel, asked, io)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      io.stderr(`modprobe: ${error.message}\nusage: ${modprobeCommand.usage.join('\n       ')}\n`)
      return EXIT_FAILED
    }
  },
}
