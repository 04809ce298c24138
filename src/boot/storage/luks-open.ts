// Opens one encrypted device with cryptsetup(8): modules first, then a key file or a passphrase.
//
// What is secret goes through a memory file, never through arguments or the environment. Tokens (TPM, FIDO2, clevis)
// are not asked: with a key given cryptsetup leaves them alone.

import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../../abi/mount.ts'
import { LUKS_BINARY_BYTES, luksHeaderBytes, luksModules, parseLuksHeader } from '../../facts/block/luks-header.ts'
import type { LuksHeader } from '../../facts/block/luks-header.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import { errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { BootState } from '../boot-state.ts'
import { loadFilesystem, mountTypes } from '../devices/index.ts'
import type { ModuleLoader } from '../devices/index.ts'
import { ToolFailure, runTool } from '../tool.ts'
import type { Volume } from './luks-volumes.ts'

/** What it works with. */
export interface LuksContext {
  readonly state: Pick<BootState, 'kernel' | 'trace' | 'log'>
  readonly loader: ModuleLoader
}

/** A volume whose device is there. */
export type PresentVolume = Volume & { readonly device: BlockDevice }

/** argon2id is made to take long: two seconds on the machine that made it, more on this one. */
const OPEN_TIMEOUT_MS = 180_000
/** Where cryptsetup(8) locks LUKS2 headers. */
const LOCKS = '/run/cryptsetup'
const KEY_MOUNT = '/run/fulcrum/key'
/** cryptsetup(8), "RETURN CODES". */
const NO_PERMISSION = 2
const NO_MEMORY = 3

/** What is loaded for a header that cannot be read (detached, or none). */
const USUAL_CIPHER = 'aes-xts-plain64'

/** The header of a device or a file; null where it cannot be read: cryptsetup says why. */
function readHeader(kernel: Kernel, path: string): LuksHeader | null {
  try {
    const fd = kernel.open(path, 0)
    try {
      const start = new Uint8Array(LUKS_BINARY_BYTES)
      if (kernel.read(fd, start, 0) < start.length) return null
      const bytes = new Uint8Array(luksHeaderBytes(start))
      kernel.read(fd, bytes, 0)
      return parseLuksHeader(bytes)
    } finally {
      kernel.close(fd)
    }
  } catch {
    return null
  }
}

/** Loads what the kernel would ask modprobe(8) for. Throws Error where there is no dm-crypt. */
function loadModules({ state, loader }: LuksContext, volume: PresentVolume): void {
  const { options, device } = volume
  const header = options.type === 'luks' ? readHeader(state.kernel, options.header ?? device.path) : null
  const [failure] = loader.load(['dm_crypt'])
  if (failure !== undefined) throw new Error(`Cannot unlock '${device.path}': ${failure.replace('Cannot', 'cannot')}; build the image with the feature 'luks'`)
  const ciphers = header?.ciphers ?? [options.cipher ?? USUAL_CIPHER]
  loader.loadIfThere(luksModules(ciphers, header?.integrity ?? null))
  if (header !== null && header.tokens.length > 0) state.log.debug(`${device.path} has tokens (${header.tokens.join(', ')}): not used`)
}

function makeDirectory(kernel: Kernel, path: string): void {
  if (!kernel.exists(path)) kernel.mkdir(path, 0o700)
}

/** Runs cryptsetup. True when the device is open, false when the key was wrong. Throws Error for everything else. */
function open(context: LuksContext, { name, device, options }: PresentVolume, keyArgs: readonly string[], input?: Uint8Array): boolean {
  const { state } = context
  const header = options.header === null ? [] : ['--header', options.header]
  const args = ['open', '--type', options.type, '--batch-mode', ...options.args, ...header, ...keyArgs, device.path, name]
  try {
    runTool(state, 'cryptsetup', args, { timeoutMs: OPEN_TIMEOUT_MS, ...(input === undefined ? {} : { input }) })
    return true
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error
    if (error.status === NO_PERMISSION) return false
    const memory = error.status === NO_MEMORY || error.status === null ? '; its key derivation may need more memory than there is' : ''
    throw new Error(`${error.message}${memory}`, { cause: error })
  }
}

/** Makes ready what cryptsetup needs. */
export function prepare(context: LuksContext, volume: PresentVolume): void {
  makeDirectory(context.state.kernel, LOCKS)
  loadModules(context, volume)
}

/** Tries a passphrase. */
export function openWithPassphrase(context: LuksContext, volume: PresentVolume, passphrase: Uint8Array): boolean {
  return open(context, volume, ['--key-file', '-'], passphrase)
}

/** Tries the key file; `keyDevice` is where it is, null for the image. */
export function openWithKeyFile(context: LuksContext, volume: PresentVolume, path: string, keyDevice: BlockDevice | null): boolean {
  const tryFile = (file: string): boolean => {
    if (!context.state.kernel.exists(file)) throw new Error(`Cannot read key file '${file}': it is not there`)
    return open(context, volume, ['--key-file', file, ...volume.options.keyfileArgs])
  }
  return keyDevice === null ? tryFile(path) : withMounted(context, keyDevice, (directory) => tryFile(`${directory}${path}`))
}

/** Mounts a device that has a key file read-only while `use` runs. */
function withMounted<T>({ state, loader }: LuksContext, device: BlockDevice, use: (directory: string) => T): T {
  const { kernel, log } = state
  const found = device.superblock
  if (found === null || found.usage !== 'filesystem') throw new Error(`Cannot look for a key file on '${device.path}': it has no file system`)
  const failure = loadFilesystem(kernel, loader, found.type)
  if (failure !== null) throw new Error(failure)
  makeDirectory(kernel, '/run/fulcrum')
  makeDirectory(kernel, KEY_MOUNT)
  kernel.mount(device.path, KEY_MOUNT, mountTypes(found.type)[0] ?? found.type, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
  try {
    return use(KEY_MOUNT)
  } finally {
    try {
      kernel.umount2(KEY_MOUNT, 0)
      kernel.rmdir(KEY_MOUNT)
    } catch (error) {
      log.warn(`${errorLine(error)}, ignoring`)
    }
  }
}
