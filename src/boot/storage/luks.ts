// The assembler of encrypted devices: LUKS, and plain dm-crypt where crypttab names it.
//
// Two tasks for each device that is locked: at once by its key file, where that is there; and by a passphrase that a
// person types, when everything has come. Which devices: luks-volumes.ts; how: luks-open.ts. Reads nothing and starts
// nothing before such a device is seen.  docs/luks.md

import type { BlockDevice } from '../../facts/block/block-device.ts'
import { parseCrypttab } from '../../facts/crypttab.ts'
import type { CrypttabEntry } from '../../facts/crypttab.ts'
import { errorLine } from '../../kernel/errors.ts'
import { askPassphrase } from '../ask.ts'
import { refusalFailure } from '../boot-failure.ts'
import type { BootState } from '../boot-state.ts'
import { ensureNode } from '../devices/index.ts'
import type { ModuleLoader } from '../devices/index.ts'
import { loadKeymap } from '../keymap.ts'
import { Passphrases } from '../passphrases.ts'
import { findTool } from '../tool.ts'
import type { Assembler, Task } from './assembly.ts'
import { openWithKeyFile, openWithPassphrase, prepare } from './luks-open.ts'
import type { LuksContext, PresentVolume } from './luks-open.ts'
import { chooseVolumes, deviceOf, isLocked } from './luks-volumes.ts'
import type { Volume } from './luks-volumes.ts'

const CRYPTTAB = '/etc/crypttab'

/** How a person knows it: '/dev/vda2 (LUKS, label 'root', luks-1234…)'. */
function describe({ device, name }: PresentVolume): string {
  const label = device.superblock?.label ?? null
  return `${device.path} (${label === null ? '' : `label '${label}', `}for ${name})`
}

/** What of a boot it looks at. */
export type LuksState = Pick<BootState, 'kernel' | 'trace' | 'log' | 'parameters'>

class LuksAssembler implements Assembler {
  readonly name = 'luks'
  readonly #context: LuksContext
  readonly #state: LuksState
  #crypttab: readonly CrypttabEntry[] | null = null
  /** What persons typed, here or for a hook: tried first on the next device. */
  readonly #passphrases: Passphrases
  /** Devices that were given up in this wait, by path. */
  readonly #givenUp = new Set<string>()
  readonly #told = new Set<string>()

  constructor(state: LuksState, loader: ModuleLoader) {
    this.#state = state
    this.#context = { state, loader }
    this.#passphrases = new Passphrases(state.kernel)
  }

  begin(): void {
    this.#givenUp.clear()
  }

  forget(): void {
    this.#passphrases.forget()
  }

  tasks(devices: readonly BlockDevice[], wanted: Parameters<Assembler['tasks']>[1]): readonly Task[] {
    const words = this.#state.parameters.block.luks
    if (!words.isOn) return []
    const volumes = chooseVolumes(wanted, { words, crypttab: words.useCrypttab ? this.#readCrypttab() : [], devices })
    const locked = volumes.flatMap((volume) => (volume.device !== null && isLocked(volume.device, devices) ? [{ ...volume, device: volume.device }] : []))
    // What is not there may still come, and the root with it.
    const others = volumes.filter(({ device }) => device === null || isLocked(device, devices))
    return locked.flatMap((volume) => this.#tasksFor(volume, others, devices))
  }

  #tasksFor(volume: PresentVolume, others: readonly Volume[], devices: readonly BlockDevice[]): Task[] {
    const { device, key, options } = volume
    const keyDevice = key === null ? null : deviceWithKey(key.device ?? (key.path.startsWith('/dev/') ? key.path : null), devices)
    const isKeyHere = key !== null && (keyDevice !== null || (key.device === null && this.#state.kernel.exists(key.path)))
    const awaitsKey = key !== null && !isKeyHere && (key.device !== null || key.path.startsWith('/dev/'))
    const words = this.#state.parameters.block.luks
    const tasks: Task[] = []
    if (key !== null && isKeyHere) {
      tasks.push({
        key: `luks ${device.path} key ${key.path} ${keyDevice?.path ?? ''}`,
        text: `unlocking ${describe(volume)} with key file '${key.path}'${keyDevice === null ? '' : ` of ${keyDevice.path}`}`,
        when: 'now',
        run: () => this.#byKeyFile(volume, key.path, keyDevice),
      })
    }
    tasks.push({
      key: `luks ${device.path} passphrase`,
      text: `unlocking ${describe(volume)} with a passphrase`,
      when: 'ask',
      ...(awaitsKey ? { quietMs: options.keyfileTimeoutMs ?? words.keyTimeoutMs } : {}),
      run: () => {
        if (key !== null && !isKeyHere) this.#state.log.warn(`Cannot find key file '${key.path}'${key.device === null ? '' : ` of '${key.device}'`}: it did not come; a passphrase is needed`)
        this.#byPassphrase(volume, others)
      },
    })
    return tasks
  }

  #begin(volume: PresentVolume): void {
    const { unsupported } = volume.options
    if (unsupported.length > 0 && !this.#told.has(volume.device.path)) {
      this.#told.add(volume.device.path)
      this.#state.log.warn(`Cannot use '${unsupported.join("', '")}' for '${volume.name}': fulcrum unlocks by passphrase or key file, ignoring`)
    }
    ensureNode(this.#state.kernel, volume.device)
    prepare(this.#context, volume)
  }

  #byKeyFile(volume: PresentVolume, path: string, keyDevice: BlockDevice | null): void {
    this.#begin(volume)
    if (keyDevice !== null) ensureNode(this.#state.kernel, keyDevice)
    const isDevice = path.startsWith('/dev/')
    if (!openWithKeyFile(this.#context, volume, isDevice ? (keyDevice?.path ?? path) : path, isDevice ? null : keyDevice)) {
      throw new Error(`Cannot unlock '${volume.device.path}' with key file '${path}': it is the wrong key`)
    }
  }

  #byPassphrase(volume: PresentVolume, others: readonly Volume[]): void {
    try {
      this.#begin(volume)
      const why = this.#ask(volume)
      if (why === null) return
      throw new Error(`Cannot unlock '${volume.device.path}': ${why}`)
    } catch (error) {
      this.#giveUp(volume, others, errorLine(error))
    }
  }

  /** Null when it is open, else why not. */
  #ask(volume: PresentVolume): string | null {
    const { options } = volume
    const { log, parameters, kernel } = this.#state
    if (options.tryEmpty && openWithPassphrase(this.#context, volume, new Uint8Array(0))) return null
    if (this.#passphrases.all().some((passphrase) => openWithPassphrase(this.#context, volume, passphrase))) return null
    if (options.headless) return "no key file opens it, and 'headless' forbids to ask"
    loadKeymap(kernel, log)
    const timeoutMs = options.timeoutMs === undefined ? parameters.block.luks.timeoutMs : options.timeoutMs
    for (let wrong = 0; options.tries === 0 || wrong < options.tries; ) {
      const answer = askPassphrase(kernel, `Passphrase for ${describe(volume)} [^C: none]: `, timeoutMs)
      if (answer.kind === 'timeout') return `no passphrase was typed for ${(timeoutMs ?? 0) / 1000} s`
      if (answer.kind === 'skipped') return 'no passphrase was given'
      if (answer.kind === 'gone') return 'there is no console to ask on'
      // Enter alone is no try: it is what is left of a boot menu, or somebody who looks whether the machine lives.
      if (answer.bytes.length === 0) continue
      log.info('trying the passphrase')
      if (this.#opens(volume, answer.bytes)) return null
      wrong += 1
      const left = options.tries === 0 ? '' : `, ${options.tries - wrong === 0 ? 'no' : options.tries - wrong} more ${options.tries - wrong === 1 ? 'try' : 'tries'}`
      log.warn(`wrong passphrase for ${volume.device.path}${left}`)
    }
    return `the passphrase was wrong ${options.tries} times`
  }

  /** Keeps a passphrase that opened something, for the next device; overwrites any other. */
  #opens(volume: PresentVolume, passphrase: Uint8Array): boolean {
    let isRight = false
    try {
      isRight = openWithPassphrase(this.#context, volume, passphrase)
      return isRight
    } finally {
      if (isRight) this.#passphrases.add(passphrase)
      else passphrase.fill(0)
    }
  }

  /** Waits on only where another device may still have the root. */
  #giveUp(volume: PresentVolume, others: readonly Volume[], detail: string): never {
    this.#givenUp.add(volume.device.path)
    const isLast = others.every(({ device }) => device !== null && this.#givenUp.has(device.path))
    if (!isLast || volume.options.nofail) throw new Error(detail)
    const remedy = "'retry' asks again; 'blk' shows the devices"
    throw refusalFailure('root-device', { reason: 'root-locked', detail, remedy }, null, [])
  }

  #readCrypttab(): readonly CrypttabEntry[] {
    if (this.#crypttab !== null) return this.#crypttab
    const { kernel, log } = this.#state
    let entries: readonly CrypttabEntry[] = []
    try {
      if (kernel.exists(CRYPTTAB)) entries = parseCrypttab(kernel.readText(CRYPTTAB))
    } catch (error) {
      log.warn(`${errorLine(error)}, ignoring`)
    }
    this.#crypttab = entries
    return entries
  }
}

function deviceWithKey(specifier: string | null, devices: readonly BlockDevice[]): BlockDevice | null {
  if (specifier === null) return null
  return devices.find((d) => d.superblock?.usage === 'filesystem' && isNamed(d, specifier)) ?? deviceOf(specifier, devices)
}

/** UUID= and LABEL= of a file system; deviceOf() means those of LUKS. */
function isNamed({ superblock }: BlockDevice, specifier: string): boolean {
  const match = /^(UUID|LABEL)=(.+)$/.exec(specifier)
  if (match === null) return false
  const [, key, value = ''] = match
  return key === 'UUID' ? superblock?.uuid?.toLowerCase() === value.toLowerCase() : superblock?.label === value
}

/** The assembler; null where the image has no cryptsetup. */
export function createLuks(state: LuksState, loader: ModuleLoader): Assembler | null {
  return findTool(state.kernel, 'cryptsetup') === undefined ? null : new LuksAssembler(state, loader)
}
