// QEMU's machine protocol: JSON lines over a socket. The harness needs one event (SHUTDOWN, with its reason: the
// only way to tell a power-off from a reset) and commands to plug a device in late.
// Reference: docs/interop/qmp-spec in QEMU.
import type { Socket } from 'node:net'

function asObject(data: unknown): ReadonlyMap<string, unknown> {
  return typeof data === 'object' && data !== null ? new Map(Object.entries(data)) : new Map()
}

export class Qmp {
  #rest = ''
  #next = 1
  readonly #socket: Socket
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  readonly #onEvent: (name: string, data: ReadonlyMap<string, unknown>) => void

  /** @param onEvent called with the name and data of each event */
  constructor(socket: Socket, onEvent: (name: string, data: ReadonlyMap<string, unknown>) => void) {
    this.#socket = socket
    this.#onEvent = onEvent
    socket.setEncoding('utf8')
    socket.on('data', (text) => this.#feed(String(text)))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Cannot talk with QEMU: it has ended'))
      this.#waiting.clear()
    })
    // Events are not sent before capabilities have been negotiated.
    this.command('qmp_capabilities').catch(() => {})
  }

  /** Runs one QMP command and resolves with its return value. */
  command(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.write(`${JSON.stringify({ execute: name, arguments: args, id })}\n`)
    })
  }

  #feed(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') this.#message(asObject(JSON.parse(line)))
  }

  #message(message: ReadonlyMap<string, unknown>): void {
    const event = message.get('event')
    if (typeof event === 'string') return this.#onEvent(event, asObject(message.get('data')))
    const id = message.get('id')
    if (typeof id !== 'number') return
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    const error = message.get('error')
    if (error === undefined) waiting?.resolve(message.get('return'))
    else waiting?.reject(new Error(`Cannot run QMP command: ${String(asObject(error).get('desc'))}`))
  }
}
