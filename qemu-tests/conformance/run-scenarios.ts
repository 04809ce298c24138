// Runs conformance scenarios in one guest: each in mount and PID namespaces of its own, by the stage program.
// The kit with all implementations lies on the guest's disk. pid_namespaces(7).
import { join } from 'node:path'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import type { KernelSeries } from '../../scripts/setup/kernel.ts'
import { diskImage } from '../harness/disk-images.ts'
import { guestProgram } from '../harness/guest-programs.ts'
import { foreignProgram } from '../harness/foreign-program.ts'
import { shellQuote } from '../harness/qemu-arguments.ts'
import { runGuest } from '../harness/run-guest.ts'
import type { GuestResult } from '../harness/run-guest.ts'
import { BASE_APPEND, specifier } from '../harness/scenario.ts'
import { busybox, smallRoot } from '../harness/small-root.ts'
import type { Tree, TreeEntry } from '../harness/tree.ts'
import type { Implementation, Tool } from './implementations.ts'
import { readObservation } from './observation.ts'
import type { Observation } from './observation.ts'
import type { Scenario } from './scenario.ts'

/** One cell of the table. */
export interface Run {
  readonly scenario: Scenario
  readonly tool: Tool
  readonly implementation: Implementation
}

export interface Answer extends Run {
  /** null: the stage could not set it up, or the guest died before. */
  readonly observation: Observation | null
}

/** Where the kit lies in the guest. */
export const KIT = '/conformance-kit'
const APPLETS = ['busybox', 'sh', 'mount', 'umount', 'mkdir', 'rmdir', 'rm', 'cp', 'mv', 'ln', 'chmod', 'mknod', 'touch', 'sleep', 'cat', 'echo', 'seq', 'chroot', 'readlink']
const TIMEOUT_MS = 300_000

/** Every run of these scenarios, scenario by scenario. */
export function runsOf(scenarios: readonly Scenario[], implementations: readonly Implementation[]): Run[] {
  return scenarios.flatMap((scenario) => scenario.tools.flatMap((tool) =>
    implementations.filter(({ programs }) => programs[tool] !== undefined).map((implementation) => ({ scenario, tool, implementation }))))
}

/** What every scenario finds on /kit. */
export function kit(implementations: readonly Implementation[]): Tree {
  const tree: Record<string, TreeEntry> = {
    'bin/busybox': { type: 'file', source: busybox(), mode: 0o755 },
    'conformance-init': { type: 'file', source: guestProgram('conformance-init'), mode: 0o755 },
    // Any program that needs a loader.
    'dynamic': { type: 'file', source: '/bin/true', mode: 0o755 },
    'foreign': { type: 'bytes', base64: foreignProgram(), mode: 0o755 },
  }
  for (const applet of APPLETS) if (applet !== 'busybox') tree[`bin/${applet}`] = { type: 'link', target: 'busybox' }
  for (const { key, files } of implementations) {
    for (const [path, entry] of Object.entries(files)) tree[join(key, path)] = entry
    for (const name of ['lib', 'lib64', 'usr']) if (!Object.keys(files).some((path) => path.startsWith(`${name}/`))) tree[join(key, name)] = { type: 'directory' }
  }
  return Object.fromEntries(Object.entries(tree).map(([path, entry]) => [join(KIT.slice(1), path), entry]))
}

/** The stage's command line, as words. Its id is a UTS name: at most 64 bytes. */
export function commandOf(run: Run, index: number, at: string): string[] {
  const { scenario, tool, implementation } = run
  return ['/bin/conformance-stage', '--id', `run-${index}`, '--kit', at, '--program', implementation.key,
    ...(scenario.stage ?? []), ...(scenario.setup === undefined ? [] : ['--setup', scenario.setup]),
    '--', join('/kit', implementation.key, implementation.programs[tool] ?? ''), implementation.argv0 ?? tool,
    ...(scenario.args ?? ['/newroot', '/sbin/init'])]
}

/** Boots one guest for all `runs`. The answers are in their order. */
export async function runScenarios(series: KernelSeries, runs: readonly Run[]): Promise<{ readonly answers: readonly Answer[]; readonly result: GuestResult }> {
  const kernel = ensureKernel(series)
  const implementations = [...new Set(runs.map(({ implementation }) => implementation))]
  const commands = runs.map((run, index) => commandOf(run, index, KIT).map(shellQuote).join(' '))
  const disk = diskImage({
    fileSystem: 'ext4', table: 'gpt', sizeMiB: 256, label: 'conformance',
    tree: {
      ...smallRoot(), ...kit(implementations),
      'bin/conformance-stage': { type: 'file', source: guestProgram('conformance-stage'), mode: 0o755 },
      sys: { type: 'directory' },
    },
  })
  const result = await runGuest({
    name: `conformance-${series}`,
    timeoutMs: TIMEOUT_MS,
    machine: {
      kernel: kernel.vmlinuz, memoryMiB: 768,
      append: `${BASE_APPEND} ${specifier(disk, 'PARTUUID')} rootwait rw quiet fulcrum.panic=0`,
      disks: [{ path: disk.path, bus: 'nvme' }],
    },
    script: `${commands.join('\n')}\necho 1..1; echo ok 1 - all were run\n`,
  })
  const observations = new Map<string, Observation>()
  for (const { record, fields } of result.report.records) {
    if (record === 'conformance') observations.set(String(fields.get('id')), readObservation(fields))
  }
  return { answers: runs.map((run, index) => ({ ...run, observation: observations.get(`run-${index}`) ?? null })), result }
}
