// Boots that cannot go on: each must end in the rescue console with the right reason, and none in a panic.
// Several failures share a boot: from each the console tries the next by `retry` with another root, and the
// last one is good, so that this also proves that a failed try leaves nothing behind that stops the next.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import type { DiskSpec } from './harness/disk-images.ts'
import { foreignProgram } from './harness/foreign-program.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

function without(tree: Tree, ...paths: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !paths.includes(path)))
}

const root = smallRoot()
/** In this order they are vda, vdb, … */
const DISKS: readonly DiskSpec[] = [
  { fileSystem: 'none', tree: {} },
  { fileSystem: 'ext4', label: 'corrupt', tree: {}, corrupt: true },
  { fileSystem: 'ext4', label: 'noinit', tree: without(root, 'sbin/init') },
  { fileSystem: 'ext4', label: 'foreign', tree: { ...root, 'sbin/init': { type: 'bytes', base64: foreignProgram(), mode: 0o755 } } },
  { fileSystem: 'ext4', label: 'script', tree: { ...root, 'sbin/init': { type: 'text', text: '#!/usr/bin/absent -x\n', mode: 0o755 } } },
  { fileSystem: 'ext4', label: 'bare', tree: without(root, 'dev', 'proc', 'sys', 'run') },
  { fileSystem: 'ext4', label: 'good-root', tree: root },
]

for (const [series, engine] of [['6.1', 'pivot'], ['6.12', 'move'], ['7.x', 'pivot']] as const) {
  await t.test(`${series}: every bad root ends in the rescue console, and a good one boots after them`, async (t) => {
    const kernel = ensureKernel(series)
    const seen: [name: string, text: string, pattern: RegExp][] = []
    const result = await bootScenario(t, {
      name: `failures-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512,
        append: `${BASE_APPEND} root=LABEL=good-roof ro init=/sbin/init rd.timeout=5 fulcrum.panic=0 fulcrum.switch=${engine}`,
        disks: DISKS.map((spec) => ({ path: diskImage(spec).path, bus: 'virtio' as const })),
      },
      converse: async (console) => {
        const talk = new RescueTalk(console)
        const expect = (name: string, text: string, pattern: RegExp): void => void seen.push([name, text, pattern])
        const first = await talk.prompt()
        expect('no such root', first, /Cannot find the root: LABEL=good-roof did not appear/)
        expect('its near miss', first, /near misses:\s+.*good-root/)
        await talk.command('rd.timeout=60')
        expect('blk shows the disks', await talk.command('blk'), /vdg.*ext4.*good-root/)
        expect('mounts', await talk.command('mounts'), /\/proc/)
        expect('ps', await talk.command('ps'), /\b1\b.*(fulcrum|init)/)
        expect('dmesg', await talk.command('dmesg 20'), /vd[a-g]|EXT4|virtio/)
        expect('an unknown command', await talk.command('mount s'), /Cannot|usage/)
        expect('not a file system', await talk.retry('root=/dev/vda'), /Cannot mount '\/dev\/vda': .*not a file system/)
        expect('corrupt superblock', await talk.retry('root=LABEL=corrupt'), /mount\(.*"ext4".*E(INVAL|FSCORRUPTED|UCLEAN)/)
        expect('no init', await talk.retry('root=LABEL=noinit'), /\[init-missing\]/)
        expect('init of another architecture', await talk.retry('root=LABEL=foreign'), /\[init-wrong-architecture\]/)
        expect('script without interpreter', await talk.retry('root=LABEL=script'), /'\/usr\/bin\/absent'/)
        expect('read-only root without mount points', await talk.retry('root=LABEL=bare'), /\[mount-point-missing\]/)
        await talk.command('root=LABEL=good-root')
        talk.last('retry')
      },
      script: tapScript(
        rootChecks({ fileSystem: 'ext4', engine }),
        'is "rescues in the record" "$(record rescues)" 7',
      ),
    })
    for (const [name, text, pattern] of seen) t.match(text, pattern, name)
    t.equal(seen.length, 13, 'every step was taken')
    t.notMatch(result.observation.console, /Kernel panic/)
  })
}

await t.test('6.1: a file system with errors is not mounted until a person has allowed its repair', async (t) => {
  const kernel = ensureKernel('6.1')
  const disk = diskImage({
    fileSystem: 'ext4', label: 'broken', tree: { ...root, victim: { type: 'text', text: 'a file' } },
    // An inode of no type is nothing that e2fsck repairs unasked; the state makes it look.
    damage: ['sif /victim mode 0', 'ssv state 2'],
  })
  let told = ''
  await bootScenario(t, {
    name: 'fsck-6.1',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel, { features: ['fsck'] }), memoryMiB: 512,
      append: `${BASE_APPEND} root=LABEL=broken rw fulcrum.panic=0`, disks: [{ path: disk.path, bus: 'virtio' }],
    },
    converse: async (console) => {
      const talk = new RescueTalk(console)
      told = await talk.prompt()
      await talk.command('fsck.repair=yes')
      talk.last('retry')
    },
    script: tapScript(
      rootChecks({ fileSystem: 'ext4', engine: 'pivot' }),
      'no "the broken file is gone" test -e /victim',
    ),
    expectation: { report: 'tap', end: 'poweroff', consoleHas: [/^fulcrum: \S*fsck\.ext4 repaired \/dev\/vda/m] },
  })
  t.match(told, /fsck\.ext4 left errors uncorrected \(status 4\) \[fsck-errors\]/)
  t.match(told, /victim\) has invalid mode/, 'what e2fsck said')
})
