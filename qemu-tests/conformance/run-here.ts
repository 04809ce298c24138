// The same scenarios on the kernel of this machine, in namespaces: quick, for those who work on the tools.
// Every mount is made in the stage's own mount namespace and is gone with it. Needs root. unshare(1).
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { shellQuote } from '../harness/qemu-arguments.ts'
import { guestProgram } from '../harness/guest-programs.ts'
import { parseGuestReport } from '../harness/guest-report.ts'
import { scratchFolder, writeTree } from '../harness/tree.ts'
import { readObservation } from './observation.ts'
import type { Observation } from './observation.ts'
import { commandOf, kit, KIT } from './run-scenarios.ts'
import type { Answer, Run } from './run-scenarios.ts'

const LIMIT_MS = 300_000

function stage(folder: string, run: Run, index: number): Promise<Observation | null> {
  // Abstract sockets are the machine's: the name tells two checkouts apart.
  const [, ...words] = commandOf(run, `run-${process.pid}-${index}`, join(folder, KIT))
  const script = ['exec', guestProgram('conformance-stage'), '--scratch', join(folder, 'scratch'), ...words].map(shellQuote).join(' ')
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { timeout: LIMIT_MS, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (data) => { text += String(data) })
    child.once('error', reject)
    child.once('close', () => {
      const record = parseGuestReport(text).records[0]
      resolve(record === undefined ? null : readObservation(record.fields))
    })
  })
}

/** Runs them, a few at a time; what cannot be set up on this machine has no observation. */
export async function runHere(runs: readonly Run[]): Promise<readonly Answer[]> {
  const folder = scratchFolder('conformance')
  try {
    writeTree(kit([...new Set(runs.map(({ implementation }) => implementation))]), folder)
    mkdirSync(join(folder, 'scratch'))
    const answers = new Map<number, Answer>()
    const queue = [...runs.entries()]
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, run] = next
        answers.set(index, { ...run, observation: await stage(folder, run, index) })
      }
    }
    await Promise.all(Array.from({ length: availableParallelism() }, work))
    return [...answers.entries()].sort(([a], [b]) => a - b).map(([, answer]) => answer)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
