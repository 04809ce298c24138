// dm-verity: a root or /usr whose every block is proven by a hash on the command line.
//
// veritysetup(8) makes the device and reads the superblock of the hashes. A wrong hash shows with the first block
// that is read, so one is read here; a flipped bit where somebody reads it: verified-init.ts.
// Documentation/admin-guide/device-mapper/verity.rst, veritytab(5), systemd-veritysetup-generator(8).

import { O_RDONLY } from '../../abi/process.ts'
import { readKernelLog } from '../../facts/kmsg.ts'
import { attempt, errorLine } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { BootFailure, refusalFailure } from '../boot-failure.ts'
import { ensureNode } from '../devices/index.ts'
import { runTool } from '../tool.ts'
import { isRootHash } from '../words/layer-words.ts'
import type { VerityWords } from '../words/layer-words.ts'
import type { RootContext, Wanted } from './context.ts'
import { deviceMapperEnv } from './device-mapper.ts'

const BLOCK_BYTES = 4096
const SIGNATURE = '/run/fulcrum/verity.signature'

/** veritytab(5)'s words that veritysetup has under the same name. */
const OPTIONS = new Set([
  'format', 'data-block-size', 'hash-block-size', 'data-blocks', 'hash-offset', 'salt', 'uuid', 'hash', 'ignore-corruption',
  'restart-on-corruption', 'panic-on-corruption', 'ignore-zero-blocks', 'check-at-most-once', 'fec-offset', 'fec-roots',
])
/** About when it is done and by whom: not for here. */
const PASSED_OVER = /^(x-|_netdev$|noauto$|nofail$|try-verity$|tpm2-measure-nvpcr=|$)/

/** Half of a hash as the UUID of a partition. */
function partitionUuid(digits: string): string {
  return `PARTUUID=${digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`
}

function badOption(detail: string): BootFailure {
  return refusalFailure('root-device', { reason: 'verity-failed', detail, remedy: 'correct the options on the kernel command line: fulcrum(7), veritytab(5)' }, null, [])
}

/** The words of veritysetup for those of veritytab(5). Throws BootFailure for one that would be lost: it may be what makes it safe. */
export function verityArguments(options: readonly string[], resolve: (spec: string) => string, writeSignature: (bytes: Uint8Array) => string): string[] {
  return options.flatMap((option) => {
    const [name = '', value] = option.split(/=(.*)/s)
    if (PASSED_OVER.test(option)) return []
    if (name === 'superblock') return /^(0|no|n|false|f|off)$/i.test(value ?? '') ? ['--no-superblock'] : []
    if (name === 'fec-device') return [`--fec-device=${resolve(value ?? '')}`]
    if (name === 'root-hash-signature') {
      const [, base64] = /^base64:(.*)$/s.exec(value ?? '') ?? []
      return [`--root-hash-signature=${base64 === undefined ? (value ?? '') : writeSignature(Buffer.from(base64, 'base64'))}`]
    }
    if (!OPTIONS.has(name)) throw badOption(`Cannot use option '${option}' for dm-verity: it is unknown`)
    return [`--${option}`]
  })
}

/** What the kernel said of it, for the report. */
export function verityMessages(kernel: Kernel): string[] {
  const all = attempt(() => readKernelLog(kernel)) ?? []
  return all.map(({ text }) => text).filter((text) => /device-mapper: (verity|table|ioctl)/.test(text)).slice(-6)
}

/** A hash or a block that is not what was promised. */
export function corrupted(kernel: Kernel, what: string, error: unknown): BootFailure {
  return refusalFailure('root-device', {
    reason: 'verity-corrupted',
    detail: `Cannot trust ${what}: ${errorLine(error)}`,
    remedy: 'the data was changed or is damaged, or it is another version than the hash is for: correct the hash, or boot another root with root=… and systemd.verity=no',
  }, null, verityMessages(kernel))
}

/** The words for this file system, if there are any. */
function wordsFor({ state }: RootContext, { role }: Wanted): VerityWords | null {
  return state.parameters.layers.verity[role]
}

/** Where the data is: what root= names, unless that is only the device to be made. */
function dataSpec(words: VerityWords, wanted: Wanted, name: string): string {
  if (words.data !== null) return words.data
  const isGiven = wanted.spec !== 'gpt-auto' && wanted.spec !== `/dev/mapper/${name}`
  return isGiven ? wanted.spec : partitionUuid(words.rootHash.slice(0, 32))
}

function open(context: RootContext, wanted: Wanted, words: VerityWords, name: string): void {
  const { state, loader } = context
  const { kernel, log } = state
  if (!isRootHash(words.rootHash)) throw badOption(`Cannot use '${words.rootHash}' as the root hash of dm-verity: it is no hash`)
  const timeoutMs = state.parameters.rootTimeoutMs
  const data = context.waitForDevice(dataSpec(words, wanted, name), `the data for the verity device '${name}'`, timeoutMs)
  const hash = context.waitForDevice(words.hash ?? partitionUuid(words.rootHash.slice(-32)), `the hashes for the verity device '${name}'`, timeoutMs)
  for (const device of [data, hash]) ensureNode(kernel, device)
  // What the image lacks may be built in; the tool says what is really missing.
  loader.loadIfThere(['dm-mod', 'dm-verity', 'sha256', 'crypto-sha256'])
  const args = verityArguments(
    words.options,
    (spec) => context.waitForDevice(spec, `the error correction of the verity device '${name}'`, timeoutMs).path,
    (bytes) => {
      kernel.writeFile(SIGNATURE, bytes, 0o600)
      return SIGNATURE
    },
  )
  const env = deviceMapperEnv(kernel)
  try {
    // After a return it is still there, perhaps of another hash.
    if (kernel.exists(`/dev/mapper/${name}`)) runTool(state, 'veritysetup', ['close', name], { env })
    runTool(state, 'veritysetup', ['open', data.path, name, hash.path, words.rootHash, ...args], { env })
  } catch (error) {
    throw refusalFailure('root-device', { reason: 'verity-failed', detail: errorLine(error), remedy: "look at 'dmesg'; correct roothash=, or the devices and options, on the kernel command line" }, null, verityMessages(kernel))
  }
  context.onRetry(() => void runTool(state, 'veritysetup', ['close', name], { env }))
  log.info(`/dev/mapper/${name}: ${data.path}, proven by ${hash.path}`)
  prove(kernel, name, `${data.path} and ${hash.path}`)
}

/** One block leads through all levels up to the hash of the command line. */
function prove(kernel: Kernel, name: string, devices: string): void {
  try {
    const fd = kernel.open(`/dev/mapper/${name}`, O_RDONLY)
    try {
      kernel.read(fd, new Uint8Array(BLOCK_BYTES), 0)
    } finally {
      kernel.close(fd)
    }
  } catch (error) {
    throw corrupted(kernel, `${devices}: they do not match the root hash`, error)
  }
}

/**
 * What to look for instead of `wanted`: the verified device, which is open then, where the command line has a hash for it.
 * Throws BootFailure.
 */
export function verified(context: RootContext, wanted: Wanted): Wanted {
  const words = wordsFor(context, wanted)
  if (words === null) return wanted
  const name = wanted.role === 'root' ? 'root' : 'usr'
  open(context, wanted, words, name)
  return { ...wanted, spec: `/dev/mapper/${name}`, readOnly: true }
}
