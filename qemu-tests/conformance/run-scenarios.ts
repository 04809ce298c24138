// Runs conformance scenarios in one guest: each in mount and PID namespaces of its own, by the stage program.
// The kit with all implementations lies on the guest's disk. pid_namespaces(7).
import { join } from 'node:path'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import type { KernelSeries } from '../../scripts/setup/kernel.ts'
import { diskImage } from '../harness/disk-images.ts'
import type { DiskImage } from '../harness/disk-images.ts'
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
/** What the guest's init takes is 128 KiB. */
const SCRIPT_BYTES = 120 << 10
/** What the script has around each command. */
const AROUND = 24
const BOOT_MS = 60_000
/** A generous time for one: most take 50 ms, those that wait in a console 2 s. */
const RUN_MS = 4000

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
export function commandOf(run: Run, id: string, at: string): string[] {
  const { scenario, tool, implementation } = run
  return ['/bin/conformance-stage', '--id', id, '--kit', at, '--program', implementation.key,
    ...(scenario.stage ?? []), ...(scenario.setup === undefined ? [] : ['--setup', scenario.setup]),
    '--', join('/kit', implementation.key, implementation.programs[tool] ?? ''), implementation.argv0 ?? tool,
    ...(scenario.args ?? ['/newroot', '/sbin/init'])]
}

/** Runs that fit into one guest's script. */
function portions(commands: readonly string[]): number[] {
  const ends: number[] = []
  let size = 0
  commands.forEach((command, index) => {
    size += Buffer.byteLength(command) + AROUND
    if (size <= SCRIPT_BYTES) return
    ends.push(index)
    size = Buffer.byteLength(command) + AROUND
  })
  return [...ends, commands.length]
}

/** Boots as many guests as are needed for all `runs`, usually one. The answers are in their order. */
export async function runScenarios(series: KernelSeries, runs: readonly Run[]): Promise<{ readonly answers: readonly Answer[]; readonly results: readonly GuestResult[] }> {
  const kernel = ensureKernel(series)
  const implementations = [...new Set(runs.map(({ implementation }) => implementation))]
  const commands = runs.map((run, index) => commandOf(run, `run-${index}`, KIT).map(shellQuote).join(' '))
  const disk = diskImage({
    fileSystem: 'ext4', table: 'gpt', sizeMiB: 256, label: 'conformance',
    tree: {
      ...smallRoot(), ...kit(implementations),
      'bin/conformance-stage': { type: 'file', source: guestProgram('conformance-stage'), mode: 0o755 },
      sys: { type: 'directory' },
    },
  })
  const observations = new Map<string, Observation>()
  const results: GuestResult[] = []
  let from = 0
  for (const to of portions(commands)) {
    results.push(await bootPortion(series, kernel.vmlinuz, disk, commands.slice(from, to)))
    from = to
  }
  for (const { record, fields } of results.flatMap(({ report }) => report.records)) {
    if (record === 'conformance') observations.set(String(fields.get('id')), readObservation(fields))
  }
  return { answers: runs.map((run, index) => ({ ...run, observation: observations.get(`run-${index}`) ?? null })), results }
}

function bootPortion(series: KernelSeries, vmlinuz: string, disk: DiskImage, commands: readonly string[]): Promise<GuestResult> {
  return runGuest({
    name: `conformance-${series}`,
    timeoutMs: BOOT_MS + commands.length * RUN_MS,
    machine: {
      kernel: vmlinuz, memoryMiB: 768,
      append: `${BASE_APPEND} ${specifier(disk, 'PARTUUID')} rootwait rw quiet fulcrum.panic=0`,
      disks: [{ path: disk.path, bus: 'nvme' }],
    },
    // The stage makes terminals.
    script: ['mkdir -p /dev/pts; mount -t devpts devpts /dev/pts; bad=0', ...commands.map((command) => `${command} || bad=$((bad + 1))`),
      'echo 1..1; [ $bad = 0 ] || printf "not "; echo "ok 1 - all were set up, $bad were not"', ''].join('\n'),
  })
}
