// A guest's serial console as something one can talk with: wait for a text, answer it.
// Like expect(1): each wait looks only at what came after the last match, so that an echo or an older prompt
// is not taken for the new one.

export class ConsoleTimeout extends Error {}

export class Console {
  #text = ''
  #cursor = 0
  #closed = false
  #watchers: (() => void)[] = []
  readonly #write: (text: string) => void

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** Everything the guest has printed so far. */
  get text(): string {
    return this.#text
  }

  /** Called by the harness with what came in. */
  feed(text: string): void {
    this.#text += text
    this.#wake()
  }

  /** Called by the harness when nothing more can come: pending waits fail at once instead of timing out. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  #wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher()
  }

  /** Sends text as if typed. A line needs its own '\r' or '\n'. */
  send(text: string): void {
    this.#write(text)
  }

  /**
   * Waits until `pattern` is found after the last match, and moves past it.
   * @throws ConsoleTimeout if it does not come in time or the guest ends first, TypeError for a pattern that would
   * match half a line: what has arrived so far is the end of the text, so '$' is true there
   */
  async waitFor(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    if (/\.[*+]\$$/.test(pattern.source)) throw new TypeError(`Cannot wait for ${pattern}: the line may still be arriving; end the pattern with \\r?\\n`)
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const match = pattern.exec(this.#text.slice(this.#cursor))
      if (match !== null) {
        this.#cursor += match.index + match[0].length
        return match
      }
      const left = deadline - Date.now()
      if (this.#closed || left <= 0) {
        const last = this.#text.slice(this.#cursor).slice(-400)
        const why = this.#closed ? 'the guest ended' : `${timeoutMs} ms are over`
        throw new ConsoleTimeout(`Cannot find ${pattern} on the console: ${why}, last was ${JSON.stringify(last)}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#watchers.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }
}
