// fulcrum blk: block devices, what is on them, and how root= can name them.
//
// The same reading as the boot does, so that what it prints is what the boot would see. It stands in
// for blkid(8) and lsblk(8) in an image without them.

import { parseArgs } from 'node:util'
import { listTags } from '../boot/devices/tags.ts'
import type { DeviceKernel } from '../boot/devices/device-kernel.ts'
import { scanDevices } from '../boot/devices/device-scanner.ts'
import type { BlockDevice } from '../facts/block/block-device.ts'
import { describeDevices, sortDevices } from '../facts/block/describe-devices.ts'
import { errorLine } from '../kernel/errors.ts'
import { EXIT_OK, EXIT_SYSTEM, EXIT_USAGE, type Command, type CommandIo } from './command.ts'

export { describeDevices } from '../facts/block/describe-devices.ts'

const usage = ['fulcrum blk [--json] [--all]'] as const

const help = `Lists the block devices of this machine and what is on them: type, UUID, LABEL, PARTUUID and
PARTLABEL as root= takes them, damage, and tags of virtiofs and 9p. Reads only.

  --json   the same as JSON, one array of devices
  --all    also devices of size 0 (unused loop devices, empty drives)
  --help   this text

Devices that may not be read are listed with the reason; being root is usually needed.
`

export const blkCommand: Command = {
  name: 'blk',
  summary: 'list block devices and what is on them',
  usage,
  help,
  run: (args, io) => runBlk(args, io),
}

/** What the command needs of the outside; narrower than CommandIo, so that a test can hand it a machine in memory. */
type BlkIo = Pick<CommandIo, 'stdout' | 'stderr'> & { kernel(): DeviceKernel }

/** The command itself; returns the exit status. */
export function runBlk(args: readonly string[], io: BlkIo): number {
  const options = parse(args)
  if (typeof options === 'string') {
    io.stderr(`fulcrum blk: ${options}\nTry 'fulcrum blk --help'\n`)
    return EXIT_USAGE
  }
  if (options.help) {
    io.stdout(`usage: ${usage.join('\n       ')}\n\n${help}`)
    return EXIT_OK
  }
  return list(options, io)
}

interface Options {
  readonly json: boolean
  readonly all: boolean
  readonly help: boolean
}

/** The options, or what is wrong with them. */
function parse(args: readonly string[]): Options | string {
  try {
    const flag = { type: 'boolean', default: false } as const
    const { values } = parseArgs({ args: [...args], options: { json: flag, all: flag, help: { ...flag, short: 'h' } } })
    return values
  } catch (error) {
    return errorLine(error)
  }
}

function list(options: Options, io: BlkIo): number {
  const kernel = io.kernel()
  const found = scanDevices(kernel)
  const devices = sortDevices(found).filter(d => options.all || d.sizeBytes > 0)
  if (options.json) {
    io.stdout(`${JSON.stringify(devices.map(jsonOf), null, 2)}\n`)
    return EXIT_OK
  }
  const tags = listTags(kernel).map(t => `${t.fstype}:${t.tag}`)
  const empty = options.all ? devices.filter(d => d.sizeBytes === 0).map(d => `${d.name}  empty`) : []
  const lines = [...describeDevices(devices), ...empty, ...tags]
  if (lines.length === 0) {
    io.stderr('fulcrum blk: Cannot find any block device\n')
    return EXIT_SYSTEM
  }
  io.stdout(`${lines.join('\n')}\n`)
  return EXIT_OK
}

/** The documented shape: flat, lower-case keys, null for what is not known. */
function jsonOf(d: BlockDevice): Record<string, unknown> {
  return {
    name: d.name,
    path: d.path,
    devno: `${d.major}:${d.minor}`,
    size: d.sizeBytes,
    readOnly: d.isReadOnly,
    parent: d.parent,
    partition: d.partition,
    type: d.superblock?.type ?? null,
    uuid: d.superblock?.uuid ?? null,
    label: d.superblock?.label ?? null,
    partuuid: d.partUuid,
    partlabel: d.partLabel,
    table: d.table === null ? null : { type: d.table.type, id: d.table.id },
    damaged: d.superblock?.damaged ?? d.table?.damaged ?? null,
    dirty: d.superblock?.dirty ?? null,
    mapper: d.mapperName,
    file: d.backingFile,
    error: d.error,
  }
}
