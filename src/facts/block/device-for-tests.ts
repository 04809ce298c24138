// Block devices for tests: a device with usual values and what a test wants to be different.
//
// Test helper.

import { makeBlockDevice, type BlockDevice } from './block-device.ts'
import type { PartitionTable } from './partition-table.ts'
import { superblock, type Superblock } from './superblock.ts'

/** A file system of type ext4, or what `fields` say. */
export function filesystem(fields: Partial<Superblock>): Superblock {
  return superblock({ type: 'ext4', usage: 'filesystem', ...fields })
}

/** A device of 1 GiB without contents, or what `fields` say. */
export function device(name: string, fields: Partial<BlockDevice> = {}): BlockDevice {
  const parent = /^(vd[a-z]|sd[a-z]|nvme\d+n\d+(?=p))p?(\d+)$/.exec(name)
  const facts = {
    name,
    major: 254,
    minor: 0,
    sizeBytes: 2 ** 30,
    isReadOnly: false,
    kind: parent === null ? ('disk' as const) : ('partition' as const),
    partition: parent === null ? null : Number(parent[2]),
    parent: parent?.[1] ?? null,
    diskseq: null,
    mapperName: null,
    backingFile: null,
    slaves: [],
    kernelPartUuid: null,
    kernelPartLabel: null,
    links: [],
  }
  return { ...makeBlockDevice(facts, { superblock: null, table: null, error: null }, null), ...fields }
}

/** A GPT with one entry per PARTUUID, numbered from 1. */
export function gpt(uuids: readonly string[], damaged: string | null = null): PartitionTable {
  const entries = uuids.map((uuid, i) => ({ number: i + 1, startSector: 2048, sectors: 2048, uuid, label: null, partitionType: '', typeAttributes: 0 }))
  return { type: 'gpt', id: 'd15c0000-0000-4000-8000-000000000000', entries, damaged }
}
