// Puts what the user names by --include into the image: files and directories of the running system.
//
// They come last and win over anything that is there. Programs among them still take their libraries
// from the sysroot, since that is what the rest of the image runs on.

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs'
import { resolve } from 'node:path'
import { BuilderError, describeCause } from '../builder-error.ts'
import { baseOf, directoryOf, imagePath, normalizePath } from '../image/image-path.ts'
import { sysrootPrefix } from '../image/parse-include.ts'
import type { ImageTree } from '../image/image-tree.ts'
import type { IncludeOption } from '../options.ts'
import type { Collector } from './collector.ts'
import type { Sysroot } from './sysroot.ts'

/** Adds one inclusion. Throws BuilderError if there is no such file. `why` is the reason why it is there, if that is not the option. */
export function addInclude(include: IncludeOption, tree: ImageTree, collector: Collector, sysroot: Sysroot, why?: string): void {
  const fromSysroot = include.source.startsWith(sysrootPrefix)
  const source = fromSysroot ? include.source.slice(sysrootPrefix.length) : resolve(include.source)
  const reason = why ?? `included as '${include.source}'`
  const given = include.destination
  const destination = given === undefined ? undefined : imagePath(given.endsWith('/') ? given + baseOf(source) : given)
  if (fromSysroot || (sysroot.directory === '/' && destination === undefined)) {
    if (!collector.add(source, { reason, ...(destination === undefined ? {} : { destination }) })) {
      throw new BuilderError('system', `Cannot include '${include.source}': ENOENT (No such file or directory)`)
    }
    return
  }
  addFromHost(source, destination ?? imagePath(normalizePath(source)), reason, true)

  /** Follows a link only where the user named it; links inside an included directory stay links. */
  function addFromHost(path: string, place: string, why: string, follow: boolean): void {
    const stats = statHost(path, follow, include.source)
    if (stats.isDirectory()) {
      tree.add(place, { type: 'directory', mode: stats.mode & 0o7777 }, why)
      for (const name of readdirSync(path).sort()) {
        addFromHost(`${path}/${name}`, `${place === '/' ? '' : place}/${name}`, why, false)
      }
    } else if (stats.isSymbolicLink()) {
      const target = readlinkSync(path)
      const absolute = target.startsWith('/') ? target : `${directoryOf(place)}/${target}`
      tree.replace(place, { type: 'symlink', target: imagePath(absolute) }, why)
    } else if (stats.isFile()) {
      const data = readHost(path, include.source)
      tree.replace(place, { type: 'file', mode: stats.mode & 0o7777, data }, why)
      collector.addNeeds(place, data, 'variable')
    } else {
      throw new BuilderError('system', `Cannot include '${path}': not a file, directory or link`)
    }
  }
}

/** Adds a file that will be wiped: for root only, with nothing of it in what others may read. Returns its path in the image. */
export function addSecret({ source, destination }: IncludeOption, tree: ImageTree): string {
  const path = resolve(source)
  const given = destination ?? path
  const place = imagePath(normalizePath(given.endsWith('/') ? given + baseOf(path) : given))
  if (!statHost(path, true, source).isFile()) throw new BuilderError('usage', `Cannot include secret '${source}': not a regular file`)
  tree.replace(place, { type: 'file', mode: 0o400, data: readHost(path, source) }, 'secret, overwritten before the hand-over')
  return place
}

function statHost(path: string, follow: boolean, named: string): Stats {
  try {
    return follow ? statSync(path) : lstatSync(path)
  } catch (cause) {
    throw new BuilderError('system', `Cannot include '${named}': ${describeCause(cause)}`, { cause })
  }
}

function readHost(path: string, named: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new BuilderError('system', `Cannot include '${named}': ${describeCause(cause)}`, { cause })
  }
}
