// Hooks written for dracut in our own /init and /shutdown, as a user of dracut would write them: one of each point.
// On 6.12 PID 1 mounts the root, after the hooks have said that what they wait for is there. On 7.x a hook says that the
// root is its own and mounts it, found by a link that udev made, after
// the network and the program of a root of their own. Then they see the machine go down.
import { mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { HookOption } from '../initrd-builder/options.ts'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { LEAVE_ROOT } from './harness/leave-root.ts'
import { ownPath } from './harness/own-files.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const FILES: readonly KnownFile[] = [{ path: '/var/closed', word: 'closed', lines: 20_000 }]

const root: Tree = { ...smallRoot(), 'bin/chroot': { type: 'link', target: 'busybox' } }

/** Hooks as files of this machine: 'POINT/NAME.sh' and its text. */
function hookFiles(name: string, texts: Readonly<Record<string, string>>): HookOption[] {
  const directory = ownPath('scratch', name)
  return Object.entries(texts).map(([path, text]): HookOption => {
    const at = path.lastIndexOf('/')
    const [, priority = '50', file = ''] = /^(\d\d)-(.*)$/.exec(path.slice(at + 1)) ?? []
    const folder = `${directory}/${path.slice(0, at)}/${priority}`
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/${file}`, `#!/bin/sh\n${text}\n`)
    return { point: path.slice(0, at), priority, source: `${folder}/${file}` }
  })
}

const note = (words: string): string => `echo "${words}" >> /run/hooks-log`

const WRITE = `
mount -o remount,rw /
${writeKnownFiles(FILES)}
`

const DOWN = {
  'pre-shutdown/10-before.sh': `echo "hook pre-shutdown $ACTION $(ls -d /oldroot/etc)"`,
  'shutdown/30-after.sh': `[ -e /run/second ] && { echo "hook shutdown again [$1]"; return 0; }; : > /run/second; ismounted /oldroot || echo "hook shutdown: nothing on /oldroot"; return 1`,
}

void t.test('6.12: every point, our own mount', async (t) => {
  const kernel = ensureKernel('6.12')
  const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: root, label: 'hooks', sizeMiB: 64 })
  const hooks = hookFiles('hooks-6.12', {
    'cmdline/30-parse-mine.sh': `
type getarg > /dev/null 2>&1 || . /lib/dracut-lib.sh
mine=$(getarg mine=) || die "no mine= on the command line"
getargbool 0 rd.mine && mine_is_on=yes
${note('cmdline $mine $mine_is_on $root')}
need_shutdown`,
    'pre-udev/50-work.sh': `${note('pre-udev $mine')}
/sbin/initqueue --onetime --unique --name job echo job '>> /run/hooks-log'
/sbin/initqueue --settled --unique --name again /bin/dracut-getarg mine=
modprobe -q no-such-module || ${note('no such module')}
modprobe dummy numdummies=3 && ${note('dummy $(ls -d /sys/class/net/dummy2)')}
modprobe -r dummy && [ ! -e /sys/module/dummy ] && ${note('removed')}`,
    'pre-trigger/50-wait.sh': `${note('pre-trigger $root')}
wait_for_dev -n /dev/late
( until [ -e /run/looked ]; do sleep 0.1; done; ${note('late')}; ln -s vda /dev/late ) &`,
    'initqueue/settled/50-look.sh': `[ -e /run/looked ] || { ${note('settled')}; : > /run/looked; }`,
    'initqueue/finished/60-mine.sh': '[ -e /run/looked ]',
    'pre-mount/50-first.sh': `${note('pre-mount $mine $root $(readlink /dev/late)')}; exit 3`,
    'pre-mount/60-second.sh': note('pre-mount again $mine'),
    'pre-pivot/50-in-root.sh': `${note('pre-pivot $(cat $NEWROOT/usr/share/marker)')}; ismounted $NEWROOT && ${note('mounted $(find_mount /dev/vda)')}`,
    'cleanup/50-clean.sh': note('cleanup'),
    'emergency/50-never.sh': note('emergency'),
    ...DOWN,
  })
  await bootScenario(t, {
    name: 'dracut-hooks-6.12',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel, { hooks, addModules: ['dummy'] }), memoryMiB: 768,
      append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro mine="two words" rd.mine=1`, disks: [{ path: disk.path, bus: 'virtio', writable: true }],
    },
    script: tapScript(`
is "what the hooks saw" "$(cat /run/hooks-log)" "cmdline two words yes LABEL=hooks
pre-udev two words
no such module
dummy /sys/class/net/dummy2
removed
pre-trigger block:/dev/disk/by-label/hooks
job
settled
late
pre-mount two words block:/dev/vda vda
pre-mount again two words
pre-pivot real root
mounted /sysroot
cleanup"
is "type of the root" "$(type_of /)" ext4
`, WRITE) + LEAVE_ROOT,
    expectation: {
      report: 'tap', end: 'poweroff', consoleLacks: [/Rescue console/, /fulcrum: Cannot/],
      consoleHas: [
        /first\.sh' ended by 'exit 3'/, /hook pre-shutdown poweroff \/oldroot\/etc[^]*unmounted \/oldroot/,
        /hook shutdown: nothing on \/oldroot[^]*hook shutdown again \[\][^]*old root taken down/,
      ],
    },
    afterwards: ([path = '']) => checkExt4(path, { files: FILES }),
  })
})

void t.test('7.x: the root of a hook, by a link of udev', async (t) => {
  const kernel = ensureKernel('7.x')
  const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: root, label: 'hooks', sizeMiB: 64 })
  const hooks = hookFiles('hooks-7', {
    'cmdline/30-parse-mine.sh': `
[ "\${root%%:*}" = mine ] || return 0
serial=\${root#mine:}; rootok=1
printf '%s\\n' '#!/bin/sh' 'echo "program $1 $2 $3" >> /run/hooks-log' > /bin/mineroot; chmod 755 /bin/mineroot
wait_for_dev "/dev/disk/by-id/virtio-$serial"`,
    'pre-trigger/50-rule.sh': note('udev $(ls /run/udev/control)'),
    'netroot/50-other.sh': `${note('netroot $1 $netif $netroot')}; netroot=mine:two`,
    'mount/50-mount-mine.sh': `
[ -n "$serial" ] || return 0
mount -t ext4 -o "\${rflags:-ro}" "/dev/disk/by-id/virtio-$serial" "$NEWROOT" && ${note('mounted $rflags $(readlink /dev/disk/by-label/hooks)')}`,
    'pre-pivot/50-still.sh': `${note('udev answers')}; udevadm info -q property -n vda | grep -q ID_FS_LABEL=hooks && ${note('knows the label')}`,
    ...DOWN,
  })
  await bootScenario(t, {
    name: 'dracut-hooks-7.x',
    machine: {
      kernel: kernel.vmlinuz, memoryMiB: 768, initrd: await testImage(kernel, { hooks, sysroot: ensureStorageTools(), features: ['udev', 'network'] }), network: true,
      append: `${BASE_APPEND} root=mine:SERIAL1 netroot=mine:one ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off rootflags=noatime ro`, disks: [{ path: disk.path, bus: 'virtio', writable: true, serial: 'SERIAL1' }],
    },
    script: tapScript(`
is "what the hooks saw" "$(cat /run/hooks-log)" "udev /run/udev/control
netroot eth0 eth0 mine:one
program eth0 mine:two /sysroot
mounted noatime,ro ../../vda
udev answers
knows the label"
like "the option is in force" "$(options_of /)" noatime
is "the daemon is gone" "$(pidof systemd-udevd)$(ls /run/udev/control 2>/dev/null)" ""
is "its database too" "$(ls /run/udev/data 2>/dev/null)" ""
`, WRITE) + LEAVE_ROOT,
    expectation: {
      report: 'tap', end: 'poweroff', consoleLacks: [/Rescue console/, /fulcrum: Cannot/],
      consoleHas: [/hook pre-shutdown poweroff [^]*hook shutdown: nothing on \/oldroot[^]*old root taken down/],
    },
    afterwards: ([path = '']) => checkExt4(path, { files: FILES }),
  })
})
