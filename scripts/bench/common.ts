// What every bench needs first: the packages, our program, and arguments that mean something.
// The program is the one in dist/, or in $FULCRUM_DIST; it is built only if it is missing, so that what is measured
// is what was built last.

import fs from 'node:fs'
import path from 'node:path'
import { pinnedNode, projectRoot } from '../../bundle/project.ts'
import type { KnownFile } from '../../qemu-tests/harness/check-ext4.ts'
import { KERNEL_SERIES } from '../setup/kernel.ts'
import type { KernelSeries } from '../setup/kernel.ts'
import { ensureDebianPackages } from '../setup/packages.ts'
import { runTool } from '../setup/run-tool.ts'
import { TEST_PACKAGES } from '../setup/test-packages.ts'
import type { Conditions } from './conditions.ts'
import { BENCH_CPU } from './run-machine.ts'

/** Files that the guest writes right before power-off, one of them only closed, and the host looks for afterwards. */
export const WITNESSES: readonly KnownFile[] = [
  { path: '/var/bench-closed', word: 'closed', lines: 5000 },
  { path: '/var/bench-synced', word: 'synced', lines: 5000, isSynced: true },
]

/** Installs what is missing of the packages, builds our program if it is not there, and returns its path. */
export function ensureFulcrum(): string {
  ensureDebianPackages(TEST_PACKAGES)
  const dist = process.env['FULCRUM_DIST'] ?? ''
  const fulcrum = path.join(dist === '' ? path.join(projectRoot, 'dist') : dist, 'fulcrum')
  if (!fs.existsSync(fulcrum)) runTool(pinnedNode, [path.join(projectRoot, 'bundle/build.ts')], { show: true })
  return fulcrum
}

/** Progress, for a person who waits at a terminal; nothing in a pipe. The empty text takes the line away. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

/** Name and version of the QEMU that is measured in. */
export function qemuVersion(): string {
  return runTool('qemu-system-x86_64', ['--version']).split('\n')[0]?.replace(/ version | \(.*/g, ' ').trim() ?? 'QEMU'
}

/** What a section says of a measurement in a guest (conditions.ts). */
export function guestConditions(): Conditions {
  return { date: new Date().toISOString().slice(0, 10), machine: `${qemuVersion()} (${BENCH_CPU})` }
}

/** The kernel series of that name. Throws for one that is not known. */
export function seriesOf(name: string): KernelSeries {
  const series = KERNEL_SERIES.find((known) => known === name)
  if (series === undefined) throw new Error(`Cannot measure kernel '${name}': not one of ${KERNEL_SERIES.join(', ')}`)
  return series
}

/** How often each case runs. Throws unless it is a number above 0. */
export function runsOf(text: string): number {
  const runs = Number(text)
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`Cannot measure '${text}' runs: not a number above 0`)
  return runs
}

/** Calls `use` with a copy of the disk image on a tmpfs, where its guest may write at once (run-machine.ts); it is removed. */
export function withCopy<T>(image: string, use: (copy: string) => T): T {
  const copy = `/dev/shm/fulcrum-bench-${process.pid}.img`
  try {
    runTool('cp', ['--sparse=always', image, copy])
    return use(copy)
  } finally {
    fs.rmSync(copy, { force: true })
  }
}

/** Writes what a guest said to FOLDER/NAME.log, for a person to read, if a folder was asked for. */
export function saveConsole(folder: string | undefined, name: string, output: string): void {
  if (folder === undefined) return
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, `${name.replaceAll(/[^A-Za-z0-9=.]+/g, '-')}.log`), output)
}
