// Keep or kill: the ordered rules about what happens to a process, each with its reason.
//
// The first rule that applies decides; what would hurt comes first, what a person has written comes behind it, the
// default last. Pure: a table of tests says what it does. systemd's own rules at shutdown are src/core/killall.c;
// docs/processes.md compares.

import type { OriginFinding } from './origin.ts'
import { hasEnded } from './process-facts.ts'
import type { ProcessFacts } from './process-facts.ts'
import { matchesRule } from './rules.ts'
import type { Rule, RuleAction } from './rules.ts'

/** 'ignore' is what is none of our business: not of the initramfs, or nothing that a signal could end. */
export interface Decision {
  readonly decision: RuleAction | 'ignore'
  readonly reason: string
  /** It has to survive the real root: its device depends on it, or a rule keeps it. It gets the marks of mark.ts. */
  readonly survives?: true
}

export interface PolicyContext {
  /** This process and those that started it. */
  readonly self: ReadonlySet<number>
  /** Needed by the root's device, with the reason. */
  readonly dependencies: ReadonlyMap<number, string>
  /** First match wins. */
  readonly rules: readonly Rule[]
  /** For processes of the initramfs that nothing else speaks of, and why it is so. */
  readonly default: RuleAction
  readonly defaultReason: string
}

const ignore = (reason: string): Decision => ({ decision: 'ignore', reason })
const keep = (reason: string): Decision => ({ decision: 'keep', reason })

/** systemd's mark for storage daemons: '@' as first character of argv[0], of root's processes only. */
function hasAt(facts: ProcessFacts): boolean {
  return facts.uid === 0 && facts.argv[0]?.startsWith('@') === true
}

/** Which of systemd's marks a process carries; the one that systemd asks for first where it has both. */
export function markOf(facts: ProcessFacts): '@' | 'cgroup' | null {
  return facts.survives ? 'cgroup' : hasAt(facts) ? '@' : null
}

/** What is to be done with one process. */
export function decide(facts: ProcessFacts, finding: OriginFinding, context: PolicyContext): Decision {
  const { pid } = facts
  if (pid === 1) return keep('it is PID 1')
  if (facts.isKernelThread) return ignore('a kernel thread')
  if (context.self.has(pid)) return keep('this command, or what started it')
  if (hasEnded(facts)) return ignore('it has ended already')
  if (finding.origin === 'root' || finding.origin === 'other') return ignore(finding.evidence)
  // Before the marks, which the boot gives for this very reason.
  const dependency = context.dependencies.get(pid)
  if (dependency !== undefined) return { ...keep(dependency), survives: true }
  if (hasAt(facts)) return keep("its argv[0] begins with '@'")
  if (facts.survives) return keep(`survive_final_kill_signal is set on its cgroup '${facts.cgroup ?? '/'}'`)
  const rule = context.rules.find((it) => matchesRule(it, facts))
  if (rule?.action === 'keep') return { ...keep(`rule ${rule.where}`), survives: true }
  if (rule !== undefined) return { decision: rule.action, reason: `rule ${rule.where}` }
  if (finding.origin === 'undecidable') return keep(`undecidable: ${finding.evidence}`)
  return { decision: context.default, reason: context.defaultReason }
}
