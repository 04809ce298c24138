// What systemd finds when the initramfs has activated volumes and an array without udev: every device of fstab is there,
// be it by name, link, label or UUID, although udev in the real root has never seen it come. The root is a logical
// volume, beside it a home, a swap and a thin volume; data on a mirror. Afterwards all of it is taken apart.
import t from 'tap'
import { basename } from 'node:path'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { debianOverlay } from './harness/debian-disk.ts'
import { diskImage } from './harness/disk-images.ts'
import { madeDisks } from './harness/made-disks.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const FSTAB = `/dev/mapper/sys-root / ext4 defaults 0 1
/dev/sys/home /home ext4 defaults 0 2
LABEL=thin /srv ext4 defaults 0 2
/dev/md/data /mnt ext4 defaults 0 2
/dev/mapper/sys-swap none swap sw 0 0
`

const SCRIPT = `
pvcreate -qq -y $system
vgcreate -qq sys $system
lvcreate -qq -y -L 512m -n root sys
lvcreate -qq -y -L 16m -n home sys
lvcreate -qq -y -L 16m -n swap sys
lvcreate -qq -y --type thin-pool -L 32m -n pool sys
lvcreate -qq -y --type thin -V 16m --thinpool pool -n thin sys
dd if=$source0 of=/dev/sys/root bs=1M conv=fsync
/sbin/mke2fs -q -t ext4 /dev/sys/home
/sbin/mke2fs -q -t ext4 -L thin /dev/sys/thin
mkswap /dev/sys/swap
vgchange -an sys
mdadm --create /dev/md/data --run --metadata=1.2 --bitmap=none --homehost=fulcrum --name=data --level=1 --raid-devices=2 --assume-clean $data1 $data2
/sbin/mke2fs -q -t ext4 /dev/md/data
mdadm --stop /dev/md/data
`

const CHECKS = `
like "systemd finished starting" "$(cat /run/fulcrum-report.state)" '^running$'
is "units that failed" "$(systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\\n' ' ')" ""
for at in / /home /srv /mnt; do is "one mount on $at" "$(mounted_on $at)" 1; done
is "swap" "$(sed 1d /proc/swaps | wc -l)" 1
for unit in mapper-sys\\\\x2droot sys-home mapper-sys\\\\x2dswap md-data disk-by\\\\x2dlabel-thin mapper-sys\\\\x2dthin; do
  is "dev-$unit.device" "$(systemctl is-active "dev-$unit.device")" active
done
is "udev has made links of nodes" "$(readlink /dev/mapper/sys-root | cut -c1-6)" ../dm-
is "parts of volumes are passed over" "$(ls /dev/disk/by-id | grep -c 'dm-name-sys-pool_t')" 0
for at in /run/udev /run/udev/data; do is "mode of $at" "$(stat -c %a $at)" 755; done
`

const source = diskImage({
  fileSystem: 'ext4', label: 'lvm-root', sizeMiB: 500, base: { folder: ensureStorageTools(), key: basename(ensureStorageTools()) },
  tree: { ...debianOverlay(), 'etc/fstab': { type: 'text', text: FSTAB }, 'usr/sbin/init': { type: 'link', target: '../lib/systemd/systemd' } },
})
const disks = await madeDisks({
  name: 'volumes-systemd', disks: [{ name: 'system', sizeMiB: 640 }, { name: 'data1', sizeMiB: 24 }, { name: 'data2', sizeMiB: 24 }], sources: [source.path],
  programs: ['mdadm', 'lvm', 'pvcreate', 'vgcreate', 'vgchange', 'lvcreate', 'thin_check', 'mke2fs'],
  modules: ['raid1', 'dm_mod', 'dm_thin_pool'], script: SCRIPT,
})

/** What the tree of tools starts besides, and what needs dmeventd, which it has not. */
const MASKED = [
  'systemd-hwdb-update', 'ldconfig', 'systemd-journal-catalog-update', 'systemd-update-done', 'systemd-logind', 'lvm2-monitor', 'rpcbind', 'rpc-statd-notify', 'nfs-client.target',
  'nfs-blkmap', 'open-iscsi', 'iscsid.socket', 'tgt', 'nbd-server', 'mdmonitor-oneshot.timer', 'mdcheck_start.timer', 'mdcheck_continue.timer', 'serial-getty@ttyS0', 'rpcbind.socket', 'dm-event.socket', 'lvm2-lvmpolld.socket',
]
const QUICKER = MASKED.map((unit) => `systemd.mask=${/\.(target|socket|timer)$/.test(unit) ? unit : `${unit}.service`}`).join(' ')

const kernel = ensureKernel('6.12')
await t.test('6.12: systemd on volumes that were activated without udev', async (t) => {
  await bootScenario(t, {
    name: 'volumes-systemd-6.12',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel, { sysroot: ensureStorageTools(), features: ['lvm', 'md'] }), memoryMiB: 1024,
      append: `${BASE_APPEND} root=LABEL=lvm-root rw ${QUICKER}`,
      disks: disks.paths.map((path) => ({ path, bus: 'virtio', writable: true })),
    },
    script: tapScript(CHECKS),
    expectation: {
      report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /fulcrum: Cannot/, /not all of it/, /Timed out/],
      consoleHas: [/activating volume group 'sys'/, /unmounted \/oldroot \([^]*device mapper sys-root\)/, /old root taken down in \d+ ms: /],
    },
  })
})
