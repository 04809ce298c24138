// fulcrum blk: block devices, what is on them, and how root= can name them.
//
// The same reading as the boot does, so that what it prints is what the boot would see. It stands in
// for blkid(8) and lsblk(8) in an image without them.

import { listTags } from '../boot/devices/tags.ts'
import type { DeviceKernel } from '../boot/devices/device-kernel.ts'
import { scanDevices } from '../boot/devices/device-scanner.ts'
import type { BlockDevice } from '../facts/block/block-device.ts'
import { describeDevices, sortDevices } from '../facts/block/describe-devices.ts'
import { EXIT_OK, EXIT_SYSTEM, type Command, type CommandIo } from './command.ts'
import { parseOptionList, UsageError } from './option-list.ts'

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

/** The command itself; returns the exit status. Throws UsageError. */
export function runBlk(args: readonly string[], io: BlkIo): number {
  return list(parse(args), io)
}

interface Options {
  readonly json: boolean
  readonly all: boolean
}

function parse(args: readonly string[]): Options {
  const { options, words, command } = parseOptionList(args, [{ name: 'json', kind: 'flag' }, { name: 'all', kind: 'flag' }])
  if (words.length > 0 || command !== null) throw new UsageError(`Cannot understand '${words[0] ?? '--'}': expected options only`)
  const has = (name: string): boolean => options.some((it) => it.name === name)
  return { json: has('json'), all: has('all') }
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
