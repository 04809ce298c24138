// Which test files there are, and in which tier each belongs: the name of a file says how it has to be run.
// *.test.ts is a unit test, *.ns.test.ts needs root and a private mount namespace, *.qemu.test.ts boots guests.

import fs from 'node:fs'
import path from 'node:path'

/** In the order they run: what is cheap and finds the cause comes first. */
export const TIERS = ['unit', 'ns', 'harness', 'qemu'] as const
export type Tier = (typeof TIERS)[number]

export interface TestFile {
  /** Relative to the checkout. */
  readonly path: string
  readonly tier: Tier
}

const FOLDERS = ['src', 'bundle', 'initrd-builder', 'scripts', 'kernel-configs', 'qemu-tests']

/** The tier of a path, or undefined when it is not a test. */
export function tierOf(file: string): Tier | undefined {
  if (file.endsWith('.qemu.test.ts')) return file.startsWith('qemu-tests/harness/') ? 'harness' : 'qemu'
  if (file.endsWith('.ns.test.ts')) return 'ns'
  return file.endsWith('.test.ts') ? 'unit' : undefined
}

/** All test files of the checkout at `root`, in the order of their tiers and then of their names. */
export function findTestFiles(root: string): TestFile[] {
  const found = FOLDERS.filter((folder) => fs.existsSync(path.join(root, folder))).flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => path.join(folder, file)),
  )
  return found
    .filter((file) => !file.includes('node_modules/'))
    .flatMap((file) => {
      const tier = tierOf(file)
      return tier === undefined ? [] : [{ path: file, tier }]
    })
    .sort((a, b) => TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier) || (a.path < b.path ? -1 : 1))
}
