// The kernel of a bzImage as the ELF file in it, which QEMU starts by its PVH entry: without the decompressor, which
// takes a fifth of a small guest's time under emulation, and without its choice of random addresses. What runs from
// start_kernel() on is the same. Made once and kept in the cache; whatever cannot be unpacked boots as it is.
// Documentation/arch/x86/boot.rst (payload_offset, payload_length), include/xen/interface/elfnote.h (XEN_ELFNOTE_PHYS32_ENTRY).
import { existsSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from '../../scripts/setup/cache.ts'
import { runTool, tryTool } from '../../scripts/setup/run-tool.ts'

/** How a payload begins, and what unpacks it. */
const PACKERS: readonly { readonly magic: string; readonly command: string }[] = [
  { magic: '28b52ffd', command: 'zstd' },
  { magic: '02214c18', command: 'lz4' },
  { magic: 'fd377a58', command: 'xz' },
]

/** The compressed kernel in a bzImage, or undefined if this is none. */
export function payloadOf(image: Buffer): Buffer | undefined {
  if (image.length < 0x260 || image.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined
  const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248)
  // The last four bytes are the size when unpacked, added by the kernel's build.
  const end = start + image.readUInt32LE(0x24c) - 4
  return end > start && end <= image.length ? image.subarray(start, end) : undefined
}

/** Whether an ELF file says where a PVH guest begins: in the notes, with a name of "Xen" and type 18, of 4 or 8 bytes. */
export function hasPvhEntry(elf: Buffer): boolean {
  const note = (size: number): Buffer => Buffer.from([4, 0, 0, 0, size, 0, 0, 0, 18, 0, 0, 0, 0x58, 0x65, 0x6e, 0])
  return elf.toString('latin1', 1, 4) === 'ELF' && (elf.includes(note(8)) || elf.includes(note(4)))
}

/** Unpacks into `output`, whose folder is made; false if this kernel cannot be started so. */
function unpack(vmlinuz: string, output: string): boolean {
  const payload = payloadOf(readFileSync(vmlinuz))
  const command = PACKERS.find(({ magic }) => payload?.toString('hex', 0, 4) === magic)?.command
  if (payload === undefined || command === undefined) return false
  const packed = `${output}.packed`
  try {
    writeFileSync(packed, payload)
    const { status } = tryTool('sh', ['-c', '"$1" -dc < "$2" > "$3"', 'sh', command, packed, output])
    return status === 0 && hasPvhEntry(readFileSync(output))
  } finally {
    rmSync(packed, { force: true })
  }
}

/** The path of the unpacked kernel, or `vmlinuz` itself if there is none to be had. */
export function unpackedKernel(vmlinuz: string): string {
  const file = realpathSync(vmlinuz)
  const { size, mtimeMs } = statSync(file)
  const path = join(cacheDirectory('kernels-unpacked'), `${basename(vmlinuz)}-${size}-${Math.round(mtimeMs)}`)
  if (!existsSync(path)) {
    withCacheLock(`unpacked-${basename(path)}`, () => {
      // A kernel that cannot be unpacked is a link to itself: it is not tried again.
      if (!existsSync(path)) makeAtomically(path, (temporary) => {
        if (unpack(file, temporary)) return
        rmSync(temporary, { force: true })
        runTool('ln', ['-s', file, temporary])
      })
    })
  }
  return realpathSync(path)
}
