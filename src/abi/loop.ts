// The loop driver's part of the kernel's ABI: numbers, and the layout of struct loop_config.
//
// Sources: include/uapi/linux/loop.h, loop(4). LOOP_CONFIGURE exists since Linux 5.8.

/** Of /dev/loop-control: the number of a free device, which is made if there is none. */
export const LOOP_CTL_GET_FREE = 0x4c82
export const LOOP_CLR_FD = 0x4c01
export const LOOP_CONFIGURE = 0x4c0a
export const LO_FLAGS_READ_ONLY = 1
/** The device lets go of its file at the last close or unmount. */
export const LO_FLAGS_AUTOCLEAR = 4
/** Reads and writes of the file do not go through its page cache, where its file system can do that. */
export const LO_FLAGS_DIRECT_IO = 16

const CONFIG_BYTES = 304
const FLAGS_AT = 60
const NAME_AT = 64
const NAME_BYTES = 64

/** struct loop_config for a whole file: descriptor, flags, and the name that losetup(8) shows. */
export function loopConfig(fd: number, flags: number, name: string): Uint8Array {
  const bytes = new Uint8Array(CONFIG_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, fd, true)
  view.setUint32(FLAGS_AT, flags, true)
  bytes.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1), NAME_AT)
  return bytes
}
