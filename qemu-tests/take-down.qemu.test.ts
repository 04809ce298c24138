// Everything that a root can stand on and carry, taken down by /shutdown the way systemd-shutdown calls it: nested
// mounts, swap, loop devices, an array, LUKS on a volume, an overlay, processes. Then a device that does not answer,
// under a watchdog that resets what is not fed. What is left on the disk is judged from the host.
import { rmSync } from 'node:fs'
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { runTool, tryTool } from '../scripts/setup/run-tool.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { elfClosure } from './harness/elf-closure.ts'
import { ownPath } from './harness/own-files.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const PROGRAMS = ['cryptsetup', 'dmsetup', 'mdadm', 'losetup', 'mke2fs'].map((name) => `/usr/sbin/${name}`)
const MODULES = ['virtio_pci', 'virtio_blk', 'dm_mod', 'dm_crypt', 'xts', 'raid1', 'loop', 'overlay', 'softdog']

/** What systemd-shutdown does at its end: the API file systems bound, pivot_root with put_old /oldroot, exec. */
const goDown = (env: string, words: string): string => `
cd /run/initramfs
for at in proc sys dev run; do mount --bind /$at /run/initramfs/$at || echo "not ok bind $at"; done
pivot_root . oldroot || echo "not ok pivot_root"
exec env ${env} chroot . /shutdown ${words} < dev/console > dev/console 2>&1
`

const PRELUDE = `#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin DM_DISABLE_UDEV=1
must() { "$@" > /run/out 2>&1 || { echo "not ok $*"; cat /run/out; }; }
must mount -o remount,rw /
must mount -t tmpfs tmpfs /tmp; export TMPDIR=/tmp
`

/** A volume over the whole disk, then an ext4 with a file that is written and not synced. */
const volume = (name: string, disk: string): string => `
must dmsetup create ${name} --table "0 $(cat /sys/block/${disk}/size) linear /dev/${disk} 0"
`

const FILES: readonly KnownFile[] = [
  { path: '/var/closed', word: 'closed', lines: 20_000 },
  { path: '/var/synced', word: 'synced', lines: 1000, isSynced: true },
]

const STACKS = `${PRELUDE}
must dd if=/dev/zero of=/swapfile bs=1M count=8
must mkswap /swapfile; must swapon /swapfile; must mkswap /dev/vdb; must swapon /dev/vdb
for n in 0 1; do must dd if=/dev/zero of=/l$n.img bs=1M count=24; must losetup /dev/loop$n /l$n.img; done
must mdadm --create /dev/md0 --run --quiet --level=1 --raid-devices=2 --metadata=1.2 --assume-clean /dev/loop0 /dev/loop1
must /usr/sbin/mke2fs -q -t ext4 /dev/md0; must mount /dev/md0 /md
${volume('lin', 'vdc')}
printf secret > /tmp/key
must cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/mapper/lin /tmp/key
must cryptsetup open --key-file /tmp/key /dev/mapper/lin secret
must /usr/sbin/mke2fs -q -t ext4 /dev/mapper/secret; must mount /dev/mapper/secret /home
must dd if=/dev/zero of=/home/inner.img bs=1M count=8; must losetup /dev/loop2 /home/inner.img
must /usr/sbin/mke2fs -q -t ext4 /dev/loop2; must mkdir /home/inner; must mount /dev/loop2 /home/inner
must mkdir /home/upper /home/work; must mount -t overlay overlay -o lowerdir=/lower,upperdir=/home/upper,workdir=/home/work /mnt
echo written > /mnt/file; echo written > /md/file; echo written > /home/inner/file
unshare -m sleep 1000 &
sh -c 'trap "" TERM; exec 3> /home/held; while :; do sleep 1; done' &
(cd /md; exec sleep 1000) &
until [ -e /home/held ] && [ $(pidof sleep | wc -w) -ge 3 ]; do sleep 0.1; done
${writeKnownFiles(FILES)}
${goDown('WATCHDOG_USEC=20000000', 'poweroff --timeout=60000000us --log-level 7 --log-target=console')}
`

const HANGS = `${PRELUDE}
${volume('lin', 'vdc')}
must /usr/sbin/mke2fs -q -t ext4 /dev/mapper/lin; must mount /dev/mapper/lin /home
must /usr/sbin/mke2fs -q -t ext4 /dev/vdb; must mount /dev/vdb /md
echo written > /home/file
${writeKnownFiles(FILES)}
must dmsetup suspend --nolockfs --noflush lin
${goDown('WATCHDOG_USEC=8000000', 'poweroff --timeout=60000000us --log-level 6 --log-target=kmsg')}
`

/** Somebody who sends PID 1 the signal of a crash until it has crashed. */
const CRASHES = `${PRELUDE}
${writeKnownFiles(FILES)}
(while ! grep -q SHUTDOWN_CRASHED /proc/1/environ; do kill -SEGV 1; done) &
${goDown('TERM=linux', 'poweroff')}
`

function rootTree(script: string): Tree {
  const tools: Tree = Object.fromEntries(PROGRAMS.map((path) => [path.slice(1), { type: 'file', source: path, mode: 0o755 }] as const))
  const links: Tree = Object.fromEntries(['pivot_root', 'chroot', 'swapon', 'mkswap', 'dd', 'env', 'unshare', 'awk', 'sleep'].map((name) => [`bin/${name}`, { type: 'link', target: 'busybox' }] as const))
  const directories: Tree = Object.fromEntries(['home', 'md', 'lower'].map((name) => [name, { type: 'directory' }] as const))
  return { ...smallRoot(), ...elfClosure(PROGRAMS), ...tools, ...links, ...directories, 'sbin/go-down': { type: 'text', text: script, mode: 0o755 } }
}

/** The halves of the array, as files of the root: what mdadm wrote last is that it was stopped. */
function checkArray(image: string): string[] {
  return ['/l0.img', '/l1.img'].flatMap((path) => {
    const copy = ownPath('scratch', path.slice(1))
    runTool('debugfs', ['-R', `dump ${path} ${copy}`, image])
    const { stdout } = tryTool('mdadm', ['--examine', copy])
    rmSync(copy, { force: true })
    return /State : clean/.test(stdout) ? [] : [`The array's half '${path}' is not clean: ${stdout.trim()}`]
  })
}

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  const blank = (label: string, sizeMiB: number): string => diskImage({ fileSystem: 'none', tree: {}, label, sizeMiB }).path
  const boot = async (name: string, script: string, append: string, expected: { has: RegExp[]; lacks: RegExp[]; check: (disk: string) => string[] }): Promise<void> => {
    await t.test(`${series}: ${name}`, async (t) => {
      const disk = diskImage({ fileSystem: 'ext4', tree: rootTree(script), label: 'take-down', sizeMiB: 192 })
      await bootScenario(t, {
        name: `take-down-${series}-${name.replace(/\W+/g, '-')}`,
        machine: {
          kernel: kernel.vmlinuz, initrd: await testImage(kernel, { load: MODULES }), memoryMiB: 768,
          append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro init=/sbin/go-down fulcrum.switch=pivot ${append}`,
          disks: [{ path: disk.path, bus: 'virtio', writable: true }, { path: blank('swap', 16), bus: 'virtio' }, { path: blank('volume', 48), bus: 'virtio' }],
        },
        expectation: { report: 'none', end: 'poweroff', consoleHas: expected.has, consoleLacks: [/^not ok/m, /rescue/, ...expected.lacks] },
        afterwards: ([path = '']) => [...checkExt4(path, { files: FILES }), ...expected.check(path)],
      })
    })
  }
  await boot('all that can be stacked', STACKS, '', {
    has: [
      /swap off \/oldroot\/swapfile/, /swap off \/oldroot\/dev\/vdb/, /killed \d+/, /unmounted \/oldroot\/mnt \(overlay/, /unmounted \/oldroot\/home\/inner /,
      /let go of \/dev\/md0 \(array\)/, /device mapper secret\), /, /device mapper lin\), /, /loop device of \/oldroot\/l0\.img/, /unmounted \/oldroot \(ext4/,
      /feeding \/dev\/watchdog0/, /old root taken down in \d+ ms: \d+ mounts, 2 swaps, 6 devices$/m,
    ],
    lacks: [/not all of it/, /Cannot kill/, /left alone/, /still writes/], check: checkArray,
  })
  await boot('a device that does not answer', HANGS, 'softdog.soft_margin=8', {
    has: [
      /Cannot make read-only \/oldroot\/home .*: no answer in 10 s; left alone/, /unmounted \/oldroot\/md/,
      /old root taken down in \d{5,} ms, not all of it.*\/oldroot\/home .*does not answer/,
    ],
    lacks: [/Cannot take the old root down/], check: () => [],
  })
  await boot('a crash of the program itself', CRASHES, '', {
    has: [/Cannot take the old root down: Node died of a fatal signal.*; making it read-only/, /Emergency Remount complete|re-mounted .* ro/], lacks: [/not all of it/], check: () => [],
  })
}
