// Talking with the rescue console: waits for its prompt, types a command, hands back what it printed.
// Every answer starts where the command was typed, so that a reason is never taken from an earlier failure.
// The commands: src/boot/rescue; waiting and typing: console.ts.
import type { Console } from './console.ts'

const PROMPT = /^fulcrum> /m

export class RescueTalk {
  readonly #console: Console

  constructor(console: Console) {
    this.#console = console
  }

  /** Waits for the prompt and returns everything that came before it. */
  async prompt(): Promise<string> {
    const start = this.#console.text.length
    await this.#console.waitFor(PROMPT)
    return this.#console.text.slice(Math.max(0, start - 4096))
  }

  /** Types a command that comes back to the prompt, and returns what was printed until then. */
  async command(line: string): Promise<string> {
    const start = this.#console.text.length
    this.#console.send(`${line}\r`)
    await this.#console.waitFor(PROMPT)
    return this.#console.text.slice(start)
  }

  /** Types a command after which no prompt is waited for. */
  last(line: string): void {
    this.#console.send(`${line}\r`)
  }

  /** Sets parameters, tries again, waits for the next prompt, and returns all that was printed. */
  async retry(...settings: readonly string[]): Promise<string> {
    const start = this.#console.text.length
    for (const setting of settings) await this.command(setting)
    this.#console.send('retry\r')
    await this.#console.waitFor(PROMPT)
    return this.#console.text.slice(start)
  }
}
