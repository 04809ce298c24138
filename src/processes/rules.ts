// Rule: what a person says about processes of the initramfs, in /etc/fulcrum/processes.toml or on the command line.
//
// A rule has an action and patterns; all patterns that are given must match. Rules are about processes that origin
// has found to be of the initramfs, so a path here only tells one of them from another. Pure.
// docs/man/fulcrum-kill.1, docs/processes.md.

import { fnmatch } from '../kmod/fnmatch.ts'
import { plainExe } from './process-facts.ts'
import type { ProcessFacts } from './process-facts.ts'

export type RuleAction = 'keep' | 'kill'

export interface Rule {
  readonly action: RuleAction
  /** Path of the executable inside its file system, as fnmatch(3). */
  readonly exe?: string
  /** The name in /proc/PID/comm, at most 15 characters, as fnmatch(3). */
  readonly name?: string
  /** Any word of the command line, as fnmatch(3); tells scripts apart, whose executable is the interpreter. */
  readonly argument?: string
  readonly uid?: number
  /** Where it was written, for the reason: 'fulcrum.process=keep:mdmon', "'/etc/fulcrum/processes.toml', line 3". */
  readonly where: string
}

/** True when every pattern of the rule matches. */
export function matchesRule(rule: Rule, facts: ProcessFacts): boolean {
  const { link } = facts.exe
  if (rule.exe !== undefined && (link === null || !fnmatch(rule.exe, plainExe(link)))) return false
  if (rule.name !== undefined && !fnmatch(rule.name, facts.comm)) return false
  if (rule.uid !== undefined && rule.uid !== facts.uid) return false
  const { argument } = rule
  return argument === undefined || facts.argv.some((word) => fnmatch(argument, word))
}

/** What is right about a word of fulcrum.process=. */
export const RULE_WORD = 'keep:PROGRAM or kill:PROGRAM'

/**
 * A rule from the command line: ACTION:PROGRAM, where a PROGRAM with a slash is the path of the executable and one
 * without is the process's name. Null when it is none.
 */
export function parseRuleWord(word: string): Rule | null {
  const found = /^(keep|kill):(.+)$/.exec(word)
  const [, action, program] = found ?? []
  if ((action !== 'keep' && action !== 'kill') || program === undefined) return null
  const where = `fulcrum.process=${word}`
  return program.includes('/') ? { action, exe: program, where } : { action, name: program, where }
}
