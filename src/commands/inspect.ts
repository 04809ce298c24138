// `fulcrum inspect`: lists, extracts and explains an initramfs, whoever made it. See fulcrum-inspect(1).
//
// Thin: initrd-builder/read does the work, this prints it for a person or as JSON.

import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { BuilderError, describeCause, exitStatus } from '../../initrd-builder/builder-error.ts'
import { explainFile } from '../../initrd-builder/read/explain-file.ts'
import { extractImage } from '../../initrd-builder/read/extract-image.ts'
import { describeFile, listImage } from '../../initrd-builder/read/list-image.ts'
import { resolveImagePath } from '../../initrd-builder/read/merge-segments.ts'
import { readImage, type ReadImage } from '../../initrd-builder/read/read-image.ts'
import { formatSummary, summarizeImage } from '../../initrd-builder/read/summarize-image.ts'
import { EXIT_NO_READER, EXIT_OK, type Command, type CommandIo } from './command.ts'
import { asksJson, sayFailure } from './failure.ts'
import { formatCommandHelp } from './help.ts'
import { describeParseError } from './option-list.ts'

const help = `Reads an initramfs of any maker: archives one after another, plain or compressed by gzip, zstd, xz,
lz4, bzip2, lzma or lzo. Without an option it prints a summary of what is in it and what weighs.

  -s, --summary            segments, kinds of files, directories, biggest files (default)
  -l, --list               every file, as ls -l
  -x, --extract DIR        write the files below DIR, which must be new or empty
  -w, --why PATH           why this file is there
  -c, --cat PATH           write this file's content to standard output
      --json               summary, list, why or extract as JSON
  -h, --help               show this help

Extraction never leaves DIR, whatever paths and links the image has. Device nodes need root.
One that fails removes what it has written.
Exit status: 0 done, 100 usage error, 111 system failure, 112 refused.
`

const flagOptions = {
  summary: { type: 'boolean', short: 's' },
  list: { type: 'boolean', short: 'l' },
  extract: { type: 'string', short: 'x' },
  why: { type: 'string', short: 'w' },
  cat: { type: 'string', short: 'c' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'list, extract and explain an initramfs image',
  usage: ['fulcrum inspect IMAGE [--summary|--list|--extract DIR|--why PATH|--cat PATH] [--json]'],
  help,
  run,
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    const { values: flags, positionals } = parseFlags(args)
    if (flags.help === true) {
      io.stdout(formatCommandHelp(inspectCommand))
      return 0
    }
    const actions = [flags.summary, flags.list, flags.extract, flags.why, flags.cat].filter(value => value !== undefined)
    if (actions.length > 1) {
      throw new BuilderError('usage', 'Cannot inspect: more than one of --summary, --list, --extract, --why and --cat')
    }
    if (flags.cat !== undefined && flags.json === true) throw new BuilderError('usage', 'Cannot inspect: --cat writes the bytes of the file, which --json cannot hold')
    const [path, extra] = positionals
    if (path === undefined) throw new BuilderError('usage', 'Cannot inspect: no image given')
    if (extra !== undefined) throw new BuilderError('usage', `Cannot inspect: unexpected argument '${extra}'`)
    return await inspect(await readImage(path), flags, io)
  } catch (error) {
    if (!(error instanceof BuilderError)) throw error
    sayFailure(io, 'inspect', asksJson(args), error.message, error)
    if (error.kind === 'usage') io.stderr("Try 'fulcrum inspect --help'\n")
    return exitStatus[error.kind]
  }
}

type Parsed = ReturnType<typeof parseArgs<{ options: typeof flagOptions; allowPositionals: true }>>

function parseFlags(args: readonly string[]): Parsed {
  try {
    return parseArgs({ args: [...args], options: flagOptions, allowPositionals: true })
  } catch (cause) {
    throw new BuilderError('usage', describeParseError(cause, Object.keys(flagOptions)), { cause })
  }
}

async function inspect(image: ReadImage, flags: Parsed['values'], io: CommandIo): Promise<number> {
  const json = (value: unknown): void => io.stdout(`${JSON.stringify(value)}\n`)
  if (flags.list === true) {
    if (flags.json === true) json([...image.files.values()].map(describeFile))
    else io.stdout(listImage(image))
  } else if (flags.extract !== undefined) {
    const result = extractImage(image.files, flags.extract)
    for (const warning of result.warnings) io.stderr(`fulcrum inspect: ${warning}\n`)
    if (flags.json === true) json(result)
  } else if (flags.why !== undefined) {
    const explanation = await explainFile(image.files, flags.why)
    if (explanation === undefined) throw absent(image, flags.why)
    if (flags.json === true) json(explanation)
    else {
      const unknown = explanation.reasons.length === 0 ? ['  nothing in the image tells\n'] : []
      io.stdout([`${explanation.path} (${explanation.source === 'manifest' ? "from the image's manifest" : 'deduced'}):\n`,
        ...explanation.reasons.map(reason => `  ${reason}\n`), ...unknown].join(''))
    }
  } else if (flags.cat !== undefined) {
    const file = image.files.get(resolveImagePath(image.files, flags.cat) ?? '')
    if (file === undefined) throw absent(image, flags.cat)
    if (file.type !== 'file') {
      throw new BuilderError('refused', `Cannot print '${file.path}' of image '${image.path}': it is a ${file.type}`)
    }
    return writeContent(file.data, io)
  } else {
    const summary = summarizeImage(image)
    if (flags.json === true) json(summary)
    else io.stdout(formatSummary(summary))
  }
  return 0
}

function absent(image: ReadImage, path: string): BuilderError {
  return new BuilderError('system', `Cannot find '${path}' in image '${image.path}': ENOENT (No such file or directory)`)
}

/** Text goes the usual way; bytes that are no text cannot, so they go to the descriptor itself. Returns an exit status. */
export function writeContent(data: Uint8Array, io: Pick<CommandIo, 'stdout'>, write = (from: number): number => writeSync(1, data, from)): number {
  const text = Buffer.from(data).toString('utf8')
  if (Buffer.from(text).equals(data)) io.stdout(text)
  else {
    try {
      for (let offset = 0; offset < data.length;) offset += write(offset)
    } catch (cause) {
      // A reader that has gone wants no message.
      if (cause instanceof Error && 'code' in cause && cause.code === 'EPIPE') return EXIT_NO_READER
      throw new BuilderError('system', `Cannot write to standard output: ${describeCause(cause)}`, { cause })
    }
  }
  return EXIT_OK
}
