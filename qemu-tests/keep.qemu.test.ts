// The kept initramfs as a running system sees it: who may look into it, what can be written, what it costs.
// One boot per kernel and way of keeping, into the small root, since nothing here is about the root.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { keptMountChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const disk = diskImage({
  fileSystem: 'ext4', label: 'good-root',
  tree: { ...smallRoot(), 'etc/passwd': { type: 'text', text: 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' } },
})

/** What another user sees. */
const OTHER_USER = `
as_user() { busybox su -s /bin/sh user -c "$*"; }
yes "another user can look elsewhere" as_user ls /run
for at in /run/rootfs /run/initramfs; do
  no "another user cannot list $at" as_user ls $at
  no "nor read a file in it" as_user cat $at/etc/initrd-release
done
`

/** A process of the initramfs lives on, with its files. */
const ALIVE = `
pid=$(pidof initramfs-sleeper sleeper | cut -d" " -f1)
like "a process from the initramfs is alive" "$pid" '^[0-9]+$'
yes "its program can be read" test -s /proc/$pid/exe
`

for (const [series, engine] of [['6.1', 'move'], ['6.12', 'pivot'], ['7.x', 'move']] as const) {
  await t.test(`${series}: kept in full by ${engine}`, async (t) => {
    const kernel = ensureKernel(series)
    await bootScenario(t, {
      name: `keep-full-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel, { include: sleeperIncludes() }), memoryMiB: 256,
        disks: [{ path: disk.path, bus: 'virtio' }],
        append: `${BASE_APPEND} root=LABEL=good-root ro fulcrum.switch=${engine} fulcrum.keep=full`,
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine }), keptMountChecks(), OTHER_USER, ALIVE),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/, ignoring/] },
    })
  })
}
