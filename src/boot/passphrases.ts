// The passphrases that persons typed in this boot: for LUKS by PID 1, and for hooks by ask_for_password.
//
// What opened one device is tried on the next, whoever asked for it. Where the image runs hooks written for dracut they
// are a line each in a file that only root can read, in memory as all of /run; it is gone before the switch.

import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

const DIRECTORY = '/run/fulcrum/hooks'
/** dracut-lib.sh reads and writes it too. */
const FILE = `${DIRECTORY}/passphrases`
const NEWLINE = 10

type PassphraseKernel = Pick<Kernel, 'exists' | 'readFile' | 'writeFile' | 'unlink'>

function readShared(kernel: PassphraseKernel): Uint8Array[] {
  if (!kernel.exists(FILE)) return []
  const bytes = attempt(() => kernel.readFile(FILE)) ?? new Uint8Array(0)
  const found: Uint8Array[] = []
  for (let from = 0, end = bytes.indexOf(NEWLINE); end >= 0; from = end + 1, end = bytes.indexOf(NEWLINE, from)) found.push(bytes.slice(from, end))
  bytes.fill(0)
  return found
}

/** Takes the shared ones away. Never throws. */
export function forgetShared(kernel: Pick<Kernel, 'exists' | 'unlink'>): void {
  if (kernel.exists(FILE)) attempt(() => kernel.unlink(FILE))
}

export class Passphrases {
  readonly #kernel: PassphraseKernel
  #own: Uint8Array[] = []

  constructor(kernel: PassphraseKernel) {
    this.#kernel = kernel
  }

  /** Each once; whoever gets them does not change them. */
  all(): readonly Uint8Array[] {
    const shared = readShared(this.#kernel).filter((one) => !this.#own.some((own) => Buffer.compare(own, one) === 0))
    this.#own.push(...shared)
    return this.#own
  }

  /** One that opened something. It is overwritten by forget(). */
  add(passphrase: Uint8Array): void {
    this.all()
    this.#own.push(passphrase)
    if (!this.#kernel.exists(DIRECTORY)) return
    const lines = new Uint8Array(this.#own.reduce((sum, one) => sum + one.length + 1, 0)).fill(NEWLINE)
    let at = 0
    for (const one of this.#own) {
      lines.set(one, at)
      at += one.length + 1
    }
    attempt(() => this.#kernel.writeFile(FILE, lines, 0o600))
    lines.fill(0)
  }

  forget(): void {
    for (const one of this.#own) one.fill(0)
    this.#own = []
    forgetShared(this.#kernel)
  }
}
