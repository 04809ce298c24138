// Debian's own initramfs with our hook: its /init hands over through fulcrum, the initramfs stays, and the machine goes
// down through it. The root is Debian with systemd, which comes back by itself, and the small root, which is asked to.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import type { KERNEL_SERIES } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, PARTITION_OFFSET, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { debianDisk } from './harness/debian-disk.ts'
import { diskImage } from './harness/disk-images.ts'
import { initramfsToolsImage } from './harness/distro-images.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { keptMountChecks, mountChecks, tapScript } from './harness/tap-shell.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const LEFT: readonly KnownFile[] = [{ path: '/var/closed', word: 'closed', lines: 20_000 }]

const RECORD = (keep: string): string => `
is "the switch was ours" "$(record engine)" pivot
is "kept in the record" "$(record keep)" ${keep}
`

/** The first time: back into the initramfs and forward again. Its /init is that of initramfs-tools, which runs a second time. */
const RETURN_ONCE = `
if [ ! -e /var/returned ]; then
  for at in /proc/[0-9]*; do tr '\\0' '\\n' < $at/environ | grep -qs LEFT_BY_A_SCRIPT && readlink $at/exe; done > /var/returned 2>/dev/null
  exec chroot /run/rootfs /bin/fulcrum return --timeout 3 > /dev/console 2>&1
fi
is "returns in the record" "$(record returns)" 1
# Before 7.0 what a script starts stays in the absolute root, which nothing shows any more: a shell that is PID 1 cannot be
# taken elsewhere before. After a return it is another one, in the initramfs that stays.
is "executable of the first boot" "$(cat /var/returned)" /usr/bin/sleep
is "one mount on /" "$(mounted_on /)" 1
`

/** The small root: busybox's init would be more of a system, but nothing more of the hand-over. */
async function withSmallRoot(series: (typeof KERNEL_SERIES)[number], keep: 'full' | 'slim'): Promise<void> {
  await t.test(`${series}: the small root by initramfs-tools, ${keep}, and power-off`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: smallRoot(), label: 'distro', sizeMiB: 64 })
    await bootScenario(t, {
      name: `initramfs-tools-${series}-${keep}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: initramfsToolsImage(kernel, `KEEP=${keep}\n`), memoryMiB: 768,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} rw`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      script: tapScript(keep === 'full' ? RETURN_ONCE : '', mountChecks('ext4'), RECORD(keep), keep === 'full' ? keptMountChecks() : `
for at in /run/rootfs /run/initramfs; do is "type of $at" "$(type_of $at)" squashfs; done
yes "systemd-shutdown finds its successor" test -x /run/initramfs/shutdown
`, `
is "nothing of udev runs" "$(ps -o comm= | grep -c '[u]devd')" 0
pid=$(for at in /proc/[0-9]*; do tr '\\0' '\\n' < $at/environ | grep -qs LEFT_BY_A_SCRIPT && echo ${'$'}{at#/proc/}; done 2>/dev/null)
like "what a script started lives on" "$pid" '^[0-9]+$'
is "its executable" "$(readlink /proc/$pid/exe)" "${keep === 'full' ? '/run/rootfs/usr/bin/sleep' : '/usr/bin/sleep (deleted)'}"
${writeKnownFiles(LEFT)}
echo "1..$count"; echo '{"record":"done","scriptStatus":0}'
chroot /run/rootfs /bin/fulcrum shutdown poweroff > /dev/console 2>&1; sleep 300
`),
      expectation: { report: 'tap', end: 'poweroff', consoleHas: [/Begin: [^]*fulcrum: root [^]*unmounted \/oldroot \(ext4[^]*old root taken down in \d+ ms: /], consoleLacks: [/Cannot/] },
      afterwards: ([path = '']) => checkExt4(path, { files: LEFT }),
    })
  })
}

async function withDebian(series: (typeof KERNEL_SERIES)[number]): Promise<void> {
  await t.test(`${series}: Debian by initramfs-tools to the end, and back through the initramfs`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = debianDisk()
    await bootScenario(t, {
      name: `initramfs-tools-debian-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: initramfsToolsImage(kernel), memoryMiB: 1024,
        append: `${BASE_APPEND} ${specifier(disk, 'UUID')} ro`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      script: tapScript(RECORD('full'), keptMountChecks(), `
like "systemd finished starting" "$(cat /run/fulcrum-report.state)" '^(running|degraded)$'
like "systemd knows when the initramfs began" "$(systemd-analyze time)" '\\(initrd\\)'
is "one mount on /" "$(mounted_on /)" 1
yes "systemd can see that the root was checked" test -e /run/initramfs/fsck-root
`),
      expectation: { report: 'tap', end: 'poweroff', consoleHas: [/login: [^]*unmounted \/oldroot \(ext4[^]*old root taken down in \d+ ms: /], consoleLacks: [/fulcrum: Cannot (?!feed the watchdog)/] },
      afterwards: ([path = '']) => checkExt4(path, { offset: PARTITION_OFFSET }),
    })
  })
}

await withSmallRoot('6.12', 'full')
await withSmallRoot('7.x', 'slim')
await withDebian('6.12')
