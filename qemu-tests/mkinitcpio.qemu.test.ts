// An initramfs as mkinitcpio(8) makes one, with our hook: its /init hands over through fulcrum, the initramfs stays, and
// the machine goes down through it. What runs is a driver of our own that keeps to the man page (mkinitcpio/).
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { mkinitcpioImage, mkinitcpioSystemdImage } from './harness/distro-images.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { keptMountChecks, mountChecks, tapScript } from './harness/tap-shell.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const LEFT: readonly KnownFile[] = [{ path: '/var/closed', word: 'closed', lines: 20_000 }]

await t.test('6.12: the small root by mkinitcpio, and power-off', async (t) => {
  const kernel = ensureKernel('6.12')
  const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: smallRoot(), label: 'distro', sizeMiB: 64 })
  await bootScenario(t, {
    name: 'mkinitcpio-6.12',
    machine: {
      kernel: kernel.vmlinuz, initrd: mkinitcpioImage(kernel), memoryMiB: 512,
      append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} fulcrum.process_marks=0`,
      disks: [{ path: disk.path, bus: 'virtio', writable: true }],
    },
    script: tapScript(mountChecks('ext4'), keptMountChecks(), `
is "the switch was ours" "$(record engine)" pivot
yes "a hook has said when it began" test -s /run/fulcrum/started
yes "and the record knows it" test "$(record initUs)" -lt "$(record handOverUs)"
is "environment of init" "$(tr '\\\\0' '\\\\n' < /proc/1/environ | cut -d= -f1)" TERM
${writeKnownFiles(LEFT)}
echo "1..$count"; echo '{"record":"done","scriptStatus":0}'
chroot /run/rootfs /bin/fulcrum shutdown poweroff > /dev/console 2>&1; sleep 300
`),
    expectation: { report: 'tap', end: 'poweroff', consoleHas: [/fulcrum: root [^]*unmounted \/oldroot \(ext4[^]*old root taken down in \d+ ms: /], consoleLacks: [/Cannot/, /of before/] },
    afterwards: ([path = '']) => checkExt4(path, { files: LEFT }),
  })
})

await t.test('6.12: the small root by mkinitcpio with systemd, which switches; the copy stays, and power-off', async (t) => {
  const kernel = ensureKernel('6.12')
  const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: { ...smallRoot(), 'bin/chroot': { type: 'link', target: 'busybox' } }, label: 'distro', sizeMiB: 64 })
  await bootScenario(t, {
    name: 'mkinitcpio-systemd-6.12',
    machine: {
      kernel: kernel.vmlinuz, initrd: mkinitcpioSystemdImage(kernel), memoryMiB: 768,
      append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} rw`, disks: [{ path: disk.path, bus: 'virtio', writable: true }],
    },
    script: tapScript(`
is "the record is fulcrum's, engine" "$(record engine)" keep
is "kept" "$(record keep)" slim
for at in /run/rootfs /run/initramfs; do is "type of $at" "$(type_of $at)" squashfs; done
yes "systemd-shutdown finds its successor" test -x /run/initramfs/shutdown
is "one mount on /" "$(mounted_on /)" 1
${writeKnownFiles(LEFT)}
echo "1..$count"; echo '{"record":"done","scriptStatus":0}'
chroot /run/initramfs /usr/bin/fulcrum shutdown poweroff --timeout 3 > /dev/console 2>&1; sleep 300
`),
    expectation: { report: 'tap', end: 'poweroff', consoleHas: [/unmounted \/oldroot \(ext4[^]*old root taken down in \d+ ms: /], consoleLacks: [/Cannot/] },
    afterwards: ([path = '']) => checkExt4(path, { files: LEFT }),
  })
})
