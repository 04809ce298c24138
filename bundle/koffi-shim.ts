// Stands in for the npm package `koffi` inside the packed executable (esbuild alias, see bundle-main.ts).
// koffi's own JavaScript looks for its addon in node_modules; here it is a file beside the executable or an asset
// inside it. Of koffi's JavaScript only deprecated aliases and that search are lost: the addon has the whole API.
// dlopen(3) needs a file: a memfd cannot be made before koffi is loaded, so the asset is written, loaded, unlinked.

import fs from 'node:fs'
import path from 'node:path'
import sea from 'node:sea'
import type koffiPackage from 'koffi'

type Koffi = typeof koffiPackage

/** The version the bundle was built against; esbuild puts the literal in. */
declare const FULCRUM_KOFFI_VERSION: string

/** Where the asset may be written, in the order tried: tmpfs first, `/` is the rootfs of an initramfs. */
const ASSET_DIRECTORIES = ['/run', '/dev/shm', '/tmp', '/']

/** The place the image builder puts the addon at. */
const IMAGE_ADDON = '/lib/fulcrum/koffi.node'

function isKoffi(addon: Partial<Koffi>): addon is Koffi {
  return typeof addon.load === 'function' && addon.version === FULCRUM_KOFFI_VERSION
}

function openAddon(file: string): Koffi {
  const holder: { exports: Partial<Koffi> } = { exports: {} }
  process.dlopen(holder, file)
  if (!isKoffi(holder.exports)) {
    throw new Error(
      `Cannot use '${file}': koffi version '${holder.exports.version}', expected '${FULCRUM_KOFFI_VERSION}'`,
    )
  }
  return holder.exports
}

/** Without /proc, execPath is argv[0]: a relative one says nothing, and must not load code from the working directory. */
function besideExecutable(): string[] {
  if (!path.isAbsolute(process.execPath)) return []
  const directory = path.dirname(process.execPath)
  return [path.join(directory, 'koffi.node'), path.join(directory, '../lib/fulcrum/koffi.node')]
}

function writeAndOpen(addon: Uint8Array, directory: string): Koffi {
  const file = path.join(directory, `.fulcrum-koffi-${process.pid}-${process.hrtime.bigint()}.node`)
  const fd = fs.openSync(file, 'wx', 0o700)
  try {
    try {
      fs.writeFileSync(fd, addon)
    } finally {
      fs.closeSync(fd)
    }
    return openAddon(file)
  } finally {
    fs.unlinkSync(file)
  }
}

/** Every way to get at the addon, best first. Each throws when it does not work. */
function* candidates(): Generator<() => Koffi> {
  const { FULCRUM_KOFFI: chosen } = process.env
  if (chosen !== undefined && chosen !== '') yield () => openAddon(chosen)
  for (const file of [IMAGE_ADDON, ...besideExecutable()]) {
    if (fs.existsSync(file)) yield () => openAddon(file)
  }
  if (sea.isSea()) {
    const addon = new Uint8Array(sea.getRawAsset('koffi.node'))
    for (const directory of ASSET_DIRECTORIES) yield () => writeAndOpen(addon, directory)
  }
}

/** Loads koffi's native part. Throws with the reason of every place tried. */
function loadAddon(): Koffi {
  const reasons: string[] = []
  for (const attempt of candidates()) {
    try {
      return attempt()
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new Error(`Cannot load koffi.node: ${reasons.join('; ')}`)
}

/** The other bundle of the executable has a copy of this file, and the addon is to be loaded once. */
const LOADED = Symbol.for('fulcrum.koffi')

function isLoaded(value: unknown): value is Koffi {
  return typeof value === 'object' && value !== null
}

function loadOnce(): Koffi {
  const loaded: unknown = Reflect.get(globalThis, LOADED)
  if (isLoaded(loaded)) return loaded
  const addon = loadAddon()
  Reflect.set(globalThis, LOADED, addon)
  return addon
}

const koffi = loadOnce()
export default koffi
export const {
  address,
  alias,
  alignof,
  alloc,
  array,
  as,
  call,
  config,
  decode,
  disposable,
  encode,
  errno,
  free,
  inout,
  load,
  node,
  offsetof,
  opaque,
  os,
  out,
  pointer,
  proto,
  register,
  reset,
  sizeof,
  struct,
  type,
  types,
  union,
  unregister,
  version,
  view,
} = koffi
