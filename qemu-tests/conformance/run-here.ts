// The same scenarios on the kernel of this machine, in namespaces: quick, for those who work on the tools.
// Every mount is made in the stage's own mount namespace and is gone with it. Needs root. unshare(1).
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { shellQuote } from '../harness/qemu-arguments.ts'
import { guestProgram } from '../harness/guest-programs.ts'
import { parseGuestReport } from '../harness/guest-report.ts'
import { scratchFolder, writeTree } from '../harness/tree.ts'
import { readObservation } from './observation.ts'
import { commandOf, kit, KIT } from './run-scenarios.ts'
import type { Answer, Run } from './run-scenarios.ts'

const LIMIT_MS = 60_000

/** Runs them one after the other; what cannot be set up on this machine has no observation. */
export function runHere(runs: readonly Run[]): readonly Answer[] {
  const folder = scratchFolder('conformance')
  try {
    writeTree(kit([...new Set(runs.map(({ implementation }) => implementation))]), folder)
    mkdirSync(join(folder, 'scratch'))
    return runs.map((run, index) => {
      const [, ...words] = commandOf(run, index, join(folder, KIT))
      const script = ['exec', guestProgram('conformance-stage'), '--scratch', join(folder, 'scratch'), ...words].map(shellQuote).join(' ')
      const child = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { encoding: 'utf8', timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'inherit'] })
      const record = parseGuestReport(child.stdout).records[0]
      return { ...run, observation: record === undefined ? null : readObservation(record.fields) }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
