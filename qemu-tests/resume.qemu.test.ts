// Hibernation: a guest writes itself to swap and powers off, a second machine with the same disk goes on in it. What
// counts up in the background goes on, the boot id is the same, and nothing was mounted on the way.
import { copyFileSync } from 'node:fs'
import t from 'tap'
import { runTool } from '../scripts/setup/run-tool.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { ownPath } from './harness/own-files.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const SWAP_UUID = '0f0c0000-0000-4000-8000-0000000005aa'
const tree: Tree = { ...smallRoot(), ...Object.fromEntries(['swapon', 'mkswap', 'dd'].map((name) => [`bin/${name}`, { type: 'link', target: 'busybox' }] as const)) }
const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree, label: 'hibernates', sizeMiB: 48 })

/** Before and behind the hibernation; what is said before is heard by the first machine only. */
const SCRIPT = `
(n=0; while :; do n=$((n + 1)); echo $n > /run/count; sleep 0.1; done) &
counter=$!
sleep 1
boot=$(cat /proc/sys/kernel/random/boot_id); before=$(cat /run/count)
swapon /dev/vdb || echo "Bail out! swapon"
echo 0 > /sys/power/image_size
echo shutdown > /sys/power/disk
echo disk > /sys/power/state || echo "Bail out! no hibernation"
sleep 1
is "the boot id" "$(cat /proc/sys/kernel/random/boot_id)" $boot
yes "the same process counts on" test $(cat /run/count) -gt $before
yes "it is alive" kill -0 $counter
is "the root can be written" "$(echo written > /var/after; cat /var/after)" written
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
      name: `hibernate-${series}`, timeoutMs: 150_000, machine: machine([disk.path, first]), script: tapScript(SCRIPT),
      expectation: { report: 'none', end: 'poweroff', consoleHas: [/hibernation: Creating image/], consoleLacks: [/resuming from/] },
      afterwards: ([root = '', swapDisk = '']) => {
        copyFileSync(root, rootLeft)
        runTool('cp', ['--sparse=always', swapDisk, hibernated])
        return []
      },
    })
    await bootScenario(t, {
      name: `resume-${series}`, timeoutMs: 150_000, machine: machine([rootLeft, hibernated]),
      script: tapScript(`echo "Bail out! booted anew"`),
      expectation: { report: 'tap', end: 'poweroff', consoleHas: [/resuming from \/dev\/vdb/], consoleLacks: [/Cannot resume/] },
    })
  })
}
