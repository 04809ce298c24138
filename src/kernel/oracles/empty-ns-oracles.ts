// Oracles of empty mount namespaces: unshare(2) with UNSHARE_EMPTY_MNTNS and clone3(2) with CLONE_EMPTY_MNTNS.
//
// Assertions of the kernel's selftests/filesystems/empty_mntns. Since Linux 7.1: EINVAL before, because the bits mean
// nothing (or something else) there.

import { AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, TMPFS_MAGIC } from '../../abi/mount.ts'
import { CLONE_FS, CLONE_NEWNS, O_RDONLY } from '../../abi/process.ts'
import {
  CLONE_EMPTY_MNTNS, CLONE_FILES, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS, UNSHARE_EMPTY_MNTNS, access, chdir, chroot, clone3, cloneArgs, close,
  creat, fchdir, getpid, mkdir, mount, moveMount, open, openat, setns, sethostname, statfs, unshare, type Call,
} from './calls.ts'
import { history, since, type Oracle, type Script } from './script.ts'

const SUITE = 'selftests/filesystems/empty_mntns'
const UNSHARE = `${SUITE} empty_mntns_test:`
const CLONE3 = `${SUITE} clone3_empty_mntns_test:`
const NEW = since('7.1', 'EINVAL')
const REFUSED = history('EINVAL', ['7.1', 'EPERM'])

const emptyChild = (flags = 0n): Call => clone3(cloneArgs(CLONE_EMPTY_MNTNS | flags), 64)

/** One mount, which is "/" and ".". */
function isEmpty(s: Script): void {
  s.mountCount(1)
  const [root, cwd] = [s.mountId('/'), s.mountId('.')]
  s.check('"/" is "."', () => root.value() !== 0n && root.value() === cwd.value())
}

/** The one mount is nullfs, at "/", its own parent, and nothing can be made in it. */
function isNullfs(s: Script): void {
  const root = s.statmount('/')
  s.passing(creat('/test'), 'ENOENT')
  s.passing(mkdir('/test'), 'ENOENT')
  s.check('nullfs at "/", its own parent', () => root.fstype() === 'nullfs' && root.mountPoint() === '/' && root.id() === root.parentId())
}

/** A tmpfs on nullfs becomes "/". A lookup of "/" does not cross to it: its descriptor leads there. */
function putTmpfsOnIt(s: Script): void {
  const fd = s.detached()
  s.ok(moveMount(fd, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH))
  s.mountCount(2)
  s.ok(fchdir(fd), chroot('.'), close(fd))
  const found = Buffer.alloc(120)
  s.ok(statfs('/', found), creat('/file'), access('/file'))
  s.check('"/" is the tmpfs', () => found.readBigInt64LE(0) === BigInt(TMPFS_MAGIC))
}

/** A private tmpfs with five binds of its directories. */
function manyMounts(s: Script, at: string): void {
  s.makePrivate()
  s.ok(mount('bed', at, 'tmpfs', 0, null))
  for (let i = 0; i < 5; i += 1) s.ok(mkdir(`${at}/${i}`), mount(`${at}/${i}`, `${at}/${i}`, null, MS_BIND, null))
}

const unshareOracles: readonly Oracle[] = [
  {
    name: 'unshare to an empty namespace: one mount, "/" and "."',
    source: `${UNSHARE} basic, listmount_single_entry`,
    build(s) { s.enterUserNamespace(); s.expect(unshare(UNSHARE_EMPTY_MNTNS), NEW); isEmpty(s) },
  },
  {
    name: 'unshare to an empty namespace, without a user namespace',
    source: 'own, kernel.md F',
    build(s) { s.expect(unshare(UNSHARE_EMPTY_MNTNS), NEW); isEmpty(s) },
  },
  {
    name: 'unshare to an empty namespace, together with UTS and IPC',
    source: `${UNSHARE} with_other_ns_flags, with_clone_newuser`,
    build(s) { s.enterUserNamespace(); s.expect(unshare(UNSHARE_EMPTY_MNTNS | CLONE_NEWUTS | CLONE_NEWIPC), NEW); isEmpty(s) },
  },
  {
    name: 'unshare to an empty namespace without capability',
    source: `${UNSHARE} eperm_without_caps`,
    build(s) { s.dropAllCapabilities(); s.expect(unshare(UNSHARE_EMPTY_MNTNS), REFUSED) },
  },
  {
    name: 'unshare to an empty namespace from one with many mounts and a working directory on one of them',
    source: `${UNSHARE} many_source_mounts, cwd_reset`,
    build(s, at) { manyMounts(s, at); s.ok(chdir(`${at}/3`)); s.expect(unshare(UNSHARE_EMPTY_MNTNS), NEW); isEmpty(s) },
  },
  {
    name: 'unshare to an empty namespace: nullfs',
    source: `${UNSHARE} mount_properties, root_is_own_parent`,
    build(s) { s.enterUserNamespace(); s.expect(unshare(UNSHARE_EMPTY_MNTNS), NEW); isNullfs(s) },
  },
  {
    name: 'unshare to an empty namespace twice: another one',
    source: `${UNSHARE} repeated_unshare`,
    build(s) {
      s.enterUserNamespace()
      s.expect(unshare(UNSHARE_EMPTY_MNTNS), NEW)
      const first = s.mountId('/')
      s.ok(unshare(UNSHARE_EMPTY_MNTNS))
      isEmpty(s)
      const second = s.mountId('/')
      s.check('another "/"', () => first.value() !== second.value())
    },
  },
  {
    name: 'unshare to an empty namespace: a tmpfs on nullfs becomes "/"',
    source: `${UNSHARE} overmount_tmpfs`,
    build(s) { s.enterUserNamespace(); s.expect(unshare(UNSHARE_EMPTY_MNTNS), NEW); isNullfs(s); putTmpfsOnIt(s) },
  },
  { name: 'unshare with an unknown flag', source: `${UNSHARE} invalid_flags`, build(s) { s.enterUserNamespace(); s.expect(unshare(0x80000000), 'EINVAL') } },
  {
    name: 'unshare with CLONE_NEWNS copies every mount',
    source: `${UNSHARE} clone_newns_full_copy`,
    build(s, at) { manyMounts(s, at); s.ok(creat(`${at}/4/file`), unshare(CLONE_NEWNS), access(`${at}/4/file`)) },
  },
  { name: 'unshare of another namespace alone is as before', source: `${UNSHARE} other_ns_unaffected`, build(s) { s.enterUserNamespace(); s.ok(unshare(CLONE_NEWUTS), sethostname('oracle')) } },
]

/** A child by clone3 with CLONE_EMPTY_MNTNS and more flags. */
const cloned = (name: string, tests: string, flags: bigint, more?: (s: Script) => void): Oracle => ({
  name: `clone3 into an empty namespace: ${name}`,
  source: `${CLONE3} ${tests}`,
  build(s) {
    s.enterUserNamespace()
    s.child(() => { isEmpty(s); more?.(s) }, { by: emptyChild(flags), expected: NEW })
  },
})

const clone3Oracles: readonly Oracle[] = [
  cloned('one mount, CLONE_NEWNS is implied', 'basic, implies_newns, listmount_single_entry', 0n),
  cloned('with CLONE_NEWNS', 'with_explicit_newns', BigInt(CLONE_NEWNS)),
  cloned('with a user namespace', 'with_newuser', BigInt(CLONE_NEWUSER)),
  cloned('with UTS and IPC', 'with_other_ns_flags', BigInt(CLONE_NEWUTS | CLONE_NEWIPC)),
  cloned('with a PID namespace', 'with_newpid', BigInt(CLONE_NEWPID), (s) => void s.expect(getpid(), 1)),
  cloned('nullfs', 'mount_properties', 0n, isNullfs),
  cloned('a tmpfs on nullfs becomes "/"', 'child_overmount_tmpfs', 0n, putTmpfsOnIt),
  {
    name: 'clone3 into an empty namespace: not with CLONE_FS',
    source: `${CLONE3} with_clone_fs_fails`,
    build(s) { s.enterUserNamespace(); s.expect(emptyChild(BigInt(CLONE_FS)), 'EINVAL') },
  },
  {
    name: 'clone3 into an empty namespace without capability',
    source: `${CLONE3} eperm_without_caps`,
    build(s) { s.dropAllCapabilities(); s.expect(emptyChild(), REFUSED) },
  },
  {
    name: 'clone3 into an empty namespace: the parent keeps its mounts, and each child has its own',
    source: `${CLONE3} parent_unchanged, many_parent_mounts, repeated`,
    build(s, at) {
      manyMounts(s, at)
      s.ok(creat(`${at}/4/file`))
      const ids: { value(): bigint }[] = []
      for (let i = 0; i < 2; i += 1) s.child(() => { isEmpty(s); ids.push(s.mountId('/')) }, { by: emptyChild(), expected: NEW })
      s.ok(access(`${at}/4/file`))
      s.check('two namespaces', () => ids[0]?.value() !== ids[1]?.value())
    },
  },
  {
    name: 'setns into an empty namespace of a child',
    source: `${CLONE3} setns_into_child_mntns`,
    build(s) {
      s.enterUserNamespace()
      const proc = s.ok(open('/proc', O_RDONLY))
      let namespace = proc
      // The child shares the descriptors, so that its namespace can be entered after its end; /proc it has by one of them.
      s.child(() => { namespace = s.ok(openat(proc, 'self/ns/mnt', O_RDONLY)) }, { by: emptyChild(BigInt(CLONE_FILES)), expected: NEW })
      s.ok(setns(namespace, CLONE_NEWNS))
      isEmpty(s)
    },
  },
  { name: 'clone3 with an unknown flag', source: `${CLONE3} unknown_flags_rejected`, build: (s) => void s.expect(clone3(cloneArgs(1n << 62n), 64), 'EINVAL') },
  {
    name: 'clone3 with CLONE_NEWNS alone copies every mount',
    source: `${CLONE3} clone3_newns_full_copy`,
    build(s, at) {
      manyMounts(s, at)
      s.ok(creat(`${at}/4/file`))
      s.child(() => void s.ok(access(`${at}/4/file`)), { by: clone3(cloneArgs(BigInt(CLONE_NEWNS)), 64) })
    },
  },
]

/** Several mounts on one place: a chroot there lands on the highest. */
const overmount: Oracle = {
  name: 'chroot into a stack of mounts lands on top of it',
  source: `${SUITE} overmount_chroot_test: overmount_chroot`,
  build(s, at) {
    s.makePrivate()
    for (let i = 0; i < 6; i += 1) s.ok(mount(`layer${i}`, at, 'tmpfs', 0, null), creat(`${at}/layer${i}`))
    const top = s.mountId(at)
    s.ok(chroot(at), chdir('/'))
    const root = s.mountId('/')
    for (let i = 0; i < 5; i += 1) s.passing(access(`/layer${i}`), 'ENOENT')
    s.ok(access('/layer5'))
    s.check('"/" is the top', () => top.value() === root.value())
  },
}

export const emptyNsOracles: readonly Oracle[] = [...unshareOracles, ...clone3Oracles, overmount]
