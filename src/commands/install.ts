// `fulcrum install`: puts the program, its man pages and completions in place. See fulcrum-install(1).
//
// Only the packed program has them in itself. What is done is a plan (src/install/plan-install.ts); --dry-run prints it.

import { applyInstall } from '../install/apply-install.ts'
import { defaultComponents, generators, layOut, standInDirectory } from '../install/layout.ts'
import type { Component, Payload } from '../install/layout.ts'
import { readPayload } from '../install/payload.ts'
import { planInstall } from '../install/plan-install.ts'
import type { InstallFacts, InstallPlan } from '../install/plan-install.ts'
import { inRoot, readInstallFacts, readManifests, withContents } from '../install/read-facts.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Refusal } from '../facts/refusal.ts'
import { VERSION } from '../version.ts'
import { EXIT_OK, EXIT_USAGE } from './command.ts'
import type { Command, CommandIo } from './command.ts'
import { parseInstallOptions, reportFailure, reportRefusal } from './install-options.ts'
import type { InstallOptions } from './install-options.ts'

/** What is named, or the usual and what is there already. Everything but pages and completions needs the program. */
function choose(named: readonly Component[], recorded: ReadonlySet<string>): Component[] {
  const usual = named.length > 0 ? named : defaultComponents
  const needing: readonly Component[] = ['stand-ins', ...generators]
  const there = named.length === 0 ? needing.filter((it) => recorded.has(it)) : []
  const chosen = new Set([...usual, ...there])
  if (needing.some((it) => chosen.has(it)) && !recorded.has('program')) chosen.add('program')
  return [...chosen]
}

/** What a component needs to come into effect. */
const NEXT: readonly (readonly [Component, string])[] = [
  ['dracut', "'dracut --force' puts it into the initramfs; where mksquashfs (squashfs-tools) is, it takes less memory"],
  ['initramfs-tools', "'update-initramfs -u' puts it into the initramfs"],
  ['mkinitcpio', "Add 'fulcrum' as the last of HOOKS in /etc/mkinitcpio.conf; 'mkinitcpio -P' puts it into the initramfs"],
]

function report(options: InstallOptions, plan: InstallPlan, chosen: readonly Component[], io: CommandIo): void {
  const { place, dryRun } = options
  const at = (path: string): string => inRoot(place, path)
  if (options.json) {
    const { writes, removals, kept, directories, manifest } = plan
    io.stdout(`${JSON.stringify({ dryRun, version: VERSION, ...place, components: chosen, directories, written: writes.map((it) => it.path), removed: removals, kept, files: manifest.files }, null, 2)}\n`)
  } else if (dryRun) {
    const lines = [
      ...plan.directories.map((path) => `would make ${at(path)}`),
      ...plan.writes.map(({ path }) => `would write ${at(path)}`),
      ...plan.removals.map((path) => `would remove ${at(path)}`),
    ]
    io.stdout(lines.length === 0 ? 'nothing to do\n' : `${lines.join('\n')}\n`)
  } else {
    const same = plan.manifest.files.length - plan.writes.length
    const counts = [`${plan.writes.length} files written`, ...(same > 0 ? [`${same} were there`] : []), ...(plan.removals.length > 0 ? [`${plan.removals.length} of an earlier version removed`] : [])]
    io.stdout(`fulcrum ${VERSION} is installed in ${at(place.prefix)}: ${counts.join(', ')}\n`)
    if (chosen.includes('stand-ins')) io.stdout(`The stand-ins are in ${standInDirectory(place.prefix)}; put it in front of PATH where they are wanted\n`)
  }
  if (!options.json && !dryRun) for (const [component, next] of NEXT) if (chosen.includes(component)) io.stdout(`${next}\n`)
  for (const path of plan.kept) io.stderr(`fulcrum install: Cannot remove '${at(path)}' of an earlier version: it was changed since; keeping it\n`)
}

interface Prepared {
  readonly plan: InstallPlan | Refusal
  readonly facts: InstallFacts
  readonly chosen: readonly Component[]
}

function prepare(kernel: Kernel, payload: Payload, options: InstallOptions): Prepared | Refusal {
  const { place, force } = options
  const recorded = readManifests(kernel, place).flatMap((it) => it.files).map((it) => it.component)
  const chosen = choose(options.components, new Set(recorded))
  const wanted = withContents(layOut(payload, place.prefix, chosen))
  const facts = readInstallFacts(kernel, place, wanted.map((it) => it.file.path))
  if ('reason' in facts) return facts
  return { plan: planInstall(wanted, chosen, facts, { version: VERSION, force, root: place.root }), facts, chosen }
}

/** Installs a payload; the command without its own program. Returns the exit status. */
export function install(payload: Payload, options: InstallOptions, io: CommandIo): number {
  const kernel = io.kernel()
  try {
    const prepared = prepare(kernel, payload, options)
    if ('reason' in prepared) return reportRefusal('install', prepared, options.json, io)
    const { plan, facts, chosen } = prepared
    if ('reason' in plan) return reportRefusal('install', plan, options.json, io)
    if (!options.dryRun) applyInstall(kernel, options.place, plan, facts)
    report(options, plan, chosen, io)
    return EXIT_OK
  } catch (error) {
    return reportFailure('install', `install into '${inRoot(options.place, options.place.prefix)}'`, error, options.json, io)
  }
}

const notPacked: Refusal = {
  reason: 'not-packed', detail: 'Cannot install: this runs from source, and only the packed program carries what is installed',
  remedy: "'npm run build' makes it: dist/fulcrum install",
}

export const installCommand: Command = {
  name: 'install',
  summary: 'install this program, its man pages and completions',
  usage: ['fulcrum install [--root DIR] [--prefix DIR] [--force] [--dry-run] [--json] [COMPONENT...]'],
  help: `Installs the running program below /usr/local. Every file appears under its name when it is whole, and what is
written is recorded for "fulcrum uninstall". Installing again replaces an earlier version and removes what it had
more. Files that fulcrum did not install are not replaced.

  --root DIR     install into the system whose root is DIR, as a package is made
  --prefix DIR   instead of /usr/local, absolute and inside of the root
  -f, --force    replace files that fulcrum did not install, and remove old ones that were changed
  -n, --dry-run  say what would be done
  --json         as JSON, see fulcrum-install(1)

Components, by default the first three and what is installed already:
  program        PREFIX/bin/fulcrum and PREFIX/lib/fulcrum/koffi.node
  man            PREFIX/share/man
  completions    of bash, zsh and fish, below PREFIX/share
  stand-ins      switch_root, run-init and pivot_root in PREFIX/lib/fulcrum/bin, to put in front of PATH
  dracut         its module, in /usr/lib/dracut/modules.d
  initramfs-tools  its hook, in /etc/initramfs-tools, with --prefix /usr in /usr/share/initramfs-tools
  mkinitcpio     its hooks, in /etc/initcpio, with --prefix /usr in /usr/lib/initcpio
`,
  run(args, io) {
    const options = parseInstallOptions(args)
    let payload: Payload | null
    try {
      payload = readPayload(io.kernel())
    } catch (error) {
      return reportFailure('install', 'read this program', error, options.json, io)
    }
    return payload === null ? reportRefusal('install', notPacked, options.json, io) : install(payload, options, io)
  },
}
