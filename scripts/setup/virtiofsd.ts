// Finds virtiofsd, the program that serves a folder of the host to a guest, and installs it where it is missing.
// Debian 12 has the old one in C as a part of QEMU; since Debian 13 it is a package of its own, in Rust. They take
// different options. Man page: virtiofsd(1).
import { existsSync } from 'node:fs'
import { ensureDebianPackages } from './packages.ts'
import { tryTool } from './run-tool.ts'

const PLACES = ['/usr/libexec/virtiofsd', '/usr/lib/qemu/virtiofsd', '/usr/lib/virtiofsd']

export interface Virtiofsd {
  readonly path: string
  /** Arguments to serve `folder` on the Unix socket `socket`, as root and with no daemon left behind. */
  arguments(folder: string, socket: string): string[]
}

/** The installed virtiofsd. Installs Debian's package if there is none. */
export function ensureVirtiofsd(): Virtiofsd {
  const find = (): string | undefined => PLACES.find((place) => existsSync(place))
  if (find() === undefined) ensureDebianPackages(['virtiofsd'])
  const path = find()
  if (path === undefined) throw new Error(`Cannot find virtiofsd: not one of '${PLACES.join(' ')}' exists`)
  // The sandbox of either needs namespaces that a container may not give; the folder is a throw-away one.
  const isRust = tryTool(path, ['--help']).stdout.includes('--shared-dir')
  return {
    path,
    arguments: (folder, socket) => isRust
      ? [`--socket-path=${socket}`, '--shared-dir', folder, '--sandbox', 'none', '--cache', 'auto']
      : [`--socket-path=${socket}`, '-o', `source=${folder}`, '-o', 'sandbox=chroot', '-o', 'cache=auto', '-f'],
  }
}
