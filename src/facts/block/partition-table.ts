// PartitionTable: what a disk's own table says, as opposed to the partitions that the kernel made of it.
//
// PARTUUID and PARTLABEL live here. Kernels before 6.9 do not tell them to user space, and when the
// kernel rejects a table only our own reading of it can say which root would have been there.

/** One entry that is in use. Sectors are logical sectors of the disk. */
export interface PartitionEntry {
  /** As in the device name: 1 for vda1. */
  readonly number: number
  readonly startSector: number
  readonly sectors: number
  /** PARTUUID in lower case; null where the table has none. */
  readonly uuid: string | null
  /** PARTLABEL; GPT only. */
  readonly label: string | null
  /** GPT: the type's GUID; MBR: '0x83'. */
  readonly partitionType: string
  /** GPT: bits 48 to 63 of the attributes, which belong to the type (gpt-auto.ts); 0 for MBR. */
  readonly typeAttributes: number
}

export interface PartitionTable {
  /** blkid's PTTYPE. */
  readonly type: 'gpt' | 'dos'
  /** blkid's PTUUID. */
  readonly id: string | null
  readonly entries: readonly PartitionEntry[]
  /** Why the kernel may not follow it, without full stop; null when it is sound. */
  readonly damaged: string | null
}
