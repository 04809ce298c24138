// A guest's serial console as something one can talk with: wait for a text, answer it.
// Like expect(1): each wait looks only at what came after the last match, so that an echo or an older prompt
// is not taken for the new one. What the kernel says in the middle of somebody's line comes behind that line.

export class ConsoleTimeout extends Error {}

/** For hangs, not for slow machines: the end of the guest ends a wait sooner. */
const PATIENCE_MS = 600_000

/** How a message of the kernel begins: printk writes it whole, at any place of a line that a program is writing. */
const STAMP = /\[ *\d+\.\d{6}\] /
const STAMP_FIRST = /^\[ *\d+\.\d{6}\] /
const QUESTION = /\x1b\[[?!\d;]*[a-zA-Z]$/
/** The end of what came in, if it may be the beginning of a stamp. */
const HALF_A_STAMP = /\[ *(\d+(\.\d{0,6}\]?)?)?$/

export class Console {
  /** In the order of lines. */
  #text = ''
  /** Messages of the kernel that came while the last line of #text was being written. */
  #held = ''
  /** Whether the last of #held has not ended yet. */
  #isHeldOpen = false
  /** What may be the beginning of a stamp. */
  #rest = ''
  #cursor = 0
  #closed = false
  #watchers: (() => void)[] = []
  readonly #write: (text: string) => void

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** Everything the guest has printed so far. */
  get text(): string {
    return this.#text + this.#held + this.#rest
  }

  /** Called by the harness with what came in. */
  feed(text: string): void {
    let coming = this.#rest + text
    this.#rest = ''
    while (coming !== '') coming = this.#isHeldOpen ? this.#hold(coming) : this.#append(coming)
    this.#wake()
  }

  /** Takes the rest of a kernel's message out of `coming`, and answers what is left. */
  #hold(coming: string): string {
    const end = coming.indexOf('\n') + 1
    this.#isHeldOpen = end === 0
    this.#held += this.#isHeldOpen ? coming : coming.slice(0, end)
    return this.#isHeldOpen ? '' : coming.slice(end)
  }

  /** Takes what belongs to the last line out of `coming`, and answers what is left. */
  #append(coming: string): string {
    const begun = this.#text.slice(this.#text.lastIndexOf('\n') + 1)
    const end = coming.indexOf('\n') + 1
    const line = end === 0 ? coming : coming.slice(0, end)
    const isWholeLine = begun === '' && this.#held === ''
    const at = STAMP_FIRST.test(begun + line) ? -1 : line.search(STAMP)
    // Questions to the terminal are no line that goes on.
    const isQuestion = at >= 0 && QUESTION.test(begun + line.slice(0, at))
    if (!isQuestion && (at > 0 || (at === 0 && !isWholeLine))) {
      this.#text += line.slice(0, at)
      this.#isHeldOpen = true
      return coming.slice(at)
    }
    if (end === 0) {
      const half = HALF_A_STAMP.exec(line)?.index ?? line.length
      this.#text += line.slice(0, half)
      this.#rest = line.slice(half)
      return ''
    }
    this.#text += line
    this.#release()
    return coming.slice(end)
  }

  #release(): void {
    this.#text += this.#held
    this.#held = ''
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
  async waitFor(pattern: RegExp, timeoutMs = PATIENCE_MS): Promise<RegExpExecArray> {
    if (/\.[*+]\$$/.test(pattern.source)) throw new TypeError(`Cannot wait for ${pattern}: the line may still be arriving; end the pattern with \\r?\\n`)
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const match = pattern.exec(this.text.slice(this.#cursor))
      if (match !== null) {
        this.#cursor += match.index + match[0].length
        // What was found in what is held stays where it was found.
        if (this.#cursor > this.#text.length && !this.#isHeldOpen) this.#release()
        return match
      }
      const left = deadline - Date.now()
      if (this.#closed || left <= 0) {
        const last = this.text.slice(this.#cursor).slice(-400)
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
