// Tests that the check of a guest's disk goes red for each thing that can be wrong, and only then.
// Needs root and the ext4 tools; boots nothing.
import t from 'tap'
import { readFileSync, rmSync } from 'node:fs'
import { checkExt4, knownText, writeKnownFiles } from './check-ext4.ts'
import type { KnownFile } from './check-ext4.ts'
import { diskImage } from './disk-images.ts'
import type { DiskSpec } from './disk-images.ts'
import { ownPath } from './own-files.ts'
import { copyOf } from './writable-disk.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../../scripts/setup/test-packages.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const file: KnownFile = { path: '/var/known', word: 'synced', lines: 1000, isSynced: true }
const spec: DiskSpec = { fileSystem: 'ext4', tree: { 'var/known': { type: 'text', text: knownText(file) } } }

t.test('a good disk, whole and in a partition', async (t) => {
  t.same(checkExt4(diskImage(spec).path, { files: [file], absent: ['/var/other'] }), [])
  t.same(checkExt4(diskImage({ ...spec, table: 'gpt' }).path, { files: [file], offset: 1 << 20 }), [])
})

t.test('each thing that can be wrong', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['feature needs_recovery', /feature 'needs_recovery': it was not unmounted/],
    ['ssv state 0', /state is 'not clean'/],
    ['clri /var', /e2fsck -fn: status 4/],
    ['rm /var/known', /'\/var\/known' is not there/],
    ['mkdir /gone', /'\/gone' is there, and was removed/],
  ]
  for (const [command, complaint] of cases) {
    const path = copyOf(diskImage(spec).path)
    runTool('debugfs', ['-w', '-R', command, path])
    t.match(checkExt4(path, { files: [file], absent: ['/gone'] }).join('\n'), complaint, command)
    rmSync(path)
  }
  t.match(checkExt4(diskImage(spec).path, { files: [{ ...file, lines: 1001 }] }), [/is not what was written: 10893 bytes instead of 10905, other from byte 10893/])
  t.match(checkExt4(diskImage({ fileSystem: 'none', tree: {} }).path), [/Cannot read the superblock/])
})

t.test('the guest writes what the host expects', async (t) => {
  const path = ownPath('scratch', 'known')
  runTool('sh', ['-c', writeKnownFiles([{ ...file, path }])])
  t.equal(readFileSync(path, 'utf8'), knownText(file))
})
