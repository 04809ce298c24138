// Oracles of listmount(2), statmount(2) and of going from mount namespace to mount namespace by ioctl(2).
//
// Assertions of the kernel's selftests/filesystems/statmount (since Linux 6.8) and /nsfs (since 6.12).

import { MNT_DETACH } from '../../abi/mount.ts'
import { CLONE_NEWNS, O_PATH, O_RDONLY } from '../../abi/process.ts'
import { LISTMOUNT_REVERSE, NS_MNT_GET_INFO, NS_MNT_GET_NEXT, NS_MNT_GET_PREV, close, dup3, ioctl, listmount, mount, open, setns, statmount, umount, unshare } from './calls.ts'
import { history, since, type Oracle, type Script } from './script.ts'

const SUITE = 'selftests/filesystems'
const NEW = since('6.8', 'ENOSYS')
const NAMESPACES = since('6.12', 'ENOTTY')

const STATMOUNT_BY_FD = 1
const STATMOUNT_MNT_BASIC = 0x2n
const STATMOUNT_MNT_NS_ID = 0x40n
/** A number that nobody has: the request is made before the descriptor is known. */
const MOUNT_FD = 200

/** Struct mnt_id_req; `param` is the id to begin behind, or a mask. */
function listRequest(param = 0n): Buffer {
  const request = Buffer.alloc(24)
  request.writeUInt32LE(24, 0)
  request.writeBigUInt64LE(0xffffffffffffffffn, 8)
  request.writeBigUInt64LE(param, 16)
  return request
}

/** Ids of all mounts that are seen. */
function listed(s: Script, flags: number): () => readonly bigint[] {
  const ids = Buffer.alloc(8 * 512)
  s.expect(listmount(listRequest(), ids, 512, flags), NEW)
  return () => Array.from({ length: 512 }, (_, i) => ids.readBigUInt64LE(8 * i)).filter((id) => id !== 0n)
}

const rising = (ids: readonly bigint[]): boolean => ids.length > 3 && ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? id))

/** Some namespaces, each kept by a descriptor; the last is ours. */
function namespaces(s: Script, count: number): readonly ReturnType<Script['ok']>[] {
  return Array.from({ length: count }, () => {
    s.ok(unshare(CLONE_NEWNS))
    return s.ok(open('/proc/self/ns/mnt', O_RDONLY))
  })
}

export const listOracles: readonly Oracle[] = [
  { name: 'listmount: ids rise', source: `${SUITE}/statmount listmount_forward`, build(s) { const ids = listed(s, 0); s.check('rising', () => rising(ids())) } },
  {
    name: 'listmount: backwards they fall, since Linux 6.11',
    source: `${SUITE}/statmount listmount_backward`,
    build(s) {
      const forward = listed(s, 0)
      const ids = Buffer.alloc(8 * 512)
      s.expect(listmount(listRequest(), ids, 512, LISTMOUNT_REVERSE), since('6.11', 'EINVAL'))
      s.check('the same, turned round', () => forward().every((id, i, all) => id === ids.readBigUInt64LE(8 * (all.length - 1 - i))))
    },
  },
  {
    name: 'listmount: a new mount is the last',
    source: 'own, product',
    build(s, at) {
      s.makePrivate()
      const before = listed(s, 0)
      s.ok(mount('new', at, 'tmpfs', 0, null))
      const id = s.mountId(at)
      const after = listed(s, 0)
      s.check('one more, at the end', () => after().length === before().length + 1 && after().at(-1) === id.value())
    },
  },
  {
    name: 'statmount: an id of mountinfo, and one that nobody has',
    source: 'own, product',
    build(s) {
      for (const [id, answer] of [[1n, 'EINVAL'], [1n << 60n, 'ENOENT']] as const) {
        const request = listRequest(STATMOUNT_MNT_BASIC)
        request.writeBigUInt64LE(id, 8)
        s.passing(statmount(request, Buffer.alloc(512), 512, 0), since('6.8', 'ENOSYS', answer))
      }
    },
  },
  {
    name: 'statmount by a descriptor: the mount, and after its end nothing of a namespace',
    source: `${SUITE}/statmount statmount_test_ns (by fd)`,
    build(s, at) {
      s.makePrivate()
      s.ok(mount('bed', at, 'tmpfs', 0, null))
      const fd = s.ok(open(at, O_PATH), dup3(s.ok(open(at, O_PATH)), MOUNT_FD, 0))
      const id = s.mountId(at)
      const request = listRequest(STATMOUNT_MNT_BASIC | STATMOUNT_MNT_NS_ID)
      request.writeUInt32LE(MOUNT_FD, 4)
      request.writeBigUInt64LE(0n, 8)
      const [before, after] = [Buffer.alloc(512), Buffer.alloc(512)]
      s.expect(statmount(request, before, 512, STATMOUNT_BY_FD), history('ENOSYS', ['6.8', 'EINVAL'], ['7.0', 'ok']))
      s.ok(umount(at, MNT_DETACH), statmount(request, after, 512, STATMOUNT_BY_FD), close(fd))
      s.check('the id of the mount', () => before.readBigUInt64LE(40) === id.value())
      s.check('a namespace before, none after', () => (before.readBigUInt64LE(8) & STATMOUNT_MNT_NS_ID) !== 0n && (after.readBigUInt64LE(8) & STATMOUNT_MNT_NS_ID) === 0n)
    },
  },
  {
    name: 'mount namespaces: what is known of one, the next and the one before',
    source: `${SUITE}/nsfs iterate_forward, iterate_backward`,
    build(s) {
      const all = namespaces(s, 3)
      const [first, , last] = all
      if (first === undefined || last === undefined) return
      const info = Buffer.alloc(16)
      info.writeUInt32LE(16, 0)
      s.expect(ioctl(first, NS_MNT_GET_INFO, info), NAMESPACES)
      s.ok(setns(first, CLONE_NEWNS), ioctl(first, NS_MNT_GET_NEXT, Buffer.alloc(16)), ioctl(last, NS_MNT_GET_PREV, Buffer.alloc(16)))
      s.check('it has mounts and an id', () => info.readUInt32LE(4) > 3 && info.readBigUInt64LE(8) !== 0n)
    },
  },
  {
    name: 'mount namespaces: a request of autofs is none of theirs',
    source: `${SUITE}/nsfs nfs_valid_ioctl`,
    build(s) {
      const fd = s.ok(open('/proc/self/ns/mnt', O_RDONLY))
      // AUTOFS_DEV_IOCTL_OPENMOUNT, CLOSEMOUNT, READY
      for (const request of [0xc0189374, 0xc0189375, 0xc0189376]) s.passing(ioctl(fd, request, 0), 'ENOTTY')
    },
  },
]
