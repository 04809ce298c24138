// Oracles of mount_setattr(2) and open_tree_attr(2): what is refused, what is all or nothing, and idmapped mounts.
//
// Assertions of the kernel's selftests/mount_setattr and of LTP's mount_setattr01, on tmpfs (idmapped since Linux 6.3).

import {
  AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_IDMAP, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH, MS_BIND, MS_SHARED, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE,
} from '../../abi/mount.ts'
import { CLONE_NEWNS, O_CREAT, O_RDONLY, O_RDWR } from '../../abi/process.ts'
import type { ResultOf } from '../child-table.ts'
import {
  CLONE_FILES, CLONE_NEWUSER, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, SIGCHLD, clone, close, creat, dup3, mkdir, mount, mountAttr,
  mountSetattr, moveMount, open, openTree, openTreeAttr, statfs, umount, unshare, type Call,
} from './calls.ts'
import { history, since, type Answer, type History, type Oracle, type Script } from './script.ts'

const SUITE = 'selftests/mount_setattr'
const CLONE_TREE = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
/** The highest bit of 32, which is no attribute. */
const NO_ATTRIBUTE = 2 ** 31
const ST_RELATIME = 0x1000n

type Values = Parameters<typeof mountAttr>[0]
const set = (path: string, values: Values, flags = AT_RECURSIVE): Call => mountSetattr(AT_FDCWD, path, flags, mountAttr(values), 32)
const setTree = (tree: ResultOf, values: Values, flags = AT_EMPTY_PATH): Call => mountSetattr(tree, '', flags, mountAttr(values), 32)

/** `at`, A on it, B on A: each a private tmpfs. */
function bed(s: Script, at: string): void {
  s.makePrivate()
  for (const path of [at, `${at}/A`, `${at}/A/B`]) {
    if (path !== at) s.ok(mkdir(path))
    s.ok(mount('bed', path, 'tmpfs', 0, null))
  }
}

/** Mount flags of a path later on, ST_* without ST_VALID. */
function flagsOf(s: Script, path: string): () => bigint {
  const found = Buffer.alloc(120)
  s.ok(statfs(path, found))
  return () => found.readBigInt64LE(80) & ~0x20n
}

const each = (s: Script, at: string): readonly (() => bigint)[] => [flagsOf(s, `${at}/A`), flagsOf(s, `${at}/A/B`)]
const all = (flags: readonly (() => bigint)[], wanted: bigint): boolean => flags.every((one) => one() === wanted)

/** Descriptor of a user namespace in which root is root; it is nobody's. */
function userNamespace(s: Script): ResultOf {
  let fd: ResultOf = { resultOf: -1 }
  s.child(() => {
    s.mapRoot()
    fd = s.ok(open('/proc/self/ns/user', O_RDONLY))
  }, { by: clone(CLONE_NEWUSER | CLONE_FILES | SIGCHLD) })
  return fd
}

const idmap = (fd: bigint | number): Values => ({ set: MOUNT_ATTR_IDMAP, userns: fd })

const attributes: readonly Oracle[] = [
  {
    name: 'mount_setattr: unknown bits',
    source: `${SUITE} invalid_attributes`,
    build(s, at) {
      bed(s, at)
      const bit = NO_ATTRIBUTE
      for (const values of [{ set: bit }, { clear: bit }, { propagation: bit }, { set: bit, clear: bit, propagation: bit }]) s.passing(set(`${at}/A`, values), 'EINVAL')
      s.passing(set(`${at}/A`, {}, 0x1), 'EINVAL')
    },
  },
  {
    name: 'mount_setattr: sizes of the structure',
    source: `${SUITE} extensibility`,
    build(s, at) {
      bed(s, at)
      const sized = (attr: Buffer | null, size: number): Call => mountSetattr(AT_FDCWD, `${at}/A`, AT_RECURSIVE, attr, size)
      const large = (values: Values, extra: Values): Buffer => Buffer.concat([mountAttr(values), Buffer.alloc(32), mountAttr(extra)])
      s.passing(sized(null, 32), 'EFAULT')
      s.passing(sized(Buffer.from('dummy'.padEnd(32, 'x')), 32), 'EINVAL')
      s.passing(sized(mountAttr({}), 0), 'EINVAL')
      s.passing(sized(mountAttr({}), 16), 'EINVAL')
      s.ok(sized(large({}, {}), 96))
      s.passing(sized(large({}, { set: MOUNT_ATTR_RDONLY }), 96), 'E2BIG')
      s.ok(sized(large({ set: MOUNT_ATTR_RDONLY }, {}), 96))
      const flags = each(s, at)
      s.check('read-only, both', () => all(flags, 1n | ST_RELATIME))
    },
  },
  {
    name: 'mount_setattr: of one mount, and of all below it',
    source: `${SUITE} basic, basic_recursive`,
    build(s, at) {
      bed(s, at)
      s.ok(set(`${at}/A`, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME }, 0))
      const [a, b] = each(s, at)
      s.ok(set(`${at}/A`, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, clear: MOUNT_ATTR__ATIME }))
      const both = each(s, at)
      s.ok(set(`${at}/A`, { clear: MOUNT_ATTR_RDONLY, propagation: MS_SHARED }))
      const again = each(s, at)
      s.check('only the one', () => a?.() === 0x409n && b?.() === ST_RELATIME)
      s.check('then both', () => all(both, 9n | ST_RELATIME))
      s.check('and written to again', () => all(again, 8n | ST_RELATIME))
    },
  },
  {
    name: 'mount_setattr: a file open for writing leaves everything as it was',
    source: `${SUITE} basic_recursive, mount_has_writers`,
    build(s, at) {
      bed(s, at)
      s.ok(open(`${at}/A/B/file`, O_RDWR | O_CREAT))
      s.passing(set(`${at}/A`, { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID }), 'EBUSY')
      const flags = each(s, at)
      s.check('nothing was changed', () => all(flags, ST_RELATIME))
    },
  },
  {
    name: 'mount_setattr: access times are one choice, which is cleared as a whole',
    source: `${SUITE} time_changes`,
    build(s, at) {
      bed(s, at)
      const wrong: readonly Values[] = [
        { set: MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOATIME }, { set: MOUNT_ATTR_STRICTATIME }, { set: MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NOATIME },
        { set: MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME }, { clear: MOUNT_ATTR_STRICTATIME }, { clear: MOUNT_ATTR_NOATIME },
      ]
      for (const values of wrong) s.passing(set(`${at}/A`, values), 'EINVAL')
      s.ok(set(`${at}/A`, { set: MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOATIME, clear: MOUNT_ATTR__ATIME }))
      const noatime = each(s, at)
      s.ok(set(`${at}/A`, { clear: MOUNT_ATTR__ATIME }))
      const relatime = each(s, at)
      s.ok(set(`${at}/A`, { set: MOUNT_ATTR_STRICTATIME, clear: MOUNT_ATTR__ATIME }), set(`${at}/A`, { clear: MOUNT_ATTR_NODIRATIME }))
      const strict = each(s, at)
      s.check('noatime,nodiratime', () => all(noatime, 0xc00n))
      s.check('relatime,nodiratime', () => all(relatime, 0x800n | ST_RELATIME))
      s.check('neither', () => all(strict, 0n))
    },
  },
  {
    name: 'mount_setattr: links that are not followed',
    source: `${SUITE} mount_attr_nosymfollow`,
    build(s, at) {
      bed(s, at)
      s.ok(creat(`${at}/A/file`), { name: 'symlink', nr: 88, args: ['file', `${at}/A/link`] }, set(`${at}/A`, { set: MOUNT_ATTR_NOSYMFOLLOW }))
      s.passing(open(`${at}/A/link`, O_RDONLY), 'ELOOP')
      s.ok(set(`${at}/A`, { clear: MOUNT_ATTR_NOSYMFOLLOW }), open(`${at}/A/link`, O_RDONLY))
    },
  },
  {
    name: 'mount_setattr in a user namespace that does not own the mounts',
    source: `${SUITE} wrong_user_namespace`,
    build(s, at) { bed(s, at); s.enterUserNamespace(); s.expect(set(`${at}/A`, { set: MOUNT_ATTR_RDONLY }), 'EPERM') },
  },
  {
    name: 'mount_setattr of a mount of another namespace',
    source: `${SUITE} wrong_mount_namespace`,
    build(s, at) {
      bed(s, at)
      const fd = s.ok(open(`${at}/A`, O_RDONLY))
      s.ok(unshare(CLONE_NEWNS))
      s.expect(setTree(fd, { set: MOUNT_ATTR_RDONLY }, AT_EMPTY_PATH | AT_RECURSIVE), 'EINVAL')
    },
  },
  {
    name: 'mount_setattr of a clone, each attribute',
    source: 'LTP mount_setattr01',
    build(s, at) {
      bed(s, at)
      const pairs = [[MOUNT_ATTR_RDONLY, 1n], [MOUNT_ATTR_NOSUID, 2n], [MOUNT_ATTR_NODEV, 4n], [MOUNT_ATTR_NOEXEC, 8n], [MOUNT_ATTR_NOSYMFOLLOW, 0x2000n], [MOUNT_ATTR_NODIRATIME, 0x800n]] as const
      for (const [attribute, wanted] of pairs) {
        const tree = s.ok(openTree(AT_FDCWD, at, CLONE_TREE))
        s.ok(setTree(tree, { set: attribute }), moveMount(tree, '', AT_FDCWD, `${at}/A`, MOVE_MOUNT_F_EMPTY_PATH), close(tree))
        const flags = flagsOf(s, `${at}/A`)
        s.ok(umount(`${at}/A`, 0))
        s.check(`attribute ${attribute}`, () => flags() === (wanted | ST_RELATIME))
      }
    },
  },
]

/** An idmapped clone of the bed is refused so, or made. */
const mapped = (name: string, source: string, expected: Answer | History, build: (s: Script, at: string) => Call): Oracle => ({
  name: `idmapped mount: ${name}`,
  source: `${SUITE} ${source}`,
  build(s, at) {
    bed(s, at)
    s.expect(build(s, at), expected)
  },
})

/** A number that nobody has: the structure is made before the descriptor of the namespace is known. */
const NAMESPACE_FD = 200

function idmapAttr(s: Script, namespace: ResultOf): Buffer {
  s.ok(dup3(namespace, NAMESPACE_FD, 0), close(namespace))
  return mountAttr(idmap(NAMESPACE_FD))
}

const idmapTree = (s: Script, tree: ResultOf, namespace: ResultOf): Call => mountSetattr(tree, '', AT_EMPTY_PATH, idmapAttr(s, namespace), 32)
const ON_TMPFS = since('6.3', 'EINVAL')

const idmapped: readonly Oracle[] = [
  mapped('by a negative descriptor', 'invalid_fd_negative', 'EINVAL', () => set('/', idmap(-9), 0)),
  mapped('by a descriptor that is too large', 'invalid_fd_large', 'EINVAL', () => set('/', idmap(2n ** 63n - 1n), 0)),
  mapped('by a closed descriptor', 'invalid_fd_closed', 'EBADF', () => set('/', idmap(1_000_000), 0)),
  mapped('by the initial user namespace', 'invalid_fd_initial_userns', 'EPERM', (s, at) => idmapTree(s, s.ok(openTree(AT_FDCWD, at, CLONE_TREE)), s.ok(open('/proc/self/ns/user', O_RDONLY)))),
  mapped('of an attached mount', 'attached_mount_inside_current_mount_namespace', 'EINVAL', (s, at) => idmapTree(s, s.ok(openTree(AT_FDCWD, at, OPEN_TREE_CLOEXEC)), userNamespace(s))),
  mapped('of a detached mount', 'detached_mount_inside_current_mount_namespace', ON_TMPFS, (s, at) => idmapTree(s, s.ok(openTree(AT_FDCWD, at, CLONE_TREE)), userNamespace(s))),
  mapped('of a detached mount from another namespace', 'detached_mount_outside_current_mount_namespace', ON_TMPFS, (s, at) => {
    const tree = s.ok(openTree(AT_FDCWD, at, CLONE_TREE))
    s.ok(unshare(CLONE_NEWNS))
    return idmapTree(s, tree, userNamespace(s))
  }),
  mapped('of a mount that is idmapped already', 'change_idmapping', history('EINVAL', ['6.3', 'EPERM']), (s, at) => {
    const tree = s.ok(openTree(AT_FDCWD, at, CLONE_TREE))
    s.passing(idmapTree(s, tree, userNamespace(s)), ON_TMPFS)
    return idmapTree(s, tree, userNamespace(s))
  }),
  mapped('of a tree with a file system that cannot', 'idmap_mount_tree_invalid', 'EINVAL', (s, at) => {
    s.ok(mount('proc', `${at}/A`, 'proc', 0, null))
    const tree = s.ok(openTree(AT_FDCWD, `${at}/A`, CLONE_TREE | AT_RECURSIVE))
    return idmapTree(s, tree, userNamespace(s))
  }),
  mapped('open_tree_attr without a clone is no way around', 'attached_mount_inside_current_mount_namespace', since('6.15', 'ENOSYS', 'EINVAL'), (s, at) =>
    openTreeAttr(s.ok(openTree(AT_FDCWD, at, OPEN_TREE_CLOEXEC)), '', AT_EMPTY_PATH, idmapAttr(s, userNamespace(s)), 32)),
  mapped('open_tree_attr with a clone', 'own, product', since('6.15', 'ENOSYS'), (s, at) =>
    openTreeAttr(AT_FDCWD, at, CLONE_TREE, idmapAttr(s, userNamespace(s)), 32)),
  {
    name: 'a bind of a bind keeps nothing of the attributes that the first was given later',
    source: 'own, product',
    build(s, at) {
      bed(s, at)
      s.ok(mount(at, `${at}/A`, null, MS_BIND, null), set(at, { set: MOUNT_ATTR_NOSUID }, 0))
      const flags = flagsOf(s, `${at}/A`)
      s.check('none', () => flags() === ST_RELATIME)
    },
  },
]

export const setattrOracles: readonly Oracle[] = [...attributes, ...idmapped]
