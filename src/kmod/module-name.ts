// Names of kernel modules as the kernel and depmod spell them.
//
// A module has one name but three spellings: the file `virtio-blk.ko.xz`, the kernel's own
// `virtio_blk` in /proc/modules, and whatever a person typed. Everything in src/kmod compares the
// kernel's spelling, so that `crc32c-intel` and `crc32c_intel` are one module. See modprobe(8),
// depmod(8).

/** Suffixes that a module file may have, longest first (kernel config MODULE_COMPRESS_*). */
const moduleSuffix = /\.ko(\.gz|\.xz|\.zst)?$/

/** How a module file is compressed, from its name: what finit_module(2) must be told or spared. */
export type ModuleCompression = 'none' | 'gz' | 'xz' | 'zst'

/**
 * The kernel's spelling of a module name or of an alias: `-` becomes `_`, but not inside a
 * `[…]` range of an alias pattern, where `-` means a range (libkmod's `alias_normalize`).
 */
export function normalizeModuleName(name: string): string {
  if (!name.includes('-')) return name
  if (!name.includes('[')) return name.replaceAll('-', '_')
  let result = ''
  let inRange = false
  for (const character of name) {
    if (character === '[') inRange = true
    else if (character === ']') inRange = false
    result += character === '-' && !inRange ? '_' : character
  }
  return result
}

/** The module name of a file path: `kernel/drivers/block/virtio-blk.ko.xz` gives `virtio_blk`. */
export function moduleNameOfPath(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1)
  return normalizeModuleName(base.replace(moduleSuffix, ''))
}

/** True when a path ends as a module file does. */
export function isModulePath(path: string): boolean {
  return moduleSuffix.test(path)
}

/** The compression of a module file, from its suffix. */
export function moduleCompression(path: string): ModuleCompression {
  const suffix = moduleSuffix.exec(path)?.[1]
  return suffix === '.gz' ? 'gz' : suffix === '.xz' ? 'xz' : suffix === '.zst' ? 'zst' : 'none'
}
