// Roots on block devices that are made of others: a mirror with a missing half, volumes on a mirror, thin and RAID volumes,
// LUKS below and above them, RAID 5 and 6 without what they can do without, a snapshot, a cache, btrfs on two devices and on one of them. No udev in the image: fulcrum starts Debian's tools. Each root is written to and
// taken apart at the end, and the host finds every layer clean.
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { runTool, tryTool } from '../scripts/setup/run-tool.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { BLOCK_FILES, KEY, blockDisks } from './harness/block-disks.ts'
import type { BlockDisk } from './harness/block-disks.ts'
import { checkExt4 } from './harness/check-ext4.ts'
import type { Console } from './harness/console.ts'
import { ownPath } from './harness/own-files.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const disks = await blockDisks()
const key = ownPath('scratch', 'block-key')
writeFileSync(key, KEY)

interface Scenario {
  readonly disks: readonly BlockDisk[]
  readonly append: string
  readonly has: readonly RegExp[]
  readonly lacks: readonly RegExp[]
  readonly check: (written: readonly string[]) => readonly string[]
  /** Both kernels by default. */
  readonly series?: '6.12' | '7.x'
  /** Where the boot stops in the rescue console first. */
  readonly converse?: (console: Console) => Promise<void>
}

/** Bytes from the start of a member to the data of its array; and whether it was stopped in order. */
function examine(member: string): { readonly offset: number; readonly complaints: readonly string[] } {
  const { stdout } = tryTool('mdadm', ['--examine', member])
  const sectors = /Data Offset : (\d+) sectors/.exec(stdout)?.[1]
  const isClean = /State : clean/.test(stdout) && sectors !== undefined
  return { offset: Number(sectors ?? 0) * 512, complaints: isClean ? [] : [`The member '${member}' of an array is not clean: ${stdout.trim()}`] }
}

/** A btrfs that was not unmounted has a log to replay. */
function checkBtrfs(member: string): string[] {
  const text = runTool('btrfs', ['inspect-internal', 'dump-super', member])
  return /^log_root\s+0$/m.test(text) ? [] : [`The btrfs on '${member}' was not unmounted`]
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'LUKS on a volume on a mirror, and /usr on a thin volume': {
    disks: ['stack1', 'stack2', 'lvm1', 'lvm2'],
    append: 'root=/dev/mapper/secret rd.luks.name=0f0c0000-0000-4000-8000-0000000c1bf5=secret rd.luks.key=/etc/keys/root',
    has: [
      /adding \/dev\/vd[ab] to its array/, /looking for logical volumes on [^\n]*\/dev\/md127/, /activating volume group 'stack'/, /activating logical volume 'vg0\/usr'/,
      /unmounted \/oldroot\/usr \(ext4/, /unmounted \/oldroot \([^]*device mapper secret\)[^]*device mapper stack-root\)[^]*let go of \/dev\/md127/,
      /device mapper vg0-usr\)[^]*device mapper vg0-pool-tpool\)[^]*device mapper vg0-pool_tdata\)/,
    ],
    lacks: [/vg0-other/, /volume group 'vg0'/],
    check: (members) => members.slice(0, 2).flatMap((member) => examine(member).complaints),
  },
  'half a mirror, and /usr on two disks of btrfs': {
    disks: ['mirror2', 'btrfs1', 'btrfs2'],
    append: 'root=/dev/md/mirror',
    has: [
      /adding \/dev\/vda to its array '\S*mirror'/,
      /starting \/dev\/md127 although it is incomplete; it has \/dev\/vda/,
      /\/dev\/md127 \(raid1\) runs degraded: member 0 of 0 to 1 is missing, there is \/dev\/vda \(1\)/,
      /unmounted \/oldroot\/usr \(btrfs/, /unmounted \/oldroot \([^]*let go of \/dev\/md127/,
    ],
    lacks: [],
    check: ([mirror = '', ...btrfs]) => {
      const { offset, complaints } = examine(mirror)
      return [...complaints, ...checkExt4(mirror, { offset, files: BLOCK_FILES }), ...btrfs.flatMap(checkBtrfs)]
    },
  },
  'a volume in LUKS on a mirror, and /usr on half of a RAID volume': {
    disks: ['deep1', 'deep2', 'raid2'],
    append: 'root=/dev/mapper/deep-root rd.luks.key=/etc/keys/root',
    has: [
      /adding \/dev\/vd[ab] to its array[^]*unlocking \/dev\/md127[^]*activating logical volume 'deep\/root'/,
      /activating logical volume 'pair\/usr', of which 1 physical volume is missing/,
      /unmounted \/oldroot\/usr \(ext4[^]*device mapper pair-usr\)/,
      /unmounted \/oldroot \([^]*device mapper deep-root\)[^]*device mapper luks-0f0c0000-0000-4000-8000-0000000dee91\)[^]*let go of \/dev\/md127/,
    ],
    lacks: [],
    check: (members) => members.slice(0, 2).flatMap((member) => examine(member).complaints),
  },
  'RAID 6 without two of its four disks, and /usr on a volume with a cache': {
    series: '6.12',
    disks: ['six1', 'six2', 'cache1'],
    append: 'root=/dev/md/six',
    has: [
      /starting \/dev\/md127 although it is incomplete; it has \/dev\/vda, \/dev\/vdb/, /\/dev\/md127 \(raid6\) runs degraded: members 0, 3 of 0 to 3 are missing/,
      /activating volume group 'cached'/, /unmounted \/oldroot\/usr \(ext4[^]*device mapper cached-usr\)/,
      /unmounted \/oldroot \([^]*let go of \/dev\/md127/,
    ],
    lacks: [],
    check: (members) => members.slice(0, 2).flatMap((member) => examine(member).complaints),
  },
  'a snapshot on RAID 5 without one of its three disks': {
    series: '7.x',
    disks: ['five1', 'five2'],
    append: 'root=/dev/mapper/snaps-root',
    has: [
      /starting \/dev\/md127 although it is incomplete/, /\/dev\/md127 \(raid5\) runs degraded/,
      /activating logical volume 'snaps\/root'/, /unmounted \/oldroot \([^]*device mapper snaps-root\)[^]*device mapper snaps-root-cow\)[^]*let go of \/dev\/md127/,
    ],
    lacks: [],
    check: (members) => members.flatMap((member) => examine(member).complaints),
  },
  'one of two disks of btrfs': {
    series: '6.12',
    disks: ['twin2'],
    append: 'root=LABEL=twin rd.timeout=15 fulcrum.panic=0',
    has: [/LABEL=twin did not appear/, /using it as it is, as its mount options say/, /unmounted \/oldroot \(btrfs/],
    lacks: [],
    converse: async (console) => {
      const talk = new RescueTalk(console)
      const told = await talk.prompt()
      if (!/btrfs on vda has 1 of its 2 devices; rootflags=degraded/.test(told)) throw new Error(`What is missing was not told: ${told}`)
      await talk.command('set rootflags=degraded')
      talk.last('retry')
    },
    check: (members) => members.flatMap(checkBtrfs),
  },
  'one of two disks of btrfs, as asked for': {
    series: '7.x',
    disks: ['twin2'],
    append: 'root=LABEL=twin rootflags=degraded',
    has: [/using it as it is, as its mount options say/, /unmounted \/oldroot \(btrfs/],
    lacks: [],
    check: (members) => members.flatMap(checkBtrfs),
  },
}

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if ((scenario.series ?? series) !== series) continue
    await t.test(`${series}: ${name}`, async (t) => {
      await bootScenario(t, {
        name: `block-${series}-${name.replace(/\W+/g, '-')}`,
        machine: {
          kernel: kernel.vmlinuz, initrd: await testImage(kernel, { sysroot: ensureStorageTools(), features: ['lvm', 'md', 'btrfs', 'luks'], secrets: [{ source: key, destination: '/etc/keys/root' }] }), memoryMiB: 512,
          append: `${BASE_APPEND} ${scenario.append} rw`,
          disks: scenario.disks.map((disk) => ({ path: disks.path(disk), bus: 'virtio', writable: true })),
        },
        ...(scenario.converse === undefined ? {} : { converse: scenario.converse }),
        expectation: {
          report: 'none', end: 'poweroff',
          consoleHas: [/^all checked/m, ...scenario.has, /old root taken down in \d+ ms: /],
          consoleLacks: [/^not ok/m, /not all of it/, ...(scenario.converse === undefined ? [/rescue/, /fulcrum: Cannot/] : []), ...scenario.lacks],
        },
        afterwards: scenario.check,
      })
    })
  }
}
