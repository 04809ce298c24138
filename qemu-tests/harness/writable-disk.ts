// Throw-away copies of disk images, for guests whose writes are looked at after their end. The images in the cache
// are shared and must stay as they are. Man page: cp(1).
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { ownPath } from './own-files.ts'
import type { Machine } from './qemu-arguments.ts'

function copy(from: string, to: string): void {
  runTool('cp', ['--reflink=auto', '--sparse=always', from, to])
}

/** Path of a copy (sparse; shared blocks where the file system can), gone when this process ends at the latest. */
export function copyOf(image: string): string {
  const path = ownPath('scratch', `disk-${randomBytes(6).toString('hex')}`, '.img')
  copy(image, path)
  return path
}

/** The machine with a copy of each disk that is to be written. */
export function withWritableDisks(machine: Machine): Machine {
  if (machine.disks === undefined) return machine
  return { ...machine, disks: machine.disks.map((disk) => disk.writable === true ? { ...disk, path: copyOf(disk.path) } : disk) }
}

/** Ends the copies of withWritableDisks; into `folder` go those that somebody may want to look at. */
export function removeWritableDisks(machine: Machine, folder?: string): void {
  for (const [index, disk] of (machine.disks ?? []).entries()) {
    if (disk.writable !== true) continue
    if (folder !== undefined) copy(disk.path, join(folder, `disk${index}.img`))
    rmSync(disk.path, { force: true })
  }
}

/** The machine as it can be booted again without writing to an image of the cache. */
export function withoutWritableDisks(machine: Machine): Machine {
  if (machine.disks === undefined) return machine
  return { ...machine, disks: machine.disks.map((disk) => ({ ...disk, writable: false })) }
}
