// Serves a folder to one guest by virtiofsd. It serves one connection and ends with it; it is killed by pid if the
// guest never connected. Man page: virtiofsd(1).
import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Virtiofsd } from '../../scripts/setup/virtiofsd.ts'

const START_MS = 120_000

/** Starts a server on `socket` and waits until it listens. The function that comes back ends it. */
export async function serveVirtiofs(server: Virtiofsd, folder: string, socket: string): Promise<() => void> {
  rmSync(socket, { force: true })
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', server.path, ...server.arguments(folder, socket)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  let hasEnded = false
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text) => { errors += String(text) })
  child.once('error', (error) => { errors += error.message })
  child.once('close', () => { hasEnded = true })
  const end = (): void => {
    if (!hasEnded) child.kill('SIGKILL')
    rmSync(socket, { force: true })
  }
  for (const deadline = Date.now() + START_MS; !existsSync(socket);) {
    if (hasEnded || Date.now() > deadline) {
      end()
      throw new Error(`Cannot serve '${folder}' with '${server.path}': ${errors.trim()}`)
    }
    await sleep(20)
  }
  return end
}
