// Runs a server of a Debian tree for one guest: by chroot in a mount namespace of its own, so that nothing is installed
// on this machine and nothing is mounted on it. It gets a parent-death signal and is killed by its pid.
// Man pages: unshare(1), setpriv(1), chroot(8).
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { listens } from './nbd-server.ts'

const START_MS = 120_000

export interface ChrootServer {
  /** For messages. */
  readonly name: string
  readonly tree: string
  /** Shell lines of the host in the new namespace; `$tree` is the tree. */
  readonly prepare: string
  /** The command in the tree, as words of a shell. It must stay in the foreground. */
  readonly command: string
  /** Where it listens on 127.0.0.1; null: in a network namespace of its own, where only `lo` is, and `ready` says that it listens. */
  readonly port: number | null
  /** A file that the server's preparation makes when all is ready; none by default. */
  readonly ready?: string
  /** Gets the pid of the server, whose namespaces others may enter. */
  readonly started?: (pid: number) => void
}

/** What every server needs: /run, /var and /etc that can be written, /proc, /dev. */
const BASE = `
set -e
mount -t tmpfs tmpfs "$tree/mnt"
cp -a "$tree/etc" "$tree/mnt/etc"; mount --bind "$tree/mnt/etc" "$tree/etc"; ln -sf /proc/self/mounts "$tree/etc/mtab"
mount -t tmpfs tmpfs "$tree/run"; mount -t tmpfs tmpfs "$tree/var"; ln -s /run "$tree/var/run"
mount -t proc proc "$tree/proc"; mount --bind /dev "$tree/dev"
`

/** Starts it and waits until it listens. The function that comes back ends it. */
export async function serveFromTree(server: ChrootServer): Promise<() => void> {
  const script = `tree=$1${BASE}${server.prepare}\nexec chroot "$tree" ${server.command}`
  const network = server.port === null ? ['-n'] : []
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '-m', ...network, '--propagation', 'private', 'sh', '-c', script, 'sh', server.tree], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let hasEnded = false
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { said += String(text) })
  child.once('error', (error) => { said += error.message })
  child.once('close', () => { hasEnded = true })
  const end = (): void => {
    if (!hasEnded) child.kill('SIGKILL')
  }
  const isReady = (): boolean => (server.port === null || listens(server.port)) && (server.ready === undefined || existsSync(server.ready))
  for (const deadline = Date.now() + START_MS; !isReady();) {
    if (hasEnded || Date.now() > deadline) {
      end()
      throw new Error(`Cannot serve by ${server.name}: ${said.trim().split('\n').slice(-10).join('\n')}`)
    }
    await sleep(20)
  }
  if (child.pid !== undefined) server.started?.(child.pid)
  return end
}
