// Serves a disk image to one guest by Debian's nbd-server, on a port of 127.0.0.1, which a guest with a network
// reaches as 10.0.2.2. In the foreground, with a parent-death signal, and ended by its pid. Man page: nbd-server(5).
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownPath } from './own-files.ts'

const START_MS = 120_000

/** A port of 127.0.0.1 that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Whether somebody listens on a port of 127.0.0.1. Without connecting: in the foreground nbd-server serves one connection and ends with it. */
export function listens(port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['tcp', 'tcp6'].some((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').some((line) => line.includes(local) && / 0A /.test(line)))
}

/** Starts a server of `image` as export 'root' and waits until it listens. The function that comes back ends it. */
export async function serveNbd(image: string, port: number): Promise<() => void> {
  const config = ownPath('scratch', `nbd-${port}`, '.conf')
  writeFileSync(config, [
    '[generic]', 'user = root', 'group = root', 'listenaddr = 127.0.0.1', `port = ${port}`,
    '[root]', `exportname = ${image}`, 'flush = true', 'fua = true', '',
  ].join('\n'))
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'nbd-server', '-d', '-C', config, '-p', `${config}.pid`], { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  let hasEnded = false
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text) => { errors += String(text) })
  child.once('error', (error) => { errors += error.message })
  child.once('close', () => { hasEnded = true })
  const end = (): void => {
    if (!hasEnded) child.kill('SIGKILL')
    for (const path of [config, `${config}.pid`]) rmSync(path, { force: true })
  }
  for (const deadline = Date.now() + START_MS; !listens(port);) {
    if (hasEnded || Date.now() > deadline) {
      end()
      throw new Error(`Cannot serve '${image}' with nbd-server: ${errors.trim()}`)
    }
    await sleep(20)
  }
  return end
}
