// What `fulcrum ps` and `fulcrum kill` have in common: where rules and the default come from.
//
// The kernel command line, the rules file of the system or of the kept initramfs, and the record of the boot; the
// options of the command win. Both must decide alike, so both ask here.

import { parseCommandLine } from '../facts/cmdline.ts'
import { readParameters } from '../boot/parameters.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { readRulesFile, recordedKeep, systemRulesFile } from '../processes/judge.ts'
import type { JudgeOptions } from '../processes/judge.ts'
import type { RuleAction } from '../processes/rules.ts'
import { parseOptionList, UsageError } from './option-list.ts'
import type { OptionSpec } from './option-list.ts'

export interface ProcessOptions {
  readonly default: RuleAction | null
  /** A rules file to use instead of the system's; null for the system's. */
  readonly rules: string | null
}

const commonSpecs: readonly OptionSpec[] = [{ name: 'json', kind: 'flag' }, { name: 'default', kind: 'value' }, { name: 'rules', kind: 'value' }]

/** Options of a command that takes no other words. */
export interface ParsedProcessOptions {
  has(name: string): boolean
  /** The last one, or null. */
  value(name: string): string | null
  readonly common: ProcessOptions
}

/** The options of both, --json, and `own` ones. Throws UsageError. */
export function parseProcessOptions(args: readonly string[], own: readonly OptionSpec[]): ParsedProcessOptions {
  const { options, words, command } = parseOptionList(args, [...commonSpecs, ...own])
  if (words.length > 0 || command !== null) throw new UsageError(`Cannot understand '${words[0] ?? '--'}': expected options only`)
  const value = (name: string): string | null => options.findLast((it) => it.name === name)?.value ?? null
  const fallback = value('default')
  if (fallback !== null && fallback !== 'keep' && fallback !== 'kill') throw new UsageError(`Cannot understand --default '${fallback}': expected 'keep' or 'kill'`)
  return { has: (name) => options.some((it) => it.name === name), value, common: { default: fallback, rules: value('rules') } }
}

/** Everything that decides besides the processes themselves; a rules file that cannot be used is a problem. */
export function readJudgeOptions(kernel: Kernel, options: ProcessOptions): { readonly judge: JudgeOptions; readonly problem: string | null } {
  const line = parseCommandLine(attempt(() => kernel.readText('/proc/cmdline')) ?? '')
  const { file, problem } = options.rules === null ? systemRulesFile(kernel) : readRulesFile(kernel, [options.rules])
  const isMissing = options.rules !== null && problem === null && !kernel.exists(options.rules)
  return {
    judge: { rules: readParameters(line).values.processRules, file, keep: recordedKeep(kernel), default: options.default },
    problem: isMissing ? `Cannot read '${options.rules}': there is no such file` : problem,
  }
}
