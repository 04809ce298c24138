// The binary form of a keyboard layout, as `loadkeys --bkeymap` and busybox's dumpkmap write it.
//
// "bkeymap", 256 bytes that say which tables follow (plain, Shift, AltGr, …), and for each 128 values in the byte order
// of the machine, all of ours little-endian.  loadkeys(1), keymaps(5)

/** What a key does in one table: struct kbentry of <linux/kd.h>. */
export interface KeyEntry {
  readonly table: number
  readonly key: number
  readonly value: number
}

const MAGIC = 'bkeymap'
const TABLES = 256
const KEYS = 128

/** Every entry of a layout; null when this is none. */
export function parseKeymap(bytes: Uint8Array): KeyEntry[] | null {
  const head = MAGIC.length + TABLES
  if (bytes.length < head || [...MAGIC].some((char, at) => bytes[at] !== char.charCodeAt(0))) return null
  const tables = [...bytes.subarray(MAGIC.length, head).entries()].filter(([, flag]) => flag !== 0).map(([table]) => table)
  if (bytes.length !== head + tables.length * KEYS * 2) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return tables.flatMap((table, place) =>
    Array.from({ length: KEYS }, (_, key) => ({ table, key, value: view.getUint16(head + (place * KEYS + key) * 2, true) })),
  )
}
