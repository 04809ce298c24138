// Entering a container and binding into it, with a failure at each step: for the host and for guests.
//
// Answers what is wrong, in words; nothing when all is well.

import { SIGKILL } from '../../abi/process.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { planEnter } from '../../plan/run/enter.ts'
import type { EnterRequest } from '../../plan/run/enter.ts'
import { planLiveBind, planLiveUnbind } from '../../plan/run/live-bind.ts'
import type { ContainerRoom, Wish } from '../../spawn/testing/container-room.ts'
import { injectFailures } from '../../spawn/testing/inject-failures.ts'
import type { RunningChild } from '../../spawn/spawner-types.ts'
import { markOf } from '../registry.ts'
import type { RunEntry } from '../registry.ts'
import { openTarget } from '../target.ts'

/** An entry of the registry for a process, as far as openTarget() looks at it. */
export function entryFor(kernel: Kernel, pid: number): RunEntry {
  return {
    version: 1, name: 'room', kind: 'container', root: '/', command: [], process: markOf(kernel, pid), supervisor: null, pidNamespace: '', cgroup: null, since: 0,
    user: { uid: 0, gid: 0, groups: [] }, idMap: null, capabilities: null, noNewPrivileges: true, init: true, terminal: false, plan: '', binds: [],
  }
}

/** A container of this room that sleeps. */
export function startSleeper(room: ContainerRoom, wish: Wish): RunningChild {
  const nothing = room.kernel.open('/dev/null', 2)
  try {
    return room.spawner.start(room.plan({ command: ['sleep', '1000'], ...wish }, [nothing, nothing, nothing]))
  } finally {
    room.kernel.close(nothing)
  }
}

/** `source` is a directory of the host on a file system that knows idmapped mounts. */
export function enterFailures(room: ContainerRoom, source: string, wish: Wish): string[] {
  const { kernel, spawner } = room
  const child = startSleeper(room, wish)
  const nothing = kernel.open('/dev/null', 2)
  const request: EnterRequest = {
    name: 'room', command: ['true'], env: { PATH: '/bin' }, workingDirectory: '/', user: { uid: 0, gid: 0, groups: [] }, capabilities: ['chown', 'kill'],
    noNewPrivileges: true, stdio: [nothing, nothing, nothing], terminalPeer: null,
  }
  const bind = { source, target: '/run/a/b', readOnly: true, recursive: true, makeTarget: true, sourceIsDirectory: true, idMapped: true } as const
  const target = openTarget(kernel, entryFor(kernel, child.pid))
  try {
    const ofEnter = injectFailures(planEnter(request, target), spawner, kernel, ({ call }) => call === 'exit_group')
    const ofBind = injectFailures(planLiveBind(bind, target), spawner, kernel, ({ call }) => call === 'exit_group')
    const ended = spawner.start(planLiveUnbind(bind.target, target)).wait()
    return [
      ...[...ofEnter, ...ofBind].flatMap(({ where, wrong }) => wrong.map((it) => `${where}: ${it}`)),
      ...(ended?.code === 0 ? [] : [`unbind ended with ${JSON.stringify(ended)}`]),
    ]
  } finally {
    target.close()
    kernel.close(nothing)
    child.signal(SIGKILL)
    child.wait()
  }
}
