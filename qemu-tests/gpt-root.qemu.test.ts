// Roots that nothing names: found by the type of the partition, and chosen from a list in the rescue console.
// The disks that the list looks into have a log to replay and orphans to clean up: the kernel's own counters
// say that not a sector of them was written.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import type { DiskSpec } from './harness/disk-images.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const ROOT_X64 = '4f68bce3-e8cd-4db1-96e7-fbcaf984b709'
const root = smallRoot()
const named = (name: string): Tree => ({ ...root, 'etc/os-release': { type: 'text', text: `PRETTY_NAME="${name}"\n` } })

/** needs_recovery: a log to replay; 12 in the list of orphans: what a mount would clean up, even a read-only one. */
const DIRTY = ['feature needs_recovery', 'ssv last_orphan 12'] as const

await t.test('7.x: no root=: the partition with the type of a root, read-only as its table says', async (t) => {
  const kernel = ensureKernel('7.x')
  const disks: readonly DiskSpec[] = [
    { fileSystem: 'ext4', label: 'decoy', table: 'gpt', partition: { type: ROOT_X64, attributes: 'GUID:63' }, tree: root },
    { fileSystem: 'ext4', label: 'good-root', table: 'gpt', partition: { type: ROOT_X64, attributes: 'GUID:60' }, tree: root },
  ]
  await bootScenario(t, {
    name: 'gpt-auto-7.x',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512, append: `${BASE_APPEND} rw`,
      disks: disks.map((spec) => ({ path: diskImage(spec).path, bus: 'virtio' })),
    },
    script: tapScript(rootChecks({ fileSystem: 'ext4', engine: 'pivot' }), `
is "source of the root" "$(sed -n 's#^.*"source": "\\([^"]*\\)".*#\\1#p' /run/fulcrum/boot.json | head -n 1)" /dev/vdb1
like "the root is read-only" "$(options_of /)" '^ro(,|$)'
is "no rescue" "$(record rescues)" 0
`),
    expectation: { report: 'tap', end: 'poweroff', consoleHas: [/the root is \/dev\/vdb1, by the type/, /\/dev\/vdb1 is marked read-only/], consoleLacks: [/Rescue console/] },
  })
})

await t.test('6.1: a list of roots, one is chosen by its number, and nothing was written to the others', async (t) => {
  const kernel = ensureKernel('6.1')
  const disks: readonly DiskSpec[] = [
    { fileSystem: 'ext4', label: 'dirty', tree: named('Dirty ext4'), damage: DIRTY },
    { fileSystem: 'none', tree: {} },
    { fileSystem: 'ext4', label: 'data', tree: { readme: { type: 'text', text: 'x' } } },
    { fileSystem: 'xfs', label: 'on-xfs', tree: named('Root on XFS') },
    { fileSystem: 'btrfs', label: 'on-btrfs', tree: named('Root on btrfs') },
    { fileSystem: 'squashfs', tree: named('Root on squashfs') },
    { fileSystem: 'ext4', table: 'gpt', label: 'corrupt', corrupt: true, tree: {} },
  ]
  const seen: [name: string, text: string, pattern: RegExp][] = []
  await bootScenario(t, {
    name: 'guided-choice-6.1',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512, append: `${BASE_APPEND} root=LABEL=nosuch rd.timeout=5 fulcrum.panic=0 rw`,
      disks: disks.map((spec) => ({ path: diskImage(spec).path, bus: 'virtio' })),
    },
    converse: async (console) => {
      const talk = new RescueTalk(console)
      const first = await talk.prompt()
      const list = [
        String.raw`1  /dev/vda  ext4  'Dirty ext4'  label dirty  not cleanly unmounted`, String.raw`2  /dev/vdd  xfs  'Root on XFS'  label on-xfs`,
        String.raw`3  /dev/vde  btrfs  'Root on btrfs'  label on-btrfs`, String.raw`4  /dev/vdf  squashfs  'Root on squashfs'`,
      ]
      seen.push(['the list', first, new RegExp(`a number boots one:\\s+${list.join('\\s+')}\\s`)])
      seen.push(['what cannot be looked into', first, /\(cannot look into \/dev\/vdg1: .*\)/])
      seen.push(['a number that is not listed', await talk.command('7'), /Cannot choose 7: the list ends at 4/])
      seen.push(['again', await talk.command('roots'), /1 {2}\/dev\/vda .*\s+2 {2}\/dev\/vdd /])
      talk.last('2')
    },
    script: tapScript(rootChecks({ fileSystem: 'xfs', engine: 'pivot' }), `
is "source of the root" "$(sed -n 's#^.*"source": "\\([^"]*\\)".*#\\1#p' /run/fulcrum/boot.json | head -n 1)" /dev/vdd
for disk in vda vdb vdc vde vdf vdg; do
  is "requests to write to $disk" "$(awk '{ print $5 }' /sys/block/$disk/stat)" 0
  is "$disk can be written to again" "$(cat /sys/block/$disk/ro)" 0
done
is "nothing is left in /run" "$(ls /run/fulcrum | grep look)" ""
`),
    expectation: { report: 'tap', end: 'poweroff' },
  })
  for (const [name, text, pattern] of seen) t.match(text, pattern, name)
  t.equal(seen.length, 4, 'every step was taken')
})
