// Files of one test run in the cache: images of tens of MB, scratch folders. Unlike the rest of the cache nobody
// wants them a second time, so they carry the number of their process and go with it. A process that was killed
// could not tidy up: the next one does it.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, processIsAlive } from '../../scripts/setup/cache.ts'

const FOLDERS = ['images', 'scratch'] as const

/** Removes the files whose owner's number is one of those. */
function removeOwned(isGone: (pid: number) => boolean): void {
  for (const folder of FOLDERS) {
    const directory = cacheDirectory(folder)
    for (const name of readdirSync(directory)) {
      const pid = /-p(\d+)(\.[^.]*)*$/.exec(name)?.[1]
      if (pid !== undefined && isGone(Number(pid))) rmSync(join(directory, name), { recursive: true, force: true })
    }
  }
}

function removeOurs(): void {
  removeOwned((pid) => pid === process.pid)
}

/** A path in the cache for a file or a folder of this process; what is there goes when the process ends. */
export function ownPath(folder: (typeof FOLDERS)[number], name: string, suffix = ''): string {
  if (!process.listeners('exit').includes(removeOurs)) {
    process.once('exit', removeOurs)
    removeOwned((pid) => !processIsAlive(pid))
  }
  return join(cacheDirectory(folder), `${name}-p${process.pid}${suffix}`)
}
