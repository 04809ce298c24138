// An NFS root, by mount(2): the kernel's client negotiates nothing, so the versions are tried here, newest first.
//
// No program is needed: the kernel asks rpcbind and mountd by itself for version 3, and version 4 is one port. There
// is no statd in an initramfs, so version 3 is mounted with nolock.
// nfs(5), Documentation/admin-guide/nfs/nfsroot.rst, fs/nfs/fs_context.c of the kernel.

import { MNT_DETACH, MS_RDONLY } from '../../abi/mount.ts'
import { parseMountOptions } from '../../facts/mount-options.ts'
import { errorLine, isErrno, SyscallError } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { errorFailure } from '../boot-failure.ts'
import type { ModuleLoader } from '../devices/index.ts'
import type { MountedRoot, Wanted } from '../storage/context.ts'
import { bracketed } from './ip-address.ts'
import type { Connection } from './network-files.ts'
import type { NfsRoot } from './parse-netroot.ts'
import { awaitServer, notReached, resolveHost } from './server.ts'
import type { ServerState } from './server.ts'

const NFS_PORT = 2049
const MOUNT_MS = 60_000
/** What the kernel would ask modprobe for, and there is none. */
const MODULES = ['nfs', 'nfsv4', 'nfsv3']
const VERSIONS: readonly string[] = ['4.2', '4.1', '4.0', '3']
const DEFAULT_PATH = '/tftpboot/%s'
const OTHER_VERSION = ['EPROTONOSUPPORT', 'ENOENT', 'EINVAL', 'ECONNREFUSED', 'EPERM', 'EIO', 'EREMOTEIO'] as const

/** The options that say a version, taken out, and what they say. */
export function splitVersion(options: string): { readonly version: string | null; readonly rest: readonly string[] } {
  let version: string | null = null
  const rest = options.split(',').filter((option) => {
    const match = /^(?:nfs)?(?:vers=|v(?=[34]))([34](?:\.\d)?)$/.exec(option)
    if (match !== null) version = match[1] ?? null
    return match === null && option !== ''
  })
  const minor = /^minorversion=(\d)$/.exec(rest.find((option) => option.startsWith('minorversion=')) ?? '')?.[1]
  if (minor === undefined) return { version, rest }
  return { version: `4.${minor}`, rest: rest.filter((option) => !option.startsWith('minorversion=')) }
}

/** The versions to try, in order. '4' alone is every 4. */
export function versionsFor(version: string | null): readonly string[] {
  if (version === null) return VERSIONS
  return version === '4' ? VERSIONS.filter((one) => one.startsWith('4.')) : [version]
}

/** What mount(2) gets for one version. */
export function nfsData(version: string, address: string, own: string | null, options: readonly string[]): string {
  const isOld = version === '3'
  const has = (key: string): boolean => options.some((option) => option === key || option.startsWith(`${key}=`))
  return [
    `vers=${version}`, `addr=${address}`,
    ...(isOld || own === null || has('clientaddr') ? [] : [`clientaddr=${own}`]),
    ...(isOld && !has('lock') && !has('nolock') ? ['nolock'] : []),
    ...(isOld && !has('mountproto') && !has('mountport') ? ['mountproto=tcp'] : []),
    ...(has('proto') || has('tcp') || has('udp') ? [] : [`proto=${address.includes(':') ? 'tcp6' : 'tcp'}`]),
    ...options,
  ].join(',')
}

/** '%s' of nfsroot= is the host name, else the address. */
function expand(path: string, connection: Connection | null): string {
  return path.replace('%s', connection?.request.hostname ?? connection?.lease?.hostname ?? connection?.address ?? '')
}

/** What is needed of the boot. */
interface NfsContext {
  readonly state: ServerState
  readonly loader: Pick<ModuleLoader, 'loadIfThere'>
}

/** A server can mount by a version that it then stumbles over (seen: nfs-ganesha 6.5, version 4.2, Linux 7.3). Throws SyscallError. */
function checkMounted(kernel: Pick<Kernel, 'readdir' | 'stat' | 'umount2'>, target: string): void {
  try {
    // What mount(2) has just read is in the cache: only this asks the server again.
    kernel.readdir(target)
    kernel.stat(target)
  } catch (error) {
    kernel.umount2(target, MNT_DETACH)
    throw error
  }
}

/** Mounts it on the target; `connection`: the one that it is behind, where that is known. Throws BootFailure. */
export function mountNfs({ state, loader }: NfsContext, root: NfsRoot, wanted: Wanted, connection: Connection | null): MountedRoot {
  const { kernel, trace, log } = state
  const server = root.server ?? connection?.request.server ?? connection?.lease?.bootServer ?? connection?.lease?.server ?? null
  if (server === null) throw notReached('Cannot mount by NFS: its server is not told, neither by root= or nfsroot= nor by ip= or DHCP', [])
  const path = expand(root.path === '' ? DEFAULT_PATH : root.path, connection)
  const address = resolveHost(state, server)
  const { flags, data } = parseMountOptions([root.options, wanted.options].filter((text) => text !== '').join(','), wanted.readOnly ? MS_RDONLY : 0)
  const { version, rest } = splitVersion(data ?? '')
  const port = Number(rest.find((option) => option.startsWith('port='))?.slice(5) ?? NFS_PORT)
  const isUdp = rest.some((option) => option === 'udp' || option.startsWith('proto=udp'))
  loader.loadIfThere(MODULES)
  if (!isUdp) awaitServer(state, address, port)
  const source = `${bracketed(server)}:${path}`
  const failures: string[] = []
  let first: unknown = null
  for (const one of versionsFor(version ?? root.version)) {
    const options = nfsData(one, address, connection?.address ?? null, rest)
    try {
      const call = { call: 'mount', source, target: wanted.target, fstype: 'nfs', flags, data: options } as const
      const outcome = trace.measure('mount', `${source} by NFS ${one}`, () => kernel.bounded(call, { timeoutMs: MOUNT_MS }), (end) => ({ end }))
      if (outcome === 'hung') throw notReached(`Cannot mount '${source}' by NFS ${one}: no answer in ${MOUNT_MS / 1000} s`, failures)
      checkMounted(kernel, wanted.target)
      log.info(`mounted ${source} by NFS ${one}`)
      return { source, type: one === '3' ? 'nfs' : 'nfs4', options: [(flags & MS_RDONLY) === 0 ? 'rw' : 'ro', options].join(',') }
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
      first ??= error
      failures.push(`NFS ${one}: ${errorLine(error)}`)
      if (!isErrno(error, ...OTHER_VERSION)) break
    }
  }
  throw errorFailure('mount', first, failures)
}
