// Services that stay, for what one mount event of the host costs while they live: started by the library as any other, with the
// host's own tree as their root, so that every mount of the host is theirs as well.
// What runs in them sleeps. Engine 'auto' is OPEN_TREE_NAMESPACE on Linux 7.0 and newer, else a template namespace.
// docs/services.md

import { startRun } from '../../src/spawn/start-run.ts'
import type { Spawner } from '../../src/spawn/spawner.ts'
import type { RunningChild } from '../../src/spawn/spawner-types.ts'
import type { Kernel } from '../../src/index.ts'
import { BENCH } from './spawn-cases.ts'

export const SERVICE_ENGINES = ['move', 'pivot', 'auto'] as const
export type ServiceEngine = (typeof SERVICE_ENGINES)[number]

export function isServiceEngine(text: string): text is ServiceEngine {
  return SERVICE_ENGINES.some((name) => name === text)
}

/** Starts one service; it belongs to the caller. Throws what startRun throws. */
export function startService(kernel: Kernel, spawner: Spawner, engine: ServiceEngine): RunningChild {
  return startRun(kernel, spawner, {
    kind: 'service', engine, name: 'bench', root: '/', command: [`${BENCH}/root0/bin/busybox`, 'sleep', '100000'], env: {}, workingDirectory: '/',
    user: { uid: 0, gid: 0, groups: [] }, binds: [], readOnly: false, capabilities: null, noNewPrivileges: false, cgroupParent: null,
    stdio: [0, 1, 2], terminal: false, limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null },
  })
}
