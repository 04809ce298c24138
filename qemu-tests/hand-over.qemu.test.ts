// Hand-overs that are not the boot's own: the drop-in commands in an initramfs that is not ours, and a fulcrum that
// has died and come back. Both must leave what the kernel leaves.
import t from 'tap'
import { KERNEL_SERIES, ensureKernel } from '../scripts/setup/kernel.ts'
import type { KernelSeries } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { elfClosure } from './harness/elf-closure.ts'
import { FROM_MEMORY, compareFingerprints } from './harness/fingerprint.ts'
import { kernelReference } from './harness/kernel-reference.ts'
import { plainInitramfs } from './harness/plain-initramfs.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario, fingerprint } from './harness/scenario.ts'
import { busybox, smallRoot } from './harness/small-root.ts'
import { freedChecks, keptChecks, mountChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { dist, sleeperIncludes, testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const MEMORY_MIB = 512
const INIT_WORDS = 'word "two words" key=value -- last'

interface DropIn {
  /** What the script's last line executes; its init words follow. */
  readonly command: string
  /** Where in the disk's file system the root lies: not at its top means a plain directory. */
  readonly directory: string
  readonly keeps: boolean
  /** Tries an init that is not there first. */
  readonly wrongFirst?: string
}

/** By path: Debian's static busybox takes its own switch_root and run-init before any in PATH. */
const DROP_INS: Readonly<Record<KernelSeries, DropIn>> = {
  '6.1': {
    command: '/bin/switch_root /disk /sbin/init', directory: '', keeps: false,
    wrongFirst: '/bin/switch_root /disk /sbin/absent',
  },
  '6.12': { command: '/bin/fulcrum switch --engine pivot /disk/deep/root /sbin/init', directory: 'deep/root/', keeps: true },
  '7.x': { command: '/bin/run-init /disk /sbin/init', directory: '', keeps: false },
}

const MOUNTS = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mkdir /run/sub
mount -t tmpfs sub /run/sub
echo kept > /run/sub/file
until mount -t ext4 -o ro /dev/nvme0n1p1 /disk 2> /dev/null; do sleep 0.1; done
`

/** An initramfs of busybox and a script, with fulcrum in it as nothing but a tool. */
function busyboxInitramfs({ command, wrongFirst }: DropIn): string {
  const [program, addon] = [dist('fulcrum'), dist('koffi.node')]
  const links = ['sh', 'mount', 'mkdir', 'sleep', 'echo'].map((name) => [`bin/${name}`, { type: 'link', target: 'busybox' }] as const)
  const tools = ['switch_root', 'run-init'].map((name) => [`bin/${name}`, { type: 'link', target: 'fulcrum' }] as const)
  const empty = ['proc', 'sys', 'dev', 'run', 'disk'].map((name) => [name, { type: 'directory' }] as const)
  const tree: Tree = {
    ...elfClosure([program, addon]),
    ...Object.fromEntries([...links, ...tools, ...empty]),
    init: { type: 'text', mode: 0o755, text: `${MOUNTS}exec ${wrongFirst ?? command} "$@"\n` },
    // What a person types after a wrong one. The words are those that the kernel gave to /init.
    again: { type: 'text', mode: 0o755, text: `#!/bin/sh\nexec ${command} word "two words" last\n` },
    'bin/busybox': { type: 'file', source: busybox(), mode: 0o755 },
    'bin/fulcrum': { type: 'file', source: program, mode: 0o755 },
    'lib/fulcrum/koffi.node': { type: 'file', source: addon },
    'dev/console': { type: 'device', kind: 'c', major: 5, minor: 1, mode: 0o600 },
  }
  return plainInitramfs(tree, { forThisRun: true })
}

function prefixed(prefix: string, tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).map(([path, entry]) => [`${prefix}${path}`, entry]))
}

const CARRIED = `
is "/dev/pts came along" "$(type_of /dev/pts)" devpts
is "a mount below /run came along" "$(cat /run/sub/file)" kept
is "it is mounted once" "$(mounted_on /run/sub)" 1
`
const KEPT = `
is "one mount on /run/rootfs" "$(mounted_on /run/rootfs)" 1
yes "the old root is visible" test -x /run/rootfs/bin/fulcrum
`

/** The boots by fulcrum itself that die on the way: by the bind trick, and without. */
const CRASHES: Partial<Record<KernelSeries, 'move' | 'pivot'>> = { '6.1': 'pivot', '7.x': 'move' }

for (const series of KERNEL_SERIES) {
  const kernel = ensureKernel(series)
  const dropIn = DROP_INS[series]
  const initrd = busyboxInitramfs(dropIn)
  const expected = await kernelReference(t, kernel, { initrd, memoryMiB: MEMORY_MIB, initWords: INIT_WORDS })

  await t.test(`${series}: '${dropIn.command}' in an initramfs of busybox`, async (t) => {
    const disk = diskImage({ fileSystem: 'ext4', table: 'gpt', tree: prefixed(dropIn.directory, smallRoot()) })
    let told = ''
    const result = await bootScenario(t, {
      name: `drop-in-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: MEMORY_MIB,
        // root= decides whether the initramfs is a ramfs or a tmpfs: 6.1 has the one, the others the other.
        append: `${BASE_APPEND} fulcrum.panic=0 ${series === '6.1' ? '' : 'root=/dev/nvme0n1p1'} ${INIT_WORDS}`,
        disks: [{ path: disk.path, bus: 'nvme' }],
      },
      ...(dropIn.wrongFirst === undefined ? {} : {
        converse: async (console) => {
          const talk = new RescueTalk(console)
          told = await talk.prompt()
          talk.last('exec /again')
        },
      }),
      script: tapScript(mountChecks('ext4'), CARRIED, dropIn.keeps ? KEPT : freedChecks()),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: dropIn.wrongFirst === undefined ? [/fulcrum> /, /Cannot/] : [] },
    })
    if (dropIn.wrongFirst !== undefined) t.match(told, /Cannot find init '\/sbin\/absent'[^]*switch_root ended with status 1, and this is PID 1/)
    // The tools hand on the environment that they were given, which the shell has added to.
    t.same(compareFingerprints(expected, fingerprint(result), [/^environment$/]), [], 'the hand-over is that of the kernel')
  })

  const engine = CRASHES[series]
  if (engine === undefined) continue
  await t.test(`${series}: PID 1 is killed by a signal, comes back, and boots by ${engine}`, async (t) => {
    const disk = diskImage({ fileSystem: 'ext4', label: 'good-root', tree: smallRoot() })
    const seen: [name: string, text: string, pattern: RegExp][] = []
    const result = await bootScenario(t, {
      name: `crash-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel, { features: ['shell'], include: sleeperIncludes() }),
        memoryMiB: MEMORY_MIB, disks: [{ path: disk.path, bus: 'virtio' }],
        append: `${BASE_APPEND} root=LABEL=absent ro rd.timeout=1 fulcrum.panic=0 fulcrum.switch=${engine} ${INIT_WORDS}`,
      },
      converse: async (console) => {
        const talk = new RescueTalk(console)
        await talk.prompt()
        talk.last('shell')
        await console.waitFor(/^\/ # /m)
        talk.last('kill -ABRT 1; exit')
        await console.waitFor(/^fulcrum: version /m)
        seen.push(['it says that it died', await talk.prompt(), /stopped at 'crash'[^]*Node died of a fatal signal/])
        seen.push(['the shell is gone', await talk.command('ps'), /^(?![^]*busybox)/])
        for (const word of ['rd.timeout=60', 'root=LABEL=good-root']) await talk.command(word)
        talk.last('retry')
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine }), engine === 'pivot' ? keptChecks() : freedChecks()),
    })
    for (const [name, text, pattern] of seen) t.match(text, pattern, name)
    t.equal(seen.length, 2, 'every step was taken')
    // The reference was made with the other image, which left another amount of memory free.
    t.same(compareFingerprints(expected, fingerprint(result), [FROM_MEMORY]), [], 'the hand-over is that of the kernel')
  })
}
