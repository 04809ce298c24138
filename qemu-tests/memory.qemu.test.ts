// An image that does not fit: the kernel stops unpacking it and starts /init all the same.
// Without root= the kernel's own root is a tmpfs, which takes half of the memory at most: so an image can be too
// large on a machine that still has memory, and PID 1 must say so instead of failing later for a riddle. With
// root= it is a ramfs without a limit, and the kernel itself panics when memory runs out, before any /init.
// That images fit into 256 MiB as they should is part of boot-matrix.qemu.test.ts. See init/do_mounts.c.
import t from 'tap'
import { truncateSync, writeFileSync } from 'node:fs'
import { KERNEL_SERIES, ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { modulesBut } from './harness/module-lists.ts'
import { ownPath } from './harness/own-files.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const MIB = 1 << 20

/** Zeros: nothing once compressed, and far too much for half of 256 MiB when unpacked. */
const ballast = ownPath('scratch', 'ballast')
writeFileSync(ballast, '')
truncateSync(ballast, 160 * MIB)

const disk = diskImage({ fileSystem: 'ext4', label: 'good-root', tree: smallRoot() })

for (const series of KERNEL_SERIES) {
  await t.test(`${series}: an image too large for its tmpfs at 256 MiB`, async (t) => {
    const kernel = ensureKernel(series)
    const initrd = await testImage(kernel, {
      include: [{ source: ballast, destination: '/ballast' }],
      // With these few, what is unpacked in front of the ballast is known to fit.
      omitModules: modulesBut(kernel, ['virtio_pci', 'virtio_blk', 'ext4']),
    })
    let told = ''
    let dmesg = ''
    await bootScenario(t, {
      name: `truncated-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: 256, append: `${BASE_APPEND} fulcrum.panic=0 ro`,
        disks: [{ path: disk.path, bus: 'virtio' }],
      },
      converse: async (console) => {
        const talk = new RescueTalk(console)
        told = await talk.prompt()
        dmesg = await talk.command('dmesg 400')
        await talk.command('root=LABEL=good-root')
        talk.last('retry')
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine: 'pivot' }), 'is "rescues in the record" "$(record rescues)" 1'),
    })
    t.match(told, /its last file is missing.*\[image-truncated\]/, 'the reason')
    t.match(told, /MemAvailable: \d+ kB/, 'how much memory there is')
    t.match(dmesg, /Initramfs unpacking failed: write error/, 'what the kernel said of it')
  })
}
