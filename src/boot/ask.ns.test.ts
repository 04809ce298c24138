// Asking for a passphrase on a real terminal: a pty, on whose other side this test types and reads what is shown.
//
// The question itself runs in a process of its own (ask-child-for-tests.ts), since it blocks. Needs /dev/ptmx.
import { spawn } from 'node:child_process'
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import t from 'tap'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { toFd } from '../kernel/kernel.ts'

/** ioctl_tty(2). */
const TIOCSPTLCK = 0x40045431
const TIOCGPTN = 0x80045430
const O_RDWR_NOCTTY = 0o402

interface Asked {
  readonly kind: string
  readonly text: string | null
  readonly isRestored: boolean
}

class Terminal {
  #shown = ''
  readonly #answers: Asked[] = []
  readonly #master: number
  readonly #ended: Promise<unknown>
  #wake = (): void => undefined

  constructor(timeouts: readonly number[], early = '') {
    const kernel = createKoffiKernel()
    this.#master = openSync('/dev/ptmx', O_RDWR_NOCTTY)
    kernel.ioctl(toFd(this.#master), TIOCSPTLCK, new Uint8Array(4))
    const number = Buffer.alloc(4)
    kernel.ioctl(toFd(this.#master), TIOCGPTN, number)
    const slave = openSync(`/dev/pts/${number.readUInt32LE(0)}`, O_RDWR_NOCTTY)
    writeSync(this.#master, early)
    const child = spawn(process.execPath, [`${import.meta.dirname}/ask-child-for-tests.ts`, ...timeouts.map(String)], { stdio: [slave, slave, 'pipe'] })
    closeSync(slave)
    if (child.stderr === null) throw new Error('no standard error')
    const screen = createReadStream('', { fd: this.#master, autoClose: false })
    screen.on('data', (data) => {
      this.#shown += data.toString()
      this.#wake()
    })
    // EIO: the other side was closed.
    screen.on('error', () => undefined)
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#answers.push(JSON.parse(line))
      this.#wake()
    })
    this.#ended = new Promise((resolve) => child.once('close', resolve))
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => { this.#wake = resolve })
  }

  /** Waits for the question, types, and returns the answer and what was shown since the question. */
  async ask(typed: string, count: number): Promise<Asked & { readonly shown: string }> {
    await this.#until(() => this.#shown.split('Passphrase: ').length > count)
    writeSync(this.#master, typed)
    await this.#until(() => this.#answers.length >= count)
    const answer = this.#answers[count - 1] ?? { kind: 'none', text: null, isRestored: false }
    await this.#until(() => /\n$/.test(this.#shown.split('Passphrase: ')[count] ?? ''))
    return { ...answer, shown: this.#shown.split('Passphrase: ')[count] ?? '' }
  }

  async end(): Promise<void> {
    await this.#ended
    closeSync(this.#master)
  }
}

const star = (n: number): string => '*'.repeat(n)
const back = (n: number): string => '\b \b'.repeat(n)

t.test('what is typed, what is shown, what is answered', async (t) => {
  const cases: readonly (readonly [string, string | null, string])[] = [
    ['secret\r', 'secret', star(6)],
    ['two words\n', 'two words', star(9)],
    ['größe\r', 'größe', star(5)],
    ['axß\x7f\b1\r', 'a1', `${star(3)}${back(2)}*`],
    ['wrong\x15right\x17again\r', 'again', `${star(5)}${back(5)}${star(5)}${back(5)}${star(5)}`],
    ['\x7fa\r', 'a', '*'],
    ['a\x1b[Db\x1bOPc\x1b[3~\r', 'abc', star(3)],
    ['ab\tcd\x7fe\r', 'abce', `${star(2)}${back(2)}(not shown) `],
    ['\r', '', ''],
    ['abc\x03', null, star(3)],
    ['\x04', null, ''],
    ['ab\x04c\r', 'abc', star(3)],
    [`${'x'.repeat(514)}\r`, 'x'.repeat(512), `${star(512)}\x07\x07`],
  ]
  const terminal = new Terminal(cases.map(() => 0))
  for (const [index, [typed, text, shown]] of cases.entries()) {
    const answer = await terminal.ask(typed, index + 1)
    const name = JSON.stringify(typed.slice(0, 30))
    t.same([answer.kind, answer.text, answer.isRestored], [text === null ? 'skipped' : 'typed', text, true], name)
    // The terminal is cooked between two questions, for its output too.
    t.equal(answer.shown.replace(/\r\n$/, ''), shown, `${name}: shown`)
  }
  await terminal.end()
})

t.test('nobody types; somebody begins and stops; what came early is no answer', async (t) => {
  const terminal = new Terminal([150, 5000, 0], 'too early\r')
  t.match(await terminal.ask('', 1), { kind: 'timeout', isRestored: true })
  t.match(await terminal.ask('half', 2), { kind: 'timeout', text: null, isRestored: true, shown: /^\*{4}\r\n$/ })
  t.match(await terminal.ask('late\r', 3), { kind: 'typed', text: 'late' })
  await terminal.end()
})

t.test('without a console it is said', async (t) => {
  const child = spawn(process.execPath, [`${import.meta.dirname}/ask-child-for-tests.ts`, '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', (data: Buffer) => { text += data.toString() })
  await new Promise((resolve) => child.once('close', resolve))
  t.match(JSON.parse(text), { kind: 'gone' })
})
