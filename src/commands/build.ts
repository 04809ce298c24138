// `fulcrum build`: makes an initramfs with fulcrum as its /init. See fulcrum-build(1).
//
// Thin: flags and fulcrum.toml become BuildOptions, initrd-builder does the work, the result is printed
// for a person or as JSON.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { BuilderError, describeCause, exitStatus } from '../../initrd-builder/builder-error.ts'
import { buildImage, type BuildResult } from '../../initrd-builder/build-image.ts'
import { compressorNames, isCompressorName, moduleCompressorNames } from '../../initrd-builder/compressor-names.ts'
import { parseConfig, withoutUndefined } from '../../initrd-builder/config-file.ts'
import { describeFeatures } from '../../initrd-builder/features.ts'
import { formatSize } from '../../initrd-builder/format-size.ts'
import { parseHook } from '../../initrd-builder/dracut-hooks/parse-hook.ts'
import { parseInclude } from '../../initrd-builder/image/parse-include.ts'
import type { BuildOptions } from '../../initrd-builder/options.ts'
import { keeps } from '../facts/switch-types.ts'
import type { Command, CommandIo } from './command.ts'
import { asksJson, sayFailure } from './failure.ts'
import { formatCommandHelp } from './help.ts'
import { describeParseError } from './option-list.ts'

/** Set by the bundler; running from source there is none. */
declare const FULCRUM_VERSION: string | undefined

const help = `Writes an initramfs whose /init is fulcrum: the binary, its libraries, kernel modules with all
that they need, firmware, and what is included by name. The same input gives the same bytes.

  -o, --output FILE        image to write (replaced atomically)
  -k, --kernel VERSION     kernel whose modules go in; default: the running one, or the only one
                           of a sysroot other than /
      --sysroot DIR        where programs, libraries and modules come from; default: /
      --kernel-sysroot DIR where modules, firmware and /boot/config-VERSION come from;
                           default: the sysroot
      --generic            modules for any machine (default unless the sysroot is / and /sys
                           shows this machine's devices)
      --host-only          modules for the devices of this machine only
  -f, --feature NAME       add an optional part, may be repeated; 'list' shows them
      --no-auto            with --host-only: do not add the parts that the root of this machine
                           needs (LUKS, LVM, RAID, network, …)
  -c, --compress METHOD    ${compressorNames.join(', ')}; default: the best that the kernel can unpack
      --compress-modules zstd|none   kernel modules each by itself; default: zstd, but none for
                           this machine only
      --include FILE[:DEST]      add a file or directory of this system, with its libraries;
                           sysroot:FILE[:DEST] takes it from the sysroot; may be repeated
      --secret FILE[:DEST] add a file of this system that is overwritten with zeros before the hand-over;
                           the image is written with mode 0600; may be repeated
      --hook POINT:PRIO:FILE     add a hook written for dracut, for instance
                           pre-mount:50:unlock.sh; may be repeated
      --dracut-module DIR  run the module-setup.sh of a module written for dracut and add what it
                           installs; may be repeated
      --keep full|slim|none  how the initramfs is kept unless fulcrum.keep= says otherwise;
                           slim adds its compressed copy (needs mksquashfs)
      --add-module NAME    add a kernel module, by name or alias; may be repeated
      --omit-module NAME   leave a module out, needed or not; may be repeated
      --load NAME          add a module and load it at start; may be repeated
      --no-microcode       no early segment with processor microcode
      --binary FILE        the packed fulcrum executable; default: the running one,
                           or $FULCRUM_BINARY
      --addon FILE         the addon koffi.node; default: beside the binary, or $FULCRUM_ADDON
      --config FILE        read a fulcrum.toml with the same choices; flags go before it
      --json               print the result as JSON
  -h, --help               show this help

Compressed constant parts are kept in \${FULCRUM_CACHE:-\${XDG_CACHE_HOME:-~/.cache}/fulcrum}.
SOURCE_DATE_EPOCH sets the times in the image, which are 0 otherwise.
Exit status: 0 done, 100 usage error, 111 system failure, 112 refused.
`

const flagOptions = {
  output: { type: 'string', short: 'o' },
  kernel: { type: 'string', short: 'k' },
  sysroot: { type: 'string' },
  'kernel-sysroot': { type: 'string' },
  generic: { type: 'boolean' },
  'host-only': { type: 'boolean' },
  feature: { type: 'string', short: 'f', multiple: true },
  'no-auto': { type: 'boolean' },
  compress: { type: 'string', short: 'c' },
  'compress-modules': { type: 'string' },
  include: { type: 'string', multiple: true },
  secret: { type: 'string', multiple: true },
  hook: { type: 'string', multiple: true },
  'dracut-module': { type: 'string', multiple: true },
  keep: { type: 'string' },
  'add-module': { type: 'string', multiple: true },
  'omit-module': { type: 'string', multiple: true },
  load: { type: 'string', multiple: true },
  'no-microcode': { type: 'boolean' },
  binary: { type: 'string' },
  addon: { type: 'string' },
  config: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export const buildCommand: Command = {
  name: 'build',
  summary: 'make an initramfs image',
  usage: ['fulcrum build --output FILE [options]', 'fulcrum build --feature list'],
  help,
  run,
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    const flags = parseFlags(args)
    if (flags.help === true) {
      io.stdout(formatCommandHelp(buildCommand))
      return 0
    }
    if (flags.feature?.includes('list') === true) {
      io.stdout(describeFeatures())
      return 0
    }
    const options = toOptions(flags)
    const progress = makeProgress(io)
    const context = { version: version(), env: io.env, onProgress: progress.show }
    const result = await buildImage(options, context).finally(progress.clear)
    for (const warning of result.warnings) io.stderr(`fulcrum build: ${warning}\n`)
    if (flags.json === true) io.stdout(`${JSON.stringify(result)}\n`)
    else if (io.isTerminal) io.stderr(summary(result))
    return 0
  } catch (error) {
    if (!(error instanceof BuilderError)) throw error
    sayFailure(io, 'build', asksJson(args), error.message, error)
    if (error.kind === 'usage') io.stderr("Try 'fulcrum build --help'\n")
    return exitStatus[error.kind]
  }
}

type Flags = ReturnType<typeof parseArgs<{ options: typeof flagOptions }>>['values']

function parseFlags(args: readonly string[]): Flags {
  try {
    return parseArgs({ args: [...args], options: flagOptions, allowPositionals: false }).values
  } catch (cause) {
    throw new BuilderError('usage', describeParseError(cause, Object.keys(flagOptions)), { cause })
  }
}

/** Flags over the file. Lists of both add up, single values of the flags win. */
function toOptions(flags: Flags): BuildOptions {
  if (flags.generic === true && flags['host-only'] === true) {
    throw new BuilderError('usage', 'Cannot build: --generic and --host-only exclude each other')
  }
  const { compress } = flags
  if (compress !== undefined && !isCompressorName(compress)) {
    throw new BuilderError('usage', `Cannot compress by '${compress}': there are '${compressorNames.join("', '")}'`)
  }
  const compressModules = moduleCompressorNames.find(candidate => candidate === flags['compress-modules'])
  if (flags['compress-modules'] !== undefined && compressModules === undefined) {
    throw new BuilderError('usage', `Cannot compress modules by '${flags['compress-modules']}': there are '${moduleCompressorNames.join("', '")}'`)
  }
  const keep = keeps.find(candidate => candidate === flags.keep)
  if (flags.keep !== undefined && keep === undefined) {
    throw new BuilderError('usage', `Cannot keep '${flags.keep}': there are '${keeps.join("', '")}'`)
  }
  const fromFile: Partial<BuildOptions> = flags.config === undefined ? {} : readConfig(flags.config)
  const output = flags.output ?? fromFile.output
  if (output === undefined || output === '') throw new BuilderError('usage', 'Cannot build: no --output')
  const { generic, 'host-only': hostOnly } = flags
  return {
    ...fromFile,
    ...withoutUndefined({
      kernel: flags.kernel, sysroot: flags.sysroot, kernelSysroot: flags['kernel-sysroot'],
      mode: generic === true ? 'generic' as const : hostOnly === true ? 'host' as const : undefined,
      compress, compressModules, keep, auto: flags['no-auto'] === true ? false : undefined,
      microcode: flags['no-microcode'] === true ? false : undefined, binary: flags.binary, addon: flags.addon,
    }),
    output,
    features: [...(fromFile.features ?? []), ...(flags.feature ?? [])],
    include: [...(fromFile.include ?? []), ...(flags.include ?? []).map(parseInclude)],
    secrets: [...(fromFile.secrets ?? []), ...(flags.secret ?? []).map(parseInclude)],
    hooks: [...(fromFile.hooks ?? []), ...(flags.hook ?? []).map(parseHook)],
    dracutModules: [...(fromFile.dracutModules ?? []), ...(flags['dracut-module'] ?? [])],
    addModules: [...(fromFile.addModules ?? []), ...(flags['add-module'] ?? [])],
    omitModules: [...(fromFile.omitModules ?? []), ...(flags['omit-module'] ?? [])],
    load: [...(fromFile.load ?? []), ...(flags.load ?? [])],
  }
}

function readConfig(path: string): Partial<BuildOptions> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new BuilderError('system', `Cannot read '${path}': ${describeCause(cause)}`, { cause })
  }
  return parseConfig(text, path, relative => resolve(dirname(path), relative))
}

function version(): string {
  return typeof FULCRUM_VERSION === 'string' ? FULCRUM_VERSION : 'development'
}

/** One line that is overwritten; nothing at all unless a person is watching. */
function makeProgress(io: CommandIo): { show: (step: string) => void; clear: () => void } {
  const erase = '\r\x1b[K'
  if (!io.isTerminal) return { show: () => undefined, clear: () => undefined }
  return { show: step => io.stderr(`${erase}${step} …`), clear: () => io.stderr(erase) }
}

function summary(result: BuildResult): string {
  const { kernel, mode, modules, firmware, files } = result
  const segments = result.segments.map(segment =>
    `  ${segment.name.padEnd(9)} ${formatSize(segment.unpacked).padStart(9)} → ${formatSize(segment.packed).padStart(9)}` +
    ` ${segment.compressor}${segment.cached ? ', from the cache' : ''}\n`)
  const lacking = result.missingFirmware.length
  return [
    `${result.output}: ${formatSize(result.bytes)}, ${files} files, ${modules} modules of ${kernel} (${mode})`,
    firmware > 0 ? `, ${firmware} firmware files` : '',
    lacking > 0 ? `, ${lacking} firmware files not in the sysroot` : '', '\n',
    ...segments,
    ...result.automatic.map(({ name, reason }) => `  feature '${name}' because ${reason}\n`),
  ].join('')
}
