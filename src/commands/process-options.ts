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

export interface ProcessOptions {
  readonly default: RuleAction | null
  /** A rules file to use instead of the system's; null for the system's. */
  readonly rules: string | null
}

/** The value of --default, or what is wrong with it. */
export function parseDefault(value: string | undefined): { readonly value: RuleAction | null } | string {
  if (value === undefined) return { value: null }
  if (value === 'keep' || value === 'kill') return { value }
  return `Cannot understand --default '${value}': expected 'keep' or 'kill'`
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
