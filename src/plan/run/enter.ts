// Plans `fulcrum enter`: a command in the namespaces, the cgroup and the root of something that runs.
//
// One setns(2) by pidfd joins all of them at once, the user namespace first. The pid namespace takes effect for the next child
// only, so there is an inner one, which CLONE_PARENT makes ours: the outer one ends at once. While it shares our memory
// nobody inside may look into it: the spawner makes it undumpable.  docs/run.md, setns(2)

import { O_DIRECTORY, O_PATH, CLONE_NEWPID, CLONE_PARENT } from '../../abi/process.ts'
import type { ServiceRequest } from '../../facts/run/run-types.ts'
import { calls, handle } from './calls.ts'
import { commandTail } from './command-tail.ts'
import type { ChildCall, RunPlan } from './run-plan.ts'
import type { TargetFacts } from './target-facts.ts'

/** What is to be run there. */
export interface EnterRequest {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workingDirectory: string
  readonly user: ServiceRequest['user']
  /** Names without CAP_; null: all. */
  readonly capabilities: readonly string[] | null
  readonly noNewPrivileges: boolean
  readonly stdio: readonly [number, number, number]
  /** Our descriptor of the other end of a pseudo terminal of the target's devpts; null: stdio. */
  readonly terminalPeer: number | null
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The execve(2) of each directory of PATH in turn, as execvp(3): the target's own view decides, at that moment. */
function executeByPath({ command, env }: EnterRequest): ChildCall[] {
  const [program = ''] = command
  const candidates = program.includes('/') ? [program] : (env['PATH'] ?? PATH).split(':').filter((it) => it.startsWith('/')).map((it) => `${it}/${program}`)
  return candidates.map((path, i) => calls.execve(path, command, env, i === candidates.length - 1 ? { role: 'command' } : { goOn: true }))
}

/** The plan. Nothing is left to be refused: what is wrong, a call says. */
export function planEnter(request: EnterRequest, facts: TargetFacts): RunPlan {
  const { pid, cgroup } = facts
  const asService: ServiceRequest = {
    ...request, kind: 'service', engine: 'auto', root: '/', binds: [], readOnly: false, cgroupParent: null, terminal: request.terminalPeer !== null,
    limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null },
  }
  const tail = commandTail(asService, '', request.terminalPeer === null ? { session: true } : { terminal: request.terminalPeer })
  const command = [...tail.filter((it) => it.role !== 'command'), ...executeByPath(request)]
  const inner = (facts.namespaces & CLONE_NEWPID) !== 0
  const [first, ...rest] = command
  return {
    name: inner ? 'enter-two-children' : 'enter',
    reason: inner ? 'a pid namespace is joined by the next child only' : 'it has our pid namespace',
    host: cgroup === null ? [] : [{ op: 'open', path: cgroup, flags: O_PATH | O_DIRECTORY, as: 'cgroup' }],
    clone: 0,
    intoCgroup: cgroup === null ? null : handle('cgroup'),
    calls: [
      { ...calls.setns(facts.pidfd, facts.namespaces), shown: `setns(pidfd of ${pid}, ${namespaceText(facts)})` },
      // Its own root, where that is not the one of its mount namespace.
      calls.fchdir(facts.root),
      calls.chroot('.'),
      ...(inner ? [calls.clone(CLONE_PARENT, { label: 'inner', ifZero: 'in' }), calls.exit(0)] : []),
      ...(first === undefined ? [] : [{ ...first, label: 'in' }]),
      ...rest,
    ],
    main: inner ? 'inner' : null,
    notes: [],
  }
}

function namespaceText({ namespaces, pidfd }: TargetFacts): string {
  return /, (.*)\)$/.exec(calls.setns(pidfd, namespaces).shown)?.[1] ?? String(namespaces)
}
