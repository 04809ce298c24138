// The optional parts of an image: `--feature NAME`. One table, printed by `--feature list`.
//
// A feature names programs of the sysroot, kernel modules, and modules to load at start. What it cannot
// do without is an error if the sysroot lacks it, with the Debian package to install.

/** One feature. Programs are base names looked for in the sysroot's bin and sbin directories. */
export interface Feature {
  readonly name: string
  readonly summary: string
  /** All must be there. */
  readonly programs?: readonly string[]
  /** At least one must be there; all that are get in. */
  readonly anyPrograms?: readonly string[]
  /** Taken if the sysroot has them. */
  readonly optionalPrograms?: readonly string[]
  /** Files and directories of the sysroot, taken if it has them: configuration, plugins. */
  readonly optionalFiles?: readonly string[]
  /** Features that come along. */
  readonly needs?: readonly string[]
  /** Debian packages that bring the programs, for the error. */
  readonly packages?: readonly string[]
  /** Names in /bin that link to `linkTo` where no program of that name is in the image. */
  readonly links?: readonly string[]
  readonly linkTo?: string
  /** Kernel modules or aliases to put in. */
  readonly modules?: readonly string[]
  /** Drivers, one for each card that somebody may have; an image for one machine gets those that its devices ask for. */
  readonly drivers?: readonly string[]
  /** Those of `modules` to load at start whether or not a device asks for them. */
  readonly load?: readonly string[]
}

const shellApplets = `
  sh ash cat chmod chown chroot clear cmp cp cut date dd df diff dirname dmesg du echo env expr false find free
  getopt grep gunzip gzip head hexdump hostname id kill killall less ln losetup ls lsof md5sum mkdir mkfifo mknod
  mktemp more mount mountpoint mv nc od pgrep pidof pkill printf ps pwd readlink reset rm rmdir sed seq setsid
  sha256sum sleep sort stat strings stty sync sysctl tail tar tee test time top touch tr true tty umount uname
  uniq vi watch wc which xargs xxd yes zcat
`.trim().split(/\s+/)

/** What cryptsetup makes by default and what else people have; absent ones are built in, or not there. */
const luksModules = [
  'dm_crypt', 'dm_integrity', 'algif_skcipher',
  ...['aes', 'xts', 'ecb', 'cbc', 'essiv', 'ctr', 'lrw', 'gcm', 'authenc', 'hmac', 'sha1', 'sha256', 'sha512', 'serpent', 'twofish', 'camellia', 'adiantum', 'xchacha12', 'aegis128']
    .map(name => `crypto-${name}`),
]
/** Wired cards, of virtual machines first. What a kernel does not have costs nothing; their firmware comes along. */
const networkDrivers = `
  virtio_net vmxnet3 hv_netvsc xen_netfront ena gve e1000 e1000e igb igc ixgbe ixgbevf i40e ice r8169 8139cp 8139too tg3 bnx2 bnxt_en
  atlantic alx atl1c sky2 forcedeth mlx4_en mlx5_core be2net r8152 ax88179_178a asix cdc_ether smsc95xx lan78xx
`.trim().split(/\s+/)

/** Not those that load modules (80-drivers), assemble (64-md-raid-assembly, 69-lvm) or start units: PID 1 does that. */
const udevRules = `
  50-udev-default 55-dm 56-lvm 60-block 60-cdrom_id 60-persistent-storage 60-persistent-storage-dm
  60-nbd 62-multipath 63-md-raid-arrays 64-btrfs 64-btrfs-dm 95-dm-notify
`.trim().split(/\s+/)

/** OpenSSL opens it by name for the hash whirlpool, which old LUKS1 headers have. */
const opensslLegacy = ['lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu', 'lib64', 'lib'].map(directory => `/usr/${directory}/ossl-modules/legacy.so`)

export const features: readonly Feature[] = [
  {
    name: 'shell',
    summary: 'busybox, with its usual commands, for the rescue console',
    programs: ['busybox'], packages: ['busybox-static', 'busybox'], links: shellApplets, linkTo: '/bin/busybox',
  },
  {
    name: 'dracut-hooks',
    summary: 'hooks written for dracut, from --hook, --dracut-module and below /usr/lib/dracut/hooks',
    needs: ['shell'],
  },
  {
    name: 'udev',
    summary: 'systemd-udevd with the rules that storage needs: links below /dev/disk, and what the tools wait for',
    programs: ['udevadm'], packages: ['udev'],
    optionalFiles: [
      '/usr/lib/systemd/systemd-udevd', '/etc/udev/udev.conf', ...['ata_id', 'cdrom_id', 'scsi_id'].map(name => `/usr/lib/udev/${name}`),
      ...udevRules.map(name => `/usr/lib/udev/rules.d/${name}.rules`), '/etc/udev/rules.d',
    ],
  },
  {
    name: 'fsck',
    summary: 'the file system checkers that the sysroot has',
    anyPrograms: [
      'e2fsck', 'fsck.ext2', 'fsck.ext3', 'fsck.ext4', 'fsck.xfs', 'xfs_repair', 'fsck.btrfs', 'btrfs', 'fsck.fat', 'fsck.vfat',
      'fsck.exfat', 'fsck.f2fs', 'fsck.jfs', 'fsck.erofs',
    ],
    packages: ['e2fsprogs', 'xfsprogs', 'btrfs-progs', 'dosfstools'],
  },
  {
    name: 'luks',
    summary: 'encrypted devices: cryptsetup, /etc/crypttab, /etc/fulcrum/keymap, dm-crypt and its algorithms',
    programs: ['cryptsetup'], packages: ['cryptsetup-bin'], optionalFiles: ['/etc/crypttab', '/etc/fulcrum/keymap', ...opensslLegacy], modules: luksModules,
  },
  {
    name: 'verity',
    summary: 'roots and /usr that are proven block by block: roothash=, usrhash=',
    programs: ['veritysetup'], packages: ['cryptsetup-bin'],
    modules: ['dm-mod', 'dm-verity', 'sha256', 'crypto-sha256', 'crypto-sha512', 'reed_solomon'],
  },
  {
    name: 'overlay',
    summary: 'an overlay over the root: overlay=',
    modules: ['overlay'],
  },
  {
    name: 'live',
    summary: 'roots in image files: root=live:, with an overlay over them',
    needs: ['overlay'],
    modules: ['loop', 'squashfs', 'erofs', 'isofs', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_iso8859-1', 'nls_utf8', 'exfat', 'sr_mod', 'usb-storage', 'uas'],
  },
  {
    name: 'resume',
    summary: 'resuming from a hibernation image in swap: resume=',
    modules: ['crypto-lzo', 'crypto-lz4', 'lzo', 'lz4'],
  },
  {
    name: 'virtio-console',
    summary: 'virtio serial ports and console, loaded at start',
    modules: ['virtio_pci', 'virtio_console'], load: ['virtio_pci', 'virtio_console'],
  },
  {
    name: '9p',
    summary: 'a root shared by the host over 9p, loaded at start',
    modules: ['virtio_pci', '9pnet_virtio', '9p'], load: ['virtio_pci', '9pnet_virtio', '9p'],
  },
  {
    name: 'virtiofs',
    summary: 'a root shared by the host over virtiofs, loaded at start',
    modules: ['virtio_pci', 'virtiofs'], load: ['virtio_pci', 'virtiofs'],
  },
  {
    name: 'network',
    summary: 'drivers of wired network cards, VLANs, bonds and bridges, DHCP by busybox; the features of network roots bring it along',
    programs: ['busybox'], optionalPrograms: ['getent'], packages: ['busybox-static', 'busybox'],
    modules: ['af_packet', 'ipv6', 'broadcom', 'realtek', '8021q', 'bonding', 'bridge'], drivers: networkDrivers,
  },
  {
    name: 'nfs',
    summary: 'an NFS root, versions 3 and 4, by the kernel alone',
    needs: ['network'], modules: ['nfs', 'nfsv3', 'nfsv4'],
  },
  {
    name: 'nbd',
    summary: 'a root on a network block device',
    needs: ['network'], programs: ['nbd-client'], packages: ['nbd-client'], modules: ['nbd'],
  },
  {
    name: 'iscsi',
    summary: 'a root on an iSCSI disk, by iscsistart',
    needs: ['network'], programs: ['iscsistart'], packages: ['open-iscsi'], optionalFiles: ['/etc/iscsi/initiatorname.iscsi'],
    modules: ['iscsi_tcp', 'iscsi_ibft', 'sd_mod', 'crypto-crc32c'],
  },
  {
    name: 'lvm',
    summary: 'LVM: logical volumes are activated, thin pools and caches checked, with the lvm.conf of the sysroot',
    programs: ['lvm'],
    optionalPrograms: ['thin_check', 'thin_dump', 'thin_repair', 'cache_check', 'cache_dump', 'cache_repair', 'era_check', 'vdoformat', 'dmsetup'],
    optionalFiles: ['/etc/lvm/lvm.conf', '/etc/lvm/lvmlocal.conf', '/etc/lvm/profile', '/etc/lvm/devices'],
    packages: ['lvm2', 'thin-provisioning-tools'],
    modules: ['dm_mod', 'dm_snapshot', 'dm_mirror', 'dm_log', 'dm_raid', 'dm_thin_pool', 'dm_cache', 'dm_cache_smq', 'dm_writecache', 'dm_integrity', 'dm_vdo'],
  },
  {
    name: 'md',
    summary: 'md RAID, also with the metadata of Intel and DDF: arrays are assembled, with the mdadm.conf of the sysroot',
    programs: ['mdadm'],
    optionalPrograms: ['mdmon'],
    optionalFiles: ['/etc/mdadm.conf', '/etc/mdadm.conf.d', '/etc/mdadm/mdadm.conf', '/etc/mdadm/mdadm.conf.d'],
    packages: ['mdadm'],
    modules: ['md_mod', 'raid0', 'raid1', 'raid10', 'raid456', 'linear'],
  },
  {
    name: 'btrfs',
    summary: 'btrfs, on several devices too, and its tools where the sysroot has them',
    optionalPrograms: ['btrfs', 'btrfsck', 'fsck.btrfs'],
    packages: ['btrfs-progs'],
    modules: ['btrfs', 'xxhash_generic', 'blake2b_generic', 'sha256'],
  },
]

/** The feature of this name, if there is one. */
export function findFeature(name: string): Feature | undefined {
  return features.find(feature => feature.name === name)
}

/** What `--feature list` prints. */
export function describeFeatures(): string {
  const width = Math.max(...features.map(feature => feature.name.length))
  return features.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}\n`).join('')
}
