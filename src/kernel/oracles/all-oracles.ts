// All oracles: what others assert of the kernel's mount calls, run on our bindings.
//
// oracles.ns.test.ts runs them on this machine, qemu-tests/oracles.qemu.test.ts in guests.  docs/oracles.md

import { beneathOracles } from './beneath-oracles.ts'
import { detachedOracles } from './detached-oracles.ts'
import { emptyNsOracles } from './empty-ns-oracles.ts'
import { errnoOracles } from './errno-oracles.ts'
import { fsmountNsOracles } from './fsmount-ns-oracles.ts'
import { listOracles } from './list-oracles.ts'
import { openTreeNsOracles } from './open-tree-ns-oracles.ts'
import type { Oracle } from './script.ts'
import { setattrOracles } from './setattr-oracles.ts'

export const allOracles: readonly Oracle[] = [
  ...errnoOracles, ...beneathOracles, ...openTreeNsOracles, ...emptyNsOracles, ...fsmountNsOracles, ...setattrOracles, ...detachedOracles,
  ...listOracles,
]
