// Hibernation: a guest writes itself to swap and powers off, a second machine with the same disk goes on in it. What
// counts up in the background goes on, the boot id is the same, and nothing was mounted on the way.
import { copyFileSync } from 'node:fs'
import t from 'tap'
import { runTool } from '../scripts/setup/run-tool.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4 } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { ownPath } from './harness/own-files.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const SWAP_UUID = '0f0c0000-0000-4000-8000-0000000005aa'
const tree: Tree = { ...smallRoot(), ...Object.fromEntries(['swapon', 'poweroff'].map((name) => [`bin/${name}`, { type: 'link', target: 'busybox' }] as const)) }
const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree, label: 'hibernates', sizeMiB: 48 })

/**
 * Before and behind the hibernation. Told on the console: on 7.3 the virtio port takes nothing more in the second machine,
 * whose other end is another one.
 */
const SCRIPT = `
exec > /dev/console 2>&1
(n=0; while :; do n=$((n + 1)); echo $n > /run/count; sleep 0.1; done) &
counter=$!
# Empty is a file that is just being written anew.
count() { until now=$(cat /run/count) && [ -n "$now" ]; do sleep 0.1; done 2> /dev/null; echo $now; }
boot=$(cat /proc/sys/kernel/random/boot_id); before=$(count)
swapon /dev/vdb
echo shutdown > /sys/power/disk
echo disk > /sys/power/state || poweroff -f
for try in $(busybox seq 600); do [ $(count) -gt $before ] && break; sleep 0.1; done
[ "$(cat /proc/sys/kernel/random/boot_id)" = "$boot" ] && echo "resumed: the same boot"
[ $(count) -gt $before ] && kill -0 $counter && echo "resumed: the same process counts on"
echo written > /var/after; sync; [ "$(cat /var/after)" = written ] && echo "resumed: the root can be written"
umount -a -r 2> /dev/null; mount -o remount,ro /
poweroff -f
`

for (const series of ['6.12', '7.x'] as const) {
  await t.test(`${series}: a second machine goes on where the first stopped`, async (t) => {
    const kernel = ensureKernel(series)
    const swap = diskImage({ fileSystem: 'none', tree: {}, label: 'swap', sizeMiB: 256 })
    const first = ownPath('scratch', `swap-${series}`, '.img')
    runTool('cp', ['--sparse=always', swap.path, first])
    runTool('mkswap', ['-q', '-U', SWAP_UUID, first])
    const hibernated = ownPath('scratch', `hibernated-${series}`, '.img')
    const rootLeft = ownPath('scratch', `hibernated-root-${series}`, '.img')
    const initrd = await testImage(kernel, { features: ['resume'] })
    const machine = (disks: readonly string[]): Parameters<typeof bootScenario>[1]['machine'] => ({
      kernel: kernel.vmlinuz, initrd, memoryMiB: 512,
      append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} rw resume=UUID=${SWAP_UUID} fulcrum.keep=none`,
      disks: disks.map((path) => ({ path, bus: 'virtio', writable: true })),
    })
    await bootScenario(t, {
      name: `hibernate-${series}`, machine: machine([disk.path, first]), script: SCRIPT,
      expectation: { report: 'none', end: 'poweroff', consoleHas: [/PM: Image saving done/], consoleLacks: [/resuming from/, /^resumed/m] },
      afterwards: ([root = '', swapDisk = '']) => {
        copyFileSync(root, rootLeft)
        runTool('cp', ['--sparse=always', swapDisk, hibernated])
        return []
      },
    })
    await bootScenario(t, {
      name: `resume-${series}`, machine: machine([rootLeft, hibernated]),
      script: 'echo booted anew > /dev/console',
      expectation: {
        report: 'none', end: 'poweroff', consoleLacks: [/Cannot resume/, /booted anew/],
        consoleHas: [/resuming from \/dev\/vdb/, /^resumed: the same boot/m, /^resumed: the same process counts on/m, /^resumed: the root can be written/m],
      },
      afterwards: ([root = '']) => checkExt4(root),
    })
  })
}
