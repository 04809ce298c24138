// Oracles of fsmount(2) with FSMOUNT_NAMESPACE: a new file system in a mount namespace of its own.
//
// Assertions of the kernel's selftests/filesystems/fsmount_ns. Since Linux 7.1: EINVAL before. What the originals ask
// statmount(2) of the first mount that is listed, we ask statfs(2) of "/" in the namespace.

import { FSMOUNT_CLOEXEC, FSMOUNT_NAMESPACE, MNT_DETACH, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MS_REC, MS_SLAVE, TMPFS_MAGIC } from '../../abi/mount.ts'
import { CLONE_NEWNS, O_RDONLY } from '../../abi/process.ts'
import type { ResultOf } from '../child-table.ts'
import { MOUNT_ATTR_NOATIME, NS_GET_MNTNS_ID, close, fsmount, ioctl, mount, open, setns, statfs, umount } from './calls.ts'
import { history, since, type Oracle, type Script } from './script.ts'

const SUITE = 'selftests/filesystems/fsmount_ns'
const NEW = since('7.1', 'EINVAL')

/** A namespace with a tmpfs in it. */
function namespace(s: Script, attributes = 0, flags = FSMOUNT_NAMESPACE | FSMOUNT_CLOEXEC): ResultOf {
  const context = s.created()
  const fd = s.expect(fsmount(context, flags, attributes), NEW)
  s.ok(close(context))
  return fd
}

function idOf(s: Script, fd: ResultOf): () => bigint {
  const id = Buffer.alloc(8)
  s.ok(ioctl(fd, NS_GET_MNTNS_ID, id))
  return () => id.readBigUInt64LE(0)
}

const ST_RDONLY = 1n
const ST_NOSUID = 2n
const ST_NOEXEC = 8n
const ST_NOATIME = 0x400n

const attributes = (name: string, set: number, wanted: bigint): Oracle => ({
  name: `fsmount namespace: mounted ${name}`,
  source: `${SUITE} fsmount_ns_mount_attrs ${name}`,
  build(s) {
    s.ok(setns(namespace(s, set), CLONE_NEWNS))
    const found = Buffer.alloc(120)
    s.ok(statfs('/', found))
    // f_flags; ST_VALID and ST_RELATIME may be there as well.
    s.check('the flags', () => (found.readBigInt64LE(80) & (ST_RDONLY | ST_NOSUID | ST_NOEXEC | ST_NOATIME)) === wanted)
  },
})

export const fsmountNsOracles: readonly Oracle[] = [
  ...([['with close-on-exec', FSMOUNT_NAMESPACE | FSMOUNT_CLOEXEC, 'basic_tmpfs'], ['alone', FSMOUNT_NAMESPACE, 'namespace_only']] as const).map(([how, flags, variant]): Oracle => ({
    name: `fsmount namespace ${how}: new, with a mount, and can be entered`,
    source: `${SUITE} create_namespace, setns_into_namespace (${variant})`,
    build(s) {
      const fd = namespace(s, 0, flags)
      const theirs = idOf(s, fd)
      const ours = idOf(s, s.ok(open('/proc/self/ns/mnt', O_RDONLY)))
      const list = s.listNamespace(fd)
      s.child(() => s.ok(setns(fd, CLONE_NEWNS)))
      s.check('another namespace', () => theirs() !== 0n && theirs() !== ours())
      s.check('its mounts are listed', () => list().length >= 1)
    },
  })),
  {
    name: 'fsmount without the flag makes no namespace',
    source: `${SUITE} create_namespace (cloexec_only)`,
    build: (s) => void s.expect(ioctl(s.detached(), NS_GET_MNTNS_ID, Buffer.alloc(8)), history('EBADF')),
  },
  {
    name: 'fsmount namespace: its root is the tmpfs',
    source: `${SUITE} verify_mount_properties, verify_tmpfs_type`,
    build(s) {
      s.ok(setns(namespace(s), CLONE_NEWNS))
      const found = Buffer.alloc(120)
      s.ok(statfs('/', found))
      const root = s.statmount('/')
      s.check('tmpfs', () => found.readBigInt64LE(0) === BigInt(TMPFS_MAGIC) && root.fstype() === 'tmpfs' && root.mountPoint() === '/')
    },
  },
  {
    name: 'fsmount namespace without capability',
    source: `${SUITE} requires_cap_sys_admin`,
    build(s) {
      s.enterUserNamespace(CLONE_NEWNS)
      const context = s.created()
      s.dropAllCapabilities()
      s.expect(fsmount(context, FSMOUNT_NAMESPACE | FSMOUNT_CLOEXEC, 0), 'EPERM')
    },
  },
  {
    name: 'fsmount namespace in a user namespace',
    source: `${SUITE} create_in_userns, setns_in_userns`,
    build(s) {
      s.enterUserNamespace(CLONE_NEWNS)
      const fd = namespace(s)
      const list = s.listNamespace(fd)
      s.child(() => s.ok(setns(fd, CLONE_NEWNS)))
      s.check('its mounts are listed', () => list().length >= 1)
    },
  },
  {
    name: 'fsmount namespace in a user namespace: its root cannot be unmounted',
    source: `${SUITE} umount_fails_einval`,
    build(s) {
      s.enterUserNamespace(CLONE_NEWNS)
      s.ok(setns(namespace(s), CLONE_NEWNS))
      s.passing(umount('/', MNT_DETACH), 'EINVAL')
    },
  },
  {
    name: 'fsmount namespace by the owner: its root can be unmounted',
    source: `${SUITE} umount_succeeds`,
    build(s) {
      s.ok(mount('none', '/', null, MS_SLAVE | MS_REC, null), setns(namespace(s), CLONE_NEWNS), umount('/', MNT_DETACH))
    },
  },
  attributes('readonly', MOUNT_ATTR_RDONLY, ST_RDONLY),
  attributes('noexec', MOUNT_ATTR_NOEXEC, ST_NOEXEC),
  attributes('nosuid', MOUNT_ATTR_NOSUID, ST_NOSUID),
  attributes('noatime', MOUNT_ATTR_NOATIME, ST_NOATIME),
  attributes('combined', MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME, ST_RDONLY | ST_NOEXEC | ST_NOSUID | ST_NOATIME),
]
