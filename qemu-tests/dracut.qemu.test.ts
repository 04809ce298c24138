// Images of dracut with our module: the switch of its shell init is ours, with systemd in it we are ready for the way
// back. The dracut of three releases, both kinds, kernels before and after 7.0; each ends by the way back and leaves
// a clean disk.
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDracutTree } from '../scripts/setup/dracut-tree.ts'
import type { DracutRelease } from '../scripts/setup/dracut-tree.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { debianDisk } from './harness/debian-disk.ts'
import { diskImage } from './harness/disk-images.ts'
import { dracutImage } from './harness/dracut-image.ts'
import type { GuestSpec } from './harness/run-guest.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { mountChecks, tapScript } from './harness/tap-shell.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const WRITTEN: readonly KnownFile[] = [{ path: '/var/closed', word: 'closed', lines: 5000 }]

const root: Tree = { ...smallRoot(), 'bin/chroot': { type: 'link', target: 'busybox' }, 'bin/setsid': { type: 'link', target: 'busybox' } }

/** What stays, whoever switched: the way back is where systemd-shutdown and dracut-shutdown.service look. */
const KEPT = `
for at in /run/rootfs /run/initramfs; do
  is "one mount on $at" "$(mounted_on $at)" 1
  is "$at is for root only" "$(stat -c %a $at)" 700
  no "nothing can be written below $at" touch $at/tmp/written
done
yes "systemd-shutdown finds its successor" test -x /run/initramfs/shutdown
yes "dracut has nothing to unpack" test -e /run/initramfs/bin/sh
yes "the way back is fulcrum's" cmp /run/initramfs/shutdown /run/rootfs/usr/bin/fulcrum
yes "a place for the real root" test -d /run/initramfs/oldroot
is "what dracut left there can still be read" "$(cat /run/initramfs/overlayfs.passwd)" left
is "by root only" "$(stat -L -c %a /run/initramfs/overlayfs.passwd)" 400
`

/** Two processes of a hook, one of which a rule keeps: also through the signals of systemd, by its mark. */
const RULES = 'fulcrum.process=keep:sleeper-one,kill:sleeper-two'
const POLICY = `
running() { for at in /proc/[0-9]*; do [ "$(cat $at/comm 2>/dev/null)" = "$1" ] && echo \${at#/proc/}; done; }
like "a rule keeps one process of the initramfs" "$(running sleeper-one)" '^[0-9]+$'
# After a return there are two: it was kept, and the hook has started another.
is "and it is marked for systemd's last signals" "$(for pid in $(running sleeper-one); do head -c 1 /proc/$pid/cmdline; done | tr -s @)" @
is "a rule ends the other" "$(running sleeper-two)" ""
`

/** The end: the disk is written to right before. Not in the script's own process group, which ends with PID 1's. */
const LEAVE = `
mount -o remount,rw /
${writeKnownFiles(WRITTEN)}
chroot /run/initramfs /usr/bin/fulcrum shutdown poweroff --timeout 3 > /dev/console 2>&1
sleep 300
`

/** The first time: back into the initramfs and forward again. Its /init is dracut's, which runs a second time. */
const RETURN_ONCE = `
if [ ! -e /var/returned ]; then
  mount -o remount,rw /; touch /var/returned; mount -o remount,ro /
  exec chroot /run/rootfs /usr/bin/fulcrum return --timeout 3 > /dev/console 2>&1
fi
is "returns in the record" "$(record returns)" 1
is "one mount on /" "$(mounted_on /)" 1
`

/** These end by a shutdown in the middle of their script, so that what it found is looked at here. */
async function bootAndLeave(t: Test, spec: GuestSpec): Promise<void> {
  const { report } = await bootScenario(t, spec)
  for (const point of report.points) if (!point.ok) t.fail(point.name)
  t.ok(report.points.length > 10, `${report.points.length} checks in the guest`)
}

interface Shell {
  readonly release: DracutRelease
  readonly series: '6.12' | '7.x'
  readonly by: 'install' | 'tree'
  readonly keep: 'full' | 'slim'
  readonly first?: string
}

async function shell({ release, series, by, keep, first = '' }: Shell): Promise<void> {
  await t.test(`dracut of ${release}, shell, ${series}: the switch is ours, by pivot`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: root, label: 'dracut', sizeMiB: 64 })
    await bootAndLeave(t, {
      name: `dracut-shell-${release}-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: dracutImage({ release, kernel, init: 'shell', by, ...(keep === 'full' ? {} : { conf: `fulcrum_keep=${keep}` }) }), memoryMiB: 768,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro rd.retry=20 ${RULES}`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      script: tapScript(first, mountChecks('ext4'), `
is "the record is fulcrum's, engine" "$(record engine)" pivot
is "kept" "$(record keep)" ${keep}
yes "root in the record" grep -q '"type": "ext4"' /run/fulcrum/boot.json
${keep === 'full' ? 'yes "what is kept is dracut\'s" test -e /run/rootfs/usr/lib/dracut/modules.txt' : 'is "what is kept is a copy" "$(type_of /run/rootfs)" squashfs'}
like "dracut's own words of init" "$(tr '\\0' ' ' < /proc/1/cmdline)" '/sbin/init'
`, POLICY, KEPT, LEAVE),
      expectation: { report: 'none', end: 'poweroff', consoleLacks: [/rescue/, /Cannot/], consoleHas: [/old root taken down/] },
      afterwards: ([path = '']) => checkExt4(path, { files: WRITTEN }),
    })
  })
}

async function systemd(release: DracutRelease, series: '6.12' | '7.x', by: 'install' | 'tree'): Promise<void> {
  await t.test(`dracut of ${release}, systemd, ${series}: systemd switches, the copy stays`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: root, label: 'dracut', sizeMiB: 64 })
    await bootAndLeave(t, {
      name: `dracut-systemd-${release}-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: dracutImage({ release, kernel, init: 'systemd', by }), memoryMiB: 768,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro rd.retry=20 ${RULES}`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      script: tapScript(`
is "the record is fulcrum's, engine" "$(record engine)" keep
is "kept" "$(record keep)" slim
`, POLICY, KEPT, LEAVE),
      expectation: { report: 'none', end: 'poweroff', consoleLacks: [/rescue/, /Cannot/], consoleHas: [/old root taken down/] },
      afterwards: ([path = '']) => checkExt4(path, { files: WRITTEN }),
    })
  })
}

/** systemd in the root as well: it finds our way back at its end, and dracut's own, which would unpack an image, is not taken. */
async function debian(release: DracutRelease, series: '6.12' | '7.x'): Promise<void> {
  await t.test(`dracut of ${release}, systemd, ${series}: Debian starts, and comes back by the copy`, async (t) => {
    const kernel = ensureKernel(series)
    const unit = join(ensureDracutTree(release), 'usr/lib/systemd/system/dracut-shutdown.service')
    const disk = debianDisk({ table: 'none', more: {
      'etc/systemd/system/dracut-shutdown.service': { type: 'file', source: unit },
      'etc/systemd/system/sysinit.target.wants/dracut-shutdown.service': { type: 'link', target: '/etc/systemd/system/dracut-shutdown.service' },
      'usr/lib/dracut/dracut-initramfs-restore': { type: 'text', mode: 0o755, text: '#!/bin/sh\necho dracut unpacks > /dev/console\n' },
    } })
    await bootScenario(t, {
      name: `dracut-debian-${release}-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: dracutImage({ release, kernel, init: 'systemd', by: 'install' }), memoryMiB: 1024,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro rd.retry=20`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      script: tapScript(`
is "the record is fulcrum's, engine" "$(record engine)" keep
is "condition of dracut-shutdown.service" "$(systemctl show -P ConditionResult dracut-shutdown.service)" no
is "the kept copy is kept out of services" "$(systemctl is-active fulcrum-hide.service)" active
host=$(readlink /proc/1/ns/mnt)
for process in /proc/[0-9]*; do
  [ "$(readlink $process/ns/mnt)" = "$host" ] && continue
  grep -q " /run/\\(rootfs\\|initramfs\\) " $process/mountinfo && seeing="$seeing $(cat $process/comm)"
done
is "none of them sees it" "$seeing" ""
is "units that failed" "$(systemctl --failed --no-legend --plain)" ""
`, KEPT),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /dracut unpacks/, /fulcrum: Cannot/], consoleHas: [/login: [^]*unmounted \/oldroot \(ext4[^]*old root taken down/] },
      afterwards: ([path = '']) => checkExt4(path),
    })
  })
}

await shell({ release: 'bookworm', series: '6.12', by: 'tree', keep: 'full', first: RETURN_ONCE })
await systemd('bookworm', '7.x', 'tree')
await shell({ release: 'sid', series: '7.x', by: 'install', keep: 'slim' })
await debian('trixie', '6.12')
