// The cache outside git: kernels, Debian roots, disk images and guest programs that are costly to make.
// Everything in it can be thrown away at any time. A thing appears there complete or not at all (made under
// a temporary name, then renamed), and two processes that want the same thing make it once: the second waits.
// Layout and variable: the shared contract in docs/architecture.md, and the XDG base directory specification.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The cache folder: `$FULCRUM_CACHE`, else `$XDG_CACHE_HOME/fulcrum`, else `~/.cache/fulcrum`. Made if missing. */
export function cacheDirectory(...parts: string[]): string {
  const named = process.env['FULCRUM_CACHE']
  const xdg = process.env['XDG_CACHE_HOME']
  const base = named ? named : join(xdg ? xdg : join(homedir(), '.cache'), 'fulcrum')
  const directory = join(base, ...parts)
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Whether a process of this number exists, whoever it is. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Blocks this thread. Set-up has nothing else to do meanwhile, and synchronous code keeps it readable. */
function sleepMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function tryTakeLock(path: string): boolean {
  try {
    const fd = openSync(path, 'wx')
    writeSync(fd, `${process.pid}\n`)
    closeSync(fd)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Takes the cache's lock `name` and returns what gives it back. Waits for another holder; takes over from one that died. */
function takeLock(name: string): () => void {
  const path = join(cacheDirectory('locks'), `${name.replaceAll('/', '_')}.lock`)
  let said = false
  while (!tryTakeLock(path)) {
    let holder: number
    try {
      holder = Number.parseInt(readFileSync(path, 'utf8'), 10)
    } catch {
      continue
    }
    // An empty file belongs to a process between open and write: give it the time to say who it is.
    if (Number.isNaN(holder)) {
      sleepMs(200)
      const again = existsSync(path) ? readFileSync(path, 'utf8') : ''
      if (again === '') rmSync(path, { force: true })
      continue
    }
    if (!processIsAlive(holder)) {
      rmSync(path, { force: true })
      continue
    }
    if (!said) process.stderr.write(`Waiting for process ${holder} that is making '${name}'\n`)
    said = true
    sleepMs(300)
  }
  return () => rmSync(path, { force: true })
}

/**
 * Runs `work` while this process alone holds the cache's lock `name`. Waits for another holder; takes over from
 * one that died. Not re-entrant.
 */
export function withCacheLock<T>(name: string, work: () => T): T {
  const release = takeLock(name)
  try {
    return work()
  } finally {
    release()
  }
}

/** The same for work that is asynchronous; a second such work of this process under the same name would wait for ever. */
export async function withCacheLockHeld<T>(name: string, work: () => Promise<T>): Promise<T> {
  const release = takeLock(name)
  try {
    return await work()
  } finally {
    release()
  }
}

/**
 * Makes `path` (a file or a folder inside the cache) by `make`, which is given a temporary path beside it, and
 * renames it into place. Returns `path`. Leaves nothing behind when `make` throws.
 */
export function makeAtomically(path: string, make: (temporary: string) => void): string {
  const temporary = `${path}.${process.pid}.new`
  rmSync(temporary, { recursive: true, force: true })
  try {
    make(temporary)
    rmSync(path, { recursive: true, force: true })
    renameSync(temporary, path)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return path
}
