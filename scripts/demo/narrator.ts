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
  return line.replaceAll(/\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[78=>c])/g, '').replaceAll(/[\x00-\x08\x0b-\x1f\x7f]/g, '')
}

/** Breaks a line at spaces where it is longer than `width`; what follows is indented. A word is never broken. */
export function wrap(text: string, width: number): string[] {
  if (text.length <= width) return [text]
  const at = text.lastIndexOf(' ', width)
  const isIndent = at < 1 || text.slice(0, at).trim() === ''
  const end = isIndent ? text.indexOf(' ', width) : at
  if (end < 0) return [text]
  return [text.slice(0, end), ...wrap(`    ${text.slice(end + 1)}`, width)]
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

  /** Something that the guest printed; long lines go on below, so that nothing is lost and pictures stay in line. */
  console(text: string): void {
    const bar = this.style('dim', this.screen.unicode ? '│' : '|')
    const style = /^fulcrum:/.test(text) ? 'cyan' : 'dim'
    for (const part of wrap(text, this.screen.columns - 4)) this.line(`  ${bar} ${this.style(style, part)}`)
  }

  /** One thing that was checked. */
  check(ok: boolean, text: string): void {
    this.line(`   ${ok ? this.style('green', 'ok    ') : this.style('red', 'FAILED')} ${text}`)
  }

  /**
   * Does `work` and says what it was, its result and how long it took. On a terminal the title stands there before:
   * what the work itself says on standard error comes between, and the whole line again at the end.
   */
  async step<T>(title: string, work: () => T | Promise<T>, result: (value: T) => string): Promise<T> {
    const started = performance.now()
    if (this.screen.colour) this.screen.write(`   ${title} ...\r`)
    const value = await work()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    this.line(`   ${title.padEnd(18)} ${result(value)} ${this.style('dim', `(${seconds} s)`)}`)
    return value
  }
}
