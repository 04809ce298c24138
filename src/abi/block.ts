// ioctl numbers and structures by which block devices are let go of, verbatim.
//
// Sources: include/uapi/linux/{loop,nbd,dm-ioctl}.h, include/uapi/linux/raid/md_u.h, loop(4),
// Documentation/admin-guide/device-mapper/{dm-crypt,dm-queue-length}.rst and drivers/md/dm-mpath.c for the messages.

/** Detaches the backing file; while something still uses the device, at its last close. */
export const LOOP_CLR_FD = 0x4c01

/** Stops an array: writes its metadata and gives the members back. */
export const MD_STOP_ARRAY = 0x932

/** Tells the server that this client goes. */
export const NBD_DISCONNECT = 0xab08
/** Lets go of the sockets. */
export const NBD_CLEAR_SOCK = 0xab04

/** The door to the device mapper. */
export const DM_CONTROL = '/dev/mapper/control'

/** _IOWR(0xfd, N, struct dm_ioctl), 312 bytes. */
const dmCall = (number: number): number => 0xc138fd00 + number
export const DM_DEV_REMOVE = dmCall(4)
export const DM_DEV_SUSPEND = dmCall(6)
export const DM_TARGET_MSG = dmCall(14)

/** Bits of struct dm_ioctl's flags. */
export const DM_SUSPEND_FLAG = 1 << 1
export const DM_SKIP_LOCKFS_FLAG = 1 << 10
export const DM_NOFLUSH_FLAG = 1 << 11

const DM_BYTES = 312
const DM_NAME = 48
const DM_NAME_BYTES = 128

/**
 * struct dm_ioctl for the device of that name; with `message`, the struct dm_target_msg for its sector 0 behind it.
 * Throws RangeError for a name that no device mapper device can have.
 */
export function dmRequest(name: string, flags = 0, message: string | null = null): Uint8Array {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`)
  const nameBytes = encode(name)
  if (nameBytes.length > DM_NAME_BYTES) throw new RangeError(`Cannot name a device '${name}': longer than ${DM_NAME_BYTES - 1} bytes`)
  const text = message === null ? new Uint8Array() : encode(message)
  // A 64-bit sector, then the text.
  const bytes = new Uint8Array(DM_BYTES + (message === null ? 0 : 8 + text.length))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 4, true) // version 4.0.0: what the kernel accepts is its own major number and a lower minor
  view.setUint32(12, bytes.length, true)
  view.setUint32(16, DM_BYTES, true)
  view.setUint32(28, flags, true)
  bytes.set(nameBytes, DM_NAME)
  if (message !== null) bytes.set(text, DM_BYTES + 8)
  return bytes
}
