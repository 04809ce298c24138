// Packs the probe program and runs it, for the smoke tests. One pack takes seconds, so a test file makes it once.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { bundleCli, bundleMain } from '../bundle-main.ts'
import { pack } from '../pack.ts'
import { prepareNode } from '../prepare-node.ts'
import { textAsset } from '../text-asset.ts'
import { koffiAddon, pinnedNode, projectRoot } from '../project.ts'

/** Packs the probe with `workDirectory` for intermediate files, as build.ts packs fulcrum. Returns the executable's bytes. */
export async function packProbe(workDirectory: string): Promise<Buffer> {
  return pack({
    node: prepareNode(pinnedNode),
    hostNode: pinnedNode,
    cli: await bundleCli(path.join(projectRoot, 'src/cli.ts')),
    start: await bundleMain(path.join(import.meta.dirname, '../start.ts')),
    rehearse: false,
    bundle: await bundleMain(path.join(import.meta.dirname, 'probe-main.ts')),
    addon: koffiAddon,
    texts: await textAsset(),
    workDirectory,
    useCodeCache: true,
  })
}

export interface RunResult {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program with exactly `env`, and a time-out so that a hang is a failure. */
export function run(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
  argv0 = file,
): RunResult {
  const result = spawnSync(file, args, {
    env,
    argv0,
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return {
    status: result.status,
    signal: result.signal,
    stdout: result.stdout ?? '',
    stderr: result.stderr ?? '',
  }
}

/** The probe's answer, or an object with what went wrong, so that a failed comparison shows it. */
export function answerOf(result: RunResult): unknown {
  try {
    const parsed: unknown = JSON.parse(result.stdout)
    return parsed
  } catch {
    return result
  }
}

/** What the probe has to answer wherever it runs. */
export const EXPECTED = {
  isSea: true,
  execArgv: [],
  isPidRight: true,
  hasIntl: false,
  localeCompare: 'Error: Cannot use Intl: this executable has no ICU data',
  dateToLocaleString: 'Error: Cannot use Intl: this executable has no ICU data',
  numberToLocaleString: 'Error: Cannot use Intl: this executable has no ICU data',
  arrayToLocaleString: 'Error: Cannot use Intl: this executable has no ICU data',
  normalize: 'ok 1',
  unicodeRegExp: 'ok true',
  utf8: 'ok é',
  inspectDate: 'ok 1970-01-01T00:00:00.000Z',
}

/** The shared libraries a program is linked with, the dynamic linker included: paths on this machine. */
export function librariesOf(file: string): string[] {
  const { stdout } = spawnSync('ldd', [file], { encoding: 'utf8' })
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, library]) =>
    library === undefined ? [] : [library],
  )
}

/** Copies a file into a root folder at the same path, following links. */
export function copyInto(root: string, file: string, as = file): void {
  const target = path.join(root, as)
  fs.mkdirSync(path.dirname(target), { recursive: true })
  fs.copyFileSync(file, target)
  fs.chmodSync(target, 0o755)
}
