// The demo's voice: sections, steps with their time, console lines. On a terminal with a little colour; into a
// pipe or with NO_COLOR as plain text, so that what CI keeps of it can be read.

/** Where the text goes, and what that can show. */
export interface Screen {
  readonly write: (text: string) => void
  readonly colour: boolean
  /** UTF-8: block characters in pictures; otherwise ASCII. */
  readonly unicode: boolean
  readonly columns: number
}

/** The screen of this process. */
export function standardScreen(): Screen {
  const { stdout, env } = process
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '') ?? ''
  return {
    write: (text) => void stdout.write(text),
    colour: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    unicode: /utf-?8/i.test(locale),
    columns: Math.min(Math.max(stdout.isTTY ? stdout.columns : 100, 60), 110),
  }
}

/** A guest's console has escape sequences and carriage returns of its own: only the text is wanted. */
export function plainText(line: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return line.replaceAll(/\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[78=>c])/g, '').replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan'
const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, green: 32, red: 31, cyan: 36 }

export class Narrator {
  readonly screen: Screen
  #section = 0

  constructor(screen: Screen) {
    this.screen = screen
  }

  /** Text in a style, if the screen can. */
  style(style: Style, text: string): string {
    return this.screen.colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text
  }

  line(text = ''): void {
    this.screen.write(`${text}\n`)
  }

  /** A new numbered section with a sentence or two about what is going to be seen. */
  section(title: string, ...about: readonly string[]): void {
    this.#section += 1
    this.line()
    this.line(this.style('bold', `${this.#section}. ${title}`))
    for (const text of about) this.line(`   ${text}`)
    this.line()
  }

  /** Something that the guest printed. Cut to the width of the terminal, so that pictures of lines stay in line. */
  console(text: string): void {
    const room = this.screen.columns - 4
    const cut = text.length > room ? `${text.slice(0, room - 3)}...` : text
    const bar = this.screen.unicode ? '│' : '|'
    this.line(`  ${this.style('dim', bar)} ${/^fulcrum:/.test(cut) ? this.style('cyan', cut) : this.style('dim', cut)}`)
  }

  /** One thing that was checked. */
  check(ok: boolean, text: string): void {
    this.line(`   ${ok ? this.style('green', 'ok    ') : this.style('red', 'FAILED')} ${text}`)
  }

  /** Does `work` and says what it was, its result and how long it took. The line is begun before it. */
  async step<T>(title: string, work: () => T | Promise<T>, result: (value: T) => string): Promise<T> {
    const started = performance.now()
    this.screen.write(`   ${title.padEnd(18)} `)
    try {
      const value = await work()
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      this.line(`${result(value)} ${this.style('dim', `(${seconds} s)`)}`)
      return value
    } catch (error) {
      this.line(this.style('red', 'failed'))
      throw error
    }
  }
}
