// What makes a container impossible, beside what makes any run impossible (check-request.ts).
//
// Pure. Everything that can be known beforehand is refused with a remedy instead of failing in the middle.

import { isBelow } from '../../facts/paths.ts'
import type { Refusal } from '../../facts/refusal.ts'
import type { ContainerRequest, RunFacts } from '../../facts/run/run-types.ts'
import { checkRequest } from './check-request.ts'
import { canMake, isOnMemory, missingDirectories } from './container-mounts.ts'
import { onHost } from './id-map.ts'

function checkIds(request: ContainerRequest, facts: RunFacts): Refusal | null {
  const { idMap, user, root } = request
  if (idMap === null) return null
  const cannot = `Cannot run '${request.name}' in a user namespace`
  const uid = [0, user.uid].find((id) => onHost(idMap.uids, id) === null)
  const gid = [0, user.gid, ...user.groups].find((id) => onHost(idMap.gids, id) === null)
  if (uid !== undefined || gid !== undefined) {
    const what = uid === undefined ? `group id ${gid ?? 0}` : `user id ${uid}`
    return { reason: 'id-not-mapped', detail: `${cannot}: its map has no ${what}`, remedy: 'map 0 and the ids of the user, for instance --private-users=BASE for 65536 ids' }
  }
  if (!facts.features.idmappedMounts) return { reason: 'kernel-too-old', detail: `${cannot}: this kernel has no id-mapped mounts (Linux 5.12)`, remedy: 'use a newer kernel, or no user namespace' }
  if (!facts.root.idmappable && !facts.root.alreadyMapped) {
    return {
      reason: 'root-not-idmappable', detail: `${cannot}: the file system of '${root}' cannot show its owners through a map`,
      remedy: `copy the root to ext4, xfs or btrfs, or give its files to the ids of the map (chown), or run without a user namespace`,
    }
  }
  return null
}

/** The first thing that is wrong, or null. */
export function checkContainer(request: ContainerRequest, facts: RunFacts): Refusal | null {
  const { engine, root, volatile } = request
  const isOurs = (path: string): boolean => isOnMemory(path, request, facts) || ['/proc', '/dev', '/sys'].some((own) => isBelow(path, own))
  const general = checkRequest(request, facts, (path) => isOurs(path) || canMake(request, facts), isOurs)
  if (general !== null) return general
  const ids = checkIds(request, facts)
  if (ids !== null) return ids
  if (engine === 'namespace' && !facts.features.openTreeNamespace) {
    return { reason: 'kernel-too-old', detail: `Cannot make '${root}' a mount namespace: this kernel has no OPEN_TREE_NAMESPACE (Linux 7.0)`, remedy: 'use --engine pivot' }
  }
  if (volatile === 'yes' && facts.present['/usr'] !== 'directory') {
    return { reason: 'mount-point-missing', detail: `Cannot run '${root}' with --volatile=yes: it has no /usr`, remedy: 'use --volatile=overlay' }
  }
  const [missing] = canMake(request, facts) ? [] : missingDirectories(request, facts)
  if (missing !== undefined) {
    return { reason: 'mount-point-missing', detail: `Cannot run in '${root}': it has no ${missing} and cannot be written to`, remedy: `make the directory in the root, or use --volatile=overlay` }
  }
  return null
}
