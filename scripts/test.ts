// `npm test`: types, lint, build, set-up, then the tests by tier, cheap ones first. The last line of the output is
// `N passed, N failed, N skipped`, counting test points; the status is 1 when one failed.
// A tier that cannot run (no build to test) makes its files fail: nothing is left out silently.
// usage: test.ts [--only PATTERN] [--tier unit|ns|harness|qemu]… [--guests 1|2] [--no-build] [--no-setup] [--list]
// --only takes a regular expression on the path. With --only or --tier, types and lint are left out.

import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { pinnedNode, projectRoot } from '../bundle/project.ts'
import { Reporter } from './testing/reporter.ts'
import { runTestFile, signalGroup } from './testing/run-test-file.ts'
import { TIERS, findTestFiles } from './testing/test-files.ts'
import type { TestFile, Tier } from './testing/test-files.ts'
import { parseOrExit } from './script-arguments.ts'

const { values } = parseOrExit('test', () => parseArgs({
  options: {
    only: { type: 'string' },
    tier: { type: 'string', multiple: true },
    guests: { type: 'string', default: '1' },
    'no-build': { type: 'boolean', default: false },
    'no-setup': { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
}))

/** Where the guests of the second lane wait for each other, with `--guests 2`. */
const SECOND_LOCK = '/tmp/qemu.second.lock'

function fail(message: string): never {
  process.stderr.write(`test: ${message}\n`)
  process.exit(100)
}

function selectFiles(): TestFile[] {
  if (!['1', '2'].includes(values.guests)) fail(`Cannot run ${values.guests} guests at a time: the number is 1 or 2`)
  const tiers = values.tier ?? TIERS
  for (const tier of tiers) {
    if (!TIERS.some((known) => known === tier))
      fail(`Cannot run tier '${tier}': not one of ${TIERS.join(', ')}`)
  }
  const pattern = new RegExp(values.only ?? '')
  const files = findTestFiles(projectRoot).filter(
    (file) => tiers.includes(file.tier) && pattern.test(file.path),
  )
  if (files.length === 0)
    fail(`Cannot find a test file: nothing matches '${values.only ?? tiers.join(', ')}'`)
  return files
}

/** Runs one of the checks that are not TAP; it counts as one point. */
function check(reporter: Reporter, name: string, args: string[]): Promise<boolean> {
  reporter.running(name)
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(pinnedNode, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output: Buffer[] = []
    // Set-up downloads for minutes on a fresh machine: what it says is worth seeing at once.
    if (name === 'set-up') child.stderr.pipe(process.stderr)
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('close', (status, signal) => {
      const details = Buffer.concat(output).toString('utf8').trimEnd().split('\n')
      const failures =
        status === 0 ? [] : [{ name: `${name} ended with ${signal ?? `status ${status}`}`, details }]
      reporter.finished({
        file: args[0] ?? name,
        tier: name,
        durationMs: performance.now() - started,
        passed: failures.length === 0 ? 1 : 0,
        skipped: 0,
        failures,
      })
      resolve(status === 0)
    })
  })
}

interface Run {
  readonly reporter: Reporter
  /** Process groups that run now. */
  readonly groups: Set<number>
}

/** Runs queues of files side by side; a queue that is in several lanes is shared by them. A lane goes through its own in order. Guests of odd ones have the second lock. */
async function runLanes(lanes: readonly (readonly TestFile[][])[], { reporter, groups }: Run): Promise<void> {
  const work = async (queues: readonly TestFile[][], lane: number): Promise<void> => {
    for (const queue of queues) {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        reporter.running(`${file.tier} ${file.path} (${queue.length} to go)`)
        reporter.finished(
          await runTestFile(file, {
            root: projectRoot,
            node: pinnedNode,
            env: lane % 2 === 0 || values.guests === '1' ? {} : { FULCRUM_QEMU_LOCK: SECOND_LOCK },
            onGroup: (pid, isRunning) => (isRunning ? groups.add(pid) : groups.delete(pid)),
          }),
        )
      }
    }
  }
  await Promise.all(lanes.map(work))
}

/** Whether a file tests the built executable, so that it makes no sense without a build. */
function needsBuild(file: TestFile): boolean {
  return file.tier !== 'unit' || file.path.startsWith('bundle/')
}

/** Test files lead process groups of their own, so Ctrl-C in a terminal does not reach them by itself. */
function endGroupsOnSignal(groups: ReadonlySet<number>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      for (const pid of groups) signalGroup(pid, 'SIGTERM')
      process.exit(130)
    })
  }
}

/** Fetches what the chosen tests need: Debian packages for all of them, kernels and a Debian root for guests. */
function setUp(reporter: Reporter, files: readonly TestFile[]): Promise<boolean> {
  const parts = files.some(bootsGuests) ? [] : ['packages']
  return check(reporter, 'set-up', ['scripts/setup/setup.ts', ...parts])
}

function bootsGuests(file: TestFile): boolean {
  return file.tier === 'harness' || file.tier === 'qemu'
}

/** Those with many guests of systemd come first, so that no lane is left alone with them at the end. */
function isLong(file: TestFile): boolean {
  return /\/(return|storage|take-down|debian|dracut)\.qemu/.test(file.path)
}

/**
 * Unit tests two at a time, then two lanes. Namespaces one at a time: they share the machine's mounts. There is one QEMU
 * at a time whatever is started (run-guest.ts locks), or two with `--guests 2`; while one file's guest runs the other
 * lane tests namespaces, makes its images or looks at its disks. Once the namespaces are done there are three lanes:
 * with two, both make images at times, and no guest runs.
 */
async function runTiers(
  files: readonly TestFile[],
  missing: (file: TestFile) => string | undefined,
  run: Run,
): Promise<void> {
  const ofTier = (tier: Tier): TestFile[] => files.filter((file) => file.tier === tier && missing(file) === undefined)
  const unit = ofTier('unit')
  const guests = ofTier('qemu').sort((a, b) => Number(isLong(b)) - Number(isLong(a)))
  await runLanes([[unit], [unit]], run)
  const afterNamespaces = async (): Promise<void> => {
    await runLanes([[ofTier('ns')]], run)
    await runLanes([[guests], [guests]], run)
  }
  await Promise.all([afterNamespaces(), runLanes([[ofTier('harness'), guests]], run)])
  for (const file of files) {
    const reason = missing(file)
    if (reason === undefined) continue
    run.reporter.finished({
      file: file.path,
      tier: file.tier,
      durationMs: 0,
      passed: 0,
      skipped: 0,
      failures: [{ name: `not run, because ${reason}`, details: [] }],
    })
  }
}

async function main(): Promise<void> {
  const started = performance.now()
  const reporter = new Reporter((text) => process.stdout.write(text), process.stdout.isTTY)
  const groups = new Set<number>()
  endGroupsOnSignal(groups)
  const files = selectFiles()
  if (values.list) {
    for (const file of files) process.stdout.write(`${file.tier.padEnd(8)} ${file.path}\n`)
    return
  }
  if (values.only === undefined && values.tier === undefined) {
    await check(reporter, 'types', ['node_modules/typescript/bin/tsc', '-p', '.'])
    await check(reporter, 'lint', ['scripts/lint.ts'])
  }
  const isBuilt =
    values['no-build'] || !files.some(needsBuild) || (await check(reporter, 'build', ['bundle/build.ts']))
  const isSetUp = values['no-setup'] || (await setUp(reporter, files))
  const missing = (file: TestFile): string | undefined => {
    if (!isBuilt && needsBuild(file)) return 'the build failed'
    return !isSetUp && bootsGuests(file) ? 'the set-up failed' : undefined
  }
  await runTiers(files, missing, { reporter, groups })
  reporter.summary(performance.now() - started)
  process.exitCode = reporter.failed > 0 ? 1 : 0
}

await main()
