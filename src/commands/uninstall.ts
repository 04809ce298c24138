// `fulcrum uninstall`: takes away what `fulcrum install` put in place, and nothing else. See fulcrum-uninstall(1).
//
// By the record of the install alone, so any fulcrum can do it, also one from source.

import { applyUninstall } from '../install/apply-install.ts'
import { planUninstall } from '../install/plan-install.ts'
import type { UninstallPlan } from '../install/plan-install.ts'
import { inRoot, readInstallFacts } from '../install/read-facts.ts'
import { errorLine } from '../kernel/errors.ts'
import { EXIT_OK, EXIT_USAGE } from './command.ts'
import type { Command, CommandIo } from './command.ts'
import { parseInstallOptions, reportFailure, reportRefusal } from './install-options.ts'
import type { InstallOptions } from './install-options.ts'
import { UsageError } from './option-list.ts'

/** What still has it, by where the file was that brought it there. */
const STILL: readonly (readonly [RegExp, string])[] = [
  [/\/dracut\/modules\.d\//, "'dracut --force' takes it out of the initramfs"],
  [/\/initramfs-tools\/hooks\//, "'update-initramfs -u' takes it out of the initramfs"],
  [/\/initcpio\/install\//, "Take 'fulcrum' out of HOOKS in /etc/mkinitcpio.conf; 'mkinitcpio -P' takes it out of the initramfs"],
]

function report(options: InstallOptions, plan: UninstallPlan, io: CommandIo): void {
  const { place, dryRun } = options
  const at = (path: string): string => inRoot(place, path)
  if (options.json) io.stdout(`${JSON.stringify({ dryRun, ...place, removed: plan.removals, kept: plan.kept }, null, 2)}\n`)
  else if (dryRun) io.stdout(plan.removals.map((path) => `would remove ${at(path)}\n`).join(''))
  else io.stdout(`${plan.removals.length} files removed from ${at(place.prefix)}\n`)
  if (!options.json && !dryRun) for (const [where, next] of STILL) if (plan.removals.some((path) => where.test(path))) io.stdout(`${next}\n`)
  for (const path of plan.kept) io.stderr(`fulcrum uninstall: Cannot remove '${at(path)}': it was changed since the install; keeping it, --force removes it\n`)
}

function uninstall(options: InstallOptions, io: CommandIo): number {
  const { place, force } = options
  const kernel = io.kernel()
  try {
    const facts = readInstallFacts(kernel, place, [])
    if ('reason' in facts) return reportRefusal('uninstall', facts, options.json, io)
    const plan = planUninstall(facts, { force, prefix: inRoot(place, place.prefix) })
    if ('reason' in plan) return reportRefusal('uninstall', plan, options.json, io)
    if (!options.dryRun) applyUninstall(kernel, place, plan, facts)
    report(options, plan, io)
    return EXIT_OK
  } catch (error) {
    return reportFailure('uninstall', `uninstall from '${inRoot(place, place.prefix)}'`, error, options.json, io)
  }
}

export const uninstallCommand: Command = {
  name: 'uninstall',
  summary: 'remove what "fulcrum install" installed',
  usage: ['fulcrum uninstall [--root DIR] [--prefix DIR] [--force] [--dry-run] [--json]'],
  help: `Removes the files that "fulcrum install" put below /usr/local, and the directories that it made and that are
empty then. A file that was changed since stays, is named and stays recorded.

  --root DIR     the same as for the install
  --prefix DIR   the same as for the install
  -f, --force    remove changed files too
  -n, --dry-run  say what would be removed
  --json         as JSON
`,
  run(args, io) {
    const options = parseInstallOptions(args)
    if (options.components.length > 0) throw new UsageError(`Cannot uninstall only '${options.components.join("', '")}': all of it is removed`)
    return uninstall(options, io)
  },
}
