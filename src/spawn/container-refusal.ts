// What of a container only the kernel knows beforehand, as the refusal that it is.
//
// Which file systems can be shown through a map changes with every kernel, and has to be tried.

import type { Refusal } from '../facts/refusal.ts'
import type { RunRequest } from '../facts/run/run-types.ts'
import type { SpawnError } from './spawn-error.ts'

/** The failure as a refusal, or null where it is none. */
export function containerRefusal(request: RunRequest, { plan, actor, index, cause }: SpawnError): Refusal | null {
  const step = actor === 'host' ? plan.host[index] : undefined
  if (request.kind !== 'container' || cause.code !== 'EINVAL') return null
  if (step?.op === 'set-attributes' && step.userNamespace !== null) {
    const bind = /^bind-(\d+)$/.exec(step.tree.handle)?.[1]
    const path = bind === undefined ? request.root : (request.binds[Number(bind)]?.source ?? request.root)
    return {
      reason: 'root-not-idmappable', detail: `Cannot run '${request.name}' in a user namespace: this kernel cannot show the owners of '${path}', or of what is mounted below it, through a map`,
      remedy: 'copy it to ext4, xfs or btrfs, or give its files to the ids of the map (chown), or run without a user namespace',
    }
  }
  if (step?.op === 'template-namespace') {
    return { reason: 'pivot-impossible', detail: `Cannot run '${request.name}' as a container: "/" of this process is no mount that can be replaced (a chroot)`, remedy: 'run fulcrum outside of the chroot, or use Linux 7.0 or newer' }
  }
  return null
}
