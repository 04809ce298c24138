// Trees of Debian packages in the cache: a root of some release with these packages in it, made once.
// Nothing is installed on this machine: programs that a test or an image needs come from such a tree, used as a
// sysroot or by chroot. The signature of the archive is checked with the keyring of the private apt.
// Man pages: mmdebstrap(1).
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from './cache.ts'
import { debianArchitecture, ensureDebianPackages } from './packages.ts'
import { openPrivateApt } from './private-apt.ts'
import { runTool } from './run-tool.ts'

/** Fetches and unpacks `packages` of a release, and what they depend on, into a new folder. About a minute; needs root. */
export function makeDebianTree(tree: string, release: string, packages: readonly string[]): void {
  ensureDebianPackages(['mmdebstrap', 'debian-archive-keyring'])
  const apt = openPrivateApt()
  const tar = `${tree}.tar`
  const sources = `${tree}.list`
  const option = `[signed-by=${apt.keyring}]`
  const lines = [`deb ${option} ${apt.mirrors.main} ${release} main`]
  if (apt.mirrors.security !== undefined && release !== 'sid') lines.push(`deb ${option} ${apt.mirrors.security} ${release}-security main`)
  try {
    writeFileSync(sources, `${lines.join('\n')}\n`)
    const excludes = ['man', 'doc', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
    // A mirror that stands still serves sid with a date that is over; signed it is all the same.
    const stale = release === 'sid' ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : []
    runTool('mmdebstrap', ['--mode=root', ...stale, '--variant=minbase', `--architectures=${debianArchitecture()}`,
      `--include=${packages.join(',')}`, ...excludes, release, tar, sources], { show: true })
    mkdirSync(tree, { recursive: true })
    runTool('tar', ['-xpf', tar, '-C', tree, '--numeric-owner'])
  } finally {
    rmSync(tar, { force: true })
    rmSync(sources, { force: true })
  }
}

/** The tree of this name, made if the cache has none with these packages; older ones of the name are removed. */
export function ensureDebianTree(name: string, release: string, packages: readonly string[]): string {
  const key = createHash('sha256').update(JSON.stringify([1, release, packages])).digest('hex').slice(0, 12)
  const folder = cacheDirectory('roots')
  const tree = join(folder, `${name}-${release}-${key}`)
  return withCacheLock(`debian-tree-${name}-${release}`, () => {
    if (existsSync(tree)) return tree
    process.stderr.write(`Making a Debian root of '${release}' for ${name}\n`)
    for (const other of readdirSync(folder)) if (other.startsWith(`${name}-${release}-`)) rmSync(join(folder, other), { recursive: true, force: true })
    return makeAtomically(tree, (temporary) => makeDebianTree(temporary, release, packages))
  })
}

/** What images of the tests take: every storage tool, of the release that the Debian root is of. */
const STORAGE_TOOLS = [
  'cryptsetup-bin', 'lvm2', 'thin-provisioning-tools', 'mdadm', 'dmsetup', 'btrfs-progs', 'nbd-client', 'nbd-server', 'nfs-common', 'open-iscsi',
  'busybox-static', 'e2fsprogs', 'xfsprogs', 'udev', 'kmod', 'iproute2', 'klibc-utils', 'dhcpcd-base',
  'squashfs-tools', 'erofs-utils', 'util-linux', 'tgt',
]

/** A sysroot with the storage tools of Debian. */
export function ensureStorageTools(): string {
  return ensureDebianTree('storage', 'trixie', STORAGE_TOOLS)
}

/**
 * Files of util-linux of the release before that one, and of the C library that it was built for: unpacked and not a
 * root. `versions/NAME` has a package's version.
 */
export function ensureOldUtilLinux(): string {
  const release = 'bookworm'
  const tree = join(cacheDirectory('roots'), `util-linux-${release}`)
  return withCacheLock('util-linux-tree', () => existsSync(tree) ? tree : makeAtomically(tree, (temporary) => {
    const apt = openPrivateApt()
    for (const name of ['util-linux', 'libc6']) {
      const deb = apt.download(`${name}/${release}`)
      mkdirSync(join(temporary, 'versions'), { recursive: true })
      runTool('dpkg-deb', ['-x', deb, temporary])
      writeFileSync(join(temporary, 'versions', name), runTool('dpkg-deb', ['-f', deb, 'Version']))
      rmSync(dirname(deb), { recursive: true, force: true })
    }
  }))
}

/** An NFS server that needs no kernel module. */
export function ensureNfsServer(): string {
  return ensureDebianTree('nfs-server', 'trixie', ['nfs-ganesha', 'nfs-ganesha-vfs', 'rpcbind'])
}
