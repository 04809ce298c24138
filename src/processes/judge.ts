// Every process with its origin and what is to be done with it: facts, findings and decisions put together.
//
// What `fulcrum ps`, `fulcrum kill`, the boot and the rescue console share, so that they cannot disagree. Reads
// only.  docs/processes.md.

import { readOwnMounts } from '../facts/own-mounts.ts'
import { keeps, ROOTFS_DIRECTORY, SYSROOT } from '../facts/switch-types.ts'
import type { Keep } from '../facts/switch-types.ts'
import { errorLine, isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { findDependencies } from './dependencies.ts'
import { decideOrigins } from './origin.ts'
import type { OriginContext, OriginFinding } from './origin.ts'
import { decide } from './policy.ts'
import type { Decision } from './policy.ts'
import type { ProcessFacts } from './process-facts.ts'
import { readHolders } from './read-dependencies.ts'
import { readBootRecord, readOriginContext } from './read-origin.ts'
import { readProcesses } from './read-processes.ts'
import { readRootStack } from './root-stack.ts'
import { parseRulesFile, RulesFileError } from './rules-file.ts'
import type { RulesFile } from './rules-file.ts'
import type { Rule, RuleAction } from './rules.ts'

export const RULES_FILE = '/etc/fulcrum/processes.toml'

export interface Judged {
  readonly facts: ProcessFacts
  readonly finding: OriginFinding
  readonly decision: Decision
}

/** What comes from outside the system's own facts. */
export interface JudgeOptions {
  /** Of the command line; before those of the file. */
  readonly rules: readonly Rule[]
  readonly file: RulesFile
  /** Whether the initramfs will be or was kept; decides the default. */
  readonly keep: Keep
  /** Wins over that of the file. */
  readonly default: RuleAction | null
  /** Where the new root is mounted before the switch; SYSROOT if not given. */
  readonly newRoot?: string
}

export interface Judgement {
  readonly all: readonly Judged[]
  readonly context: OriginContext
}

const NO_RULES: RulesFile = { default: null, timeoutMs: null, rules: [] }

/** The rules of the first of these files that exists. A file that cannot be used is told and left out. */
export function readRulesFile(kernel: Pick<Kernel, 'readText'>, paths: readonly string[] = [RULES_FILE]): { readonly file: RulesFile; readonly problem: string | null } {
  for (const path of paths) {
    try {
      return { file: parseRulesFile(kernel.readText(path), path), problem: null }
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) continue
      const problem = error instanceof RulesFileError ? error.message : `Cannot read '${path}': ${errorLine(error)}`
      return { file: NO_RULES, problem }
    }
  }
  return { file: NO_RULES, problem: null }
}

/** The rules that hold on a running system: its own file, else that of the kept initramfs. */
export function systemRulesFile(kernel: Pick<Kernel, 'readText'>): ReturnType<typeof readRulesFile> {
  return readRulesFile(kernel, [RULES_FILE, `${ROOTFS_DIRECTORY}${RULES_FILE}`])
}

/** Whether the initramfs of this running system was kept; without a record it was not ours to free. */
export function recordedKeep(kernel: Pick<Kernel, 'readText'>): Keep {
  const recorded = readBootRecord(kernel)?.keep
  return keeps.find((keep) => keep === recorded) ?? 'full'
}

/** A process and its ancestors up to PID 1. */
function lineage(processes: readonly ProcessFacts[], pid: number): Set<number> {
  const parents = new Map(processes.map((p) => [p.pid, p.ppid]))
  const found = new Set<number>()
  for (let at = pid; at > 1 && !found.has(at); at = parents.get(at) ?? 0) found.add(at)
  return found
}

function defaultOf(options: JudgeOptions): { readonly action: RuleAction; readonly reason: string } {
  if (options.default !== null) return { action: options.default, reason: 'the default that was asked for' }
  if (options.file.default !== null) return { action: options.file.default, reason: `the default of the rules file` }
  return options.keep !== 'none'
    ? { action: 'keep', reason: 'no rule speaks of it, and the initramfs is kept' }
    : { action: 'kill', reason: 'no rule speaks of it, and the initramfs is not kept' }
}

/** Reads all processes and decides about each. Throws SyscallError when /proc is not mounted. */
export function judgeProcesses(kernel: Kernel, options: JudgeOptions): Judgement {
  // Before anything else is read: an unmounted /proc is the one thing that cannot be done without.
  kernel.readlink('/proc/self')
  const newRoot = options.newRoot ?? SYSROOT
  const context = readOriginContext(kernel, newRoot)
  const processes = readProcesses(kernel, context)
  const findings = decideOrigins(processes, context)
  const findingOf = (pid: number): OriginFinding => findings.get(pid) ?? { origin: 'undecidable', evidence: 'it was not looked at' }
  const concerned = processes.filter((p) => ['initramfs', 'undecidable'].includes(findingOf(p.pid).origin))
  const mounts = readOwnMounts(kernel)
  const stack = readRootStack(kernel, mounts, context.switched.kind === 'not-yet' ? newRoot : '/')
  const fallback = defaultOf(options)
  const policy = {
    self: lineage(processes, kernel.getpid()),
    dependencies: findDependencies(readHolders(kernel, concerned), stack),
    rules: [...options.rules, ...options.file.rules],
    default: fallback.action,
    defaultReason: fallback.reason,
  }
  const all = processes.map((facts) => {
    const finding = findingOf(facts.pid)
    return { facts, finding, decision: decide(facts, finding, policy) }
  })
  return { all, context }
}
