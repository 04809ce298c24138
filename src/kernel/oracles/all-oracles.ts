// All oracles: what others assert of the kernel's mount calls, run on our bindings.
//
// oracles.ns.test.ts runs them on this machine, qemu-tests/oracles.qemu.test.ts in guests.  docs/oracles.md

import { beneathOracles } from './beneath-oracles.ts'
import { openTreeNsOracles } from './open-tree-ns-oracles.ts'
import type { Oracle } from './script.ts'

export const allOracles: readonly Oracle[] = [...beneathOracles, ...openTreeNsOracles]
