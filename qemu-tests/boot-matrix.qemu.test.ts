// Good boots into the small root: both engines on every kernel, and between them every file system, every way to
// name the root, every bus and every partition table; kept and freed initramfs; and on the way the hand-over
// of each of them compared with an init that the same kernel starts by itself.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import type { KernelSeries } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import type { DiskSpec } from './harness/disk-images.ts'
import { compareFingerprints } from './harness/fingerprint.ts'
import { kernelReference } from './harness/kernel-reference.ts'
import type { Bus } from './harness/qemu-arguments.ts'
import { BASE_APPEND, bootScenario, fingerprint, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { freedChecks, keptChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'

interface Row {
  readonly kernel: KernelSeries
  readonly fileSystem: Exclude<DiskSpec['fileSystem'], 'none'>
  readonly table: 'none' | 'gpt' | 'mbr'
  readonly bus: Bus
  readonly root: 'UUID' | 'LABEL' | 'PARTUUID' | 'PARTLABEL' | `/dev/${string}`
  /** fulcrum.switch=, and what it must come to. */
  readonly ask: 'move' | 'pivot' | 'auto'
  readonly engine: 'move' | 'pivot'
  readonly keep?: 'full' | 'none'
  readonly append?: string
}

const ROWS: readonly Row[] = [
  { kernel: '6.1', fileSystem: 'ext4', table: 'gpt', bus: 'virtio', root: 'UUID', ask: 'move', engine: 'move' },
  { kernel: '6.1', fileSystem: 'xfs', table: 'mbr', bus: 'nvme', root: 'PARTUUID', ask: 'pivot', engine: 'pivot' },
  { kernel: '6.1', fileSystem: 'erofs', table: 'none', bus: 'scsi', root: '/dev/sda', ask: 'pivot', engine: 'pivot', keep: 'none' },
  { kernel: '6.12', fileSystem: 'btrfs', table: 'none', bus: 'scsi', root: 'LABEL', ask: 'move', engine: 'move' },
  { kernel: '6.12', fileSystem: 'ext4', table: 'gpt', bus: 'sata', root: 'PARTLABEL', ask: 'pivot', engine: 'pivot', append: 'rw quiet' },
  { kernel: '6.12', fileSystem: 'squashfs', table: 'mbr', bus: 'virtio', root: '/dev/vda1', ask: 'pivot', engine: 'pivot', keep: 'none' },
  { kernel: '7.x', fileSystem: 'squashfs', table: 'gpt', bus: 'nvme', root: 'PARTLABEL', ask: 'move', engine: 'move' },
  { kernel: '7.x', fileSystem: 'erofs', table: 'none', bus: 'virtio', root: 'UUID', ask: 'auto', engine: 'pivot' },
  { kernel: '7.x', fileSystem: 'xfs', table: 'gpt', bus: 'sata', root: 'LABEL', ask: 'pivot', engine: 'pivot', keep: 'none' },
]

function isPath(root: Row['root']): root is `/dev/${string}` {
  return root.startsWith('/')
}

/** The smallest machine of the tests: a generic image has to fit, kept or freed, on every kernel. */
const MEMORY_MIB = 256

/** Quoting as the kernel reads it; it strips the quotes, and words in front of init= are not for init. */
const INIT_WORDS = 'early init=/sbin/init word "two words" key=value "spaced=a  b" -- last "x y"'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

for (const series of ['6.1', '6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  const initrd = await testImage(kernel, { include: sleeperIncludes() })
  const expected = await kernelReference(t, kernel, { initrd, memoryMiB: MEMORY_MIB, initWords: INIT_WORDS })
  t.equal(expected.get('argv'), JSON.stringify(['/sbin/init', 'word', 'two words', 'last', 'x y']), 'what the words come to')
  for (const row of ROWS.filter((candidate) => candidate.kernel === series)) {
    const keep = row.keep ?? (row.engine === 'pivot' ? 'full' : 'none')
    const title = `${series}: ${row.fileSystem} on ${row.bus} (${row.table}), ${row.root}, ${row.ask}, keep ${keep}`
    await t.test(title, async (t) => {
      const hasLabel = row.fileSystem !== 'erofs' && row.fileSystem !== 'squashfs'
      const disk = diskImage({
        fileSystem: row.fileSystem, table: row.table, tree: smallRoot(), ...(hasLabel ? { label: 'small root' } : {}),
      })
      const root = isPath(row.root) ? `root=${row.root}` : specifier(disk, row.root)
      const isQuiet = row.append?.includes('quiet') === true
      const asked = row.keep === undefined ? '' : ` fulcrum.keep=${row.keep}`
      const result = await bootScenario(t, {
        name: `matrix-${series}-${row.fileSystem}-${row.bus}`,
        machine: {
          kernel: kernel.vmlinuz, initrd, memoryMiB: MEMORY_MIB,
          append: `${BASE_APPEND} ${root} ${row.append ?? 'ro'} fulcrum.switch=${row.ask}${asked} ${INIT_WORDS}`,
          disks: [{ path: disk.path, bus: row.bus }],
        },
        script: tapScript(rootChecks(row), keep === 'full' ? keptChecks() : freedChecks()),
        expectation: {
          report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /, ignoring/, ...(isQuiet ? [/^fulcrum/m] : [])],
          consoleHas: isQuiet ? [] : [/^fulcrum: version /m],
        },
      })
      t.same(compareFingerprints(expected, fingerprint(result), isQuiet ? [/^process\.printk$/] : []), [], 'the hand-over is that of the kernel')
    })
  }
}
