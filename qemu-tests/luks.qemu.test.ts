// A root in LUKS: wrong passphrases and the right one, a key file that is wiped, a wrong one, nobody who types. The small
// root writes a file and powers the machine off through the kept initramfs; the disk is deciphered and checked.
import t from 'tap'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { luksDisk } from './harness/luks-disks.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const root = diskImage({ fileSystem: 'ext4', table: 'none', tree: smallRoot(), label: 'in-luks', sizeMiB: 48 })
const disk = luksDisk({ content: root.path, version: 2, uuid: '0f0c0000-0000-4000-8000-000000001c52', label: 'secret', keys: ['right one', 'of a file'] })

for (const series of ['7.x'] as const) {
  await t.test(`${series}: by passphrase`, async (t) => {
    const kernel = ensureKernel(series)
    await bootScenario(t, {
      name: `luks-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel, { sysroot: ensureStorageTools(), features: ['luks'] }), memoryMiB: 768,
        append: `${BASE_APPEND} root=LABEL=in-luks rw debug`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      converse: async (console) => {
        await console.waitFor(/Passphrase for [^:]*: /)
        console.send('right one\r')
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine: 'pivot' })),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /, ignoring/] },
    })
  })
}
