// Which kernel modules a generic image holds: what it takes to reach a root file system on any machine.
//
// By directory where everything in it is about storage or buses, by name where only some of it is.
// Network, sound, graphics and rare host adapters are left out: for those there is --add-module. Names
// that a kernel does not have, or has built in, cost nothing.

/** A group of modules. Paths are below /lib/modules/KVER/kernel, `*` as in the shell. */
export interface ModuleGroup {
  readonly reason: string
  readonly paths: readonly string[]
}

const inDirectory = (directory: string, ...names: string[]): string[] => names.map(name => `${directory}/${name}`)

export const genericGroups: readonly ModuleGroup[] = [
  {
    reason: 'virtual machines: virtio',
    paths: [
      'drivers/virtio/*', 'drivers/block/virtio_blk', 'drivers/scsi/virtio_scsi', 'drivers/char/virtio_console',
      'net/9p/9pnet', 'net/9p/9pnet_virtio', 'fs/fuse/virtiofs', 'drivers/char/hw_random/virtio-rng',
    ],
  },
  {
    reason: 'virtual machines: Hyper-V, VMware, Xen',
    paths: [
      'drivers/hv/hv_vmbus', 'drivers/scsi/hv_storvsc', 'drivers/hid/hid-hyperv', 'drivers/input/serio/hyperv-keyboard',
      'drivers/pci/controller/pci-hyperv*', 'drivers/scsi/vmw_pvscsi', 'drivers/message/fusion/*',
      'drivers/block/xen-blkfront', 'drivers/scsi/xen-scsifront',
    ],
  },
  { reason: 'NVMe disks', paths: ['drivers/nvme/host/nvme', 'drivers/nvme/host/nvme-core', 'drivers/pci/controller/vmd'] },
  { reason: 'SATA and IDE disks', paths: ['drivers/ata/*'] },
  {
    reason: 'SCSI disks and common host adapters',
    paths: inDirectory(
      'drivers/scsi', 'scsi_mod', 'scsi_common', 'sd_mod', 'sr_mod', 'ses', 'scsi_transport_*', 'raid_class', 'libsas/*',
      'mpt3sas/*', 'megaraid/megaraid_sas', 'aacraid/*', 'hpsa', 'smartpqi/*', 'mvsas/*', 'isci/*', 'sym53c8xx_2/*',
      'BusLogic', 'arcmsr/*', '3w-9xxx', '3w-sas', 'mvumi', 'virtio_scsi', 'ufs/*',
    ),
  },
  { reason: 'UFS storage', paths: ['drivers/ufs/*', 'drivers/ufs/core/*', 'drivers/ufs/host/*'] },
  {
    reason: 'USB disks',
    paths: [
      'drivers/usb/common/usb-common', 'drivers/usb/core/usbcore', 'drivers/usb/storage/*',
      ...inDirectory('drivers/usb/host', '*hci-hcd', '*hci-pci', '*hci-pci-renesas', '*hci-plat*'),
    ],
  },
  {
    reason: 'SD cards and eMMC',
    paths: [
      ...inDirectory('drivers/mmc', 'core/mmc_core', 'core/mmc_block', 'host/sdhci', 'host/sdhci-pci', 'host/sdhci-acpi',
        'host/sdhci-pltfm', 'host/cqhci', 'host/rtsx_pci_sdmmc'),
      'drivers/misc/cardreader/rtsx_pci',
    ],
  },
  {
    reason: 'keyboards, for the rescue console',
    paths: [
      ...inDirectory('drivers/hid', 'hid', 'hid-generic', 'usbhid/usbhid', 'hid-apple', 'hid-microsoft', 'hid-lenovo',
        'hid-logitech*', 'hid-cherry', 'hid-multitouch', 'i2c-hid/i2c-hid*'),
      ...inDirectory('drivers/input', 'keyboard/atkbd', 'serio/i8042', 'serio/libps2', 'serio/serio'),
    ],
  },
  {
    reason: 'block devices made of others',
    paths: [
      'drivers/block/loop',
      ...inDirectory('drivers/md', 'dm-mod', 'dm-crypt', 'dm-snapshot', 'dm-mirror', 'dm-raid', 'dm-thin-pool', 'dm-verity',
        'dm-integrity', 'dm-multipath', 'dm-round-robin', 'dm-service-time', 'md-mod', 'linear', 'raid0', 'raid1',
        'raid10', 'raid456'),
      'drivers/nvdimm/*',
    ],
  },
  {
    reason: 'file systems',
    paths: inDirectory(
      'fs', 'ext4/ext4', 'ext2/ext2', 'xfs/xfs', 'btrfs/btrfs', 'erofs/erofs', 'squashfs/squashfs', 'f2fs/f2fs', 'jfs/jfs',
      'fat/*', 'efivarfs/efivarfs', 'exfat/exfat', 'isofs/isofs', 'udf/udf', 'overlayfs/overlay', 'fuse/fuse', '9p/9p', 'netfs/netfs',
      'nls/nls_cp437', 'nls/nls_ascii', 'nls/nls_iso8859-1', 'nls/nls_utf8', 'nls/nls_ucs2_utils', 'bcachefs/bcachefs',
    ),
  },
  {
    reason: 'checksums and compression that file systems ask for by themselves',
    paths: [
      ...inDirectory('crypto', 'crc32c_generic', 'crc32c', 'crc32c-cryptoapi', 'xxhash_generic', 'blake2b_generic',
        'blake2b', 'sha256_generic', 'sha256', 'lz4', 'lz4hc', 'zstd', 'deflate', 'lzo', 'lzo-rle', 'xor'),
      ...inDirectory('arch/x86/crypto', 'crc32c-intel', 'crc32-pclmul', 'sha256-ssse3', 'crct10dif-pclmul'),
      ...inDirectory('lib', 'libcrc32c', 'crc16', 'crc-itu-t', 'crc-t10dif'),
    ],
  },
]

/**
 * What most machines load on the way to their root: not compressed each by itself, as PID 1 takes longer to load its
 * decompressor than the kernel to unpack all of these.
 */
export const usualModules: readonly string[] = [
  'virtio_pci', 'virtio_mmio', 'virtio_blk', 'virtio_scsi', 'nvme', 'ahci', 'sd_mod', 'ext4', 'crc32c', 'crc32c_generic', 'crc32c_intel',
  'xhci_pci', 'usbhid', 'hid_generic',
]

/**
 * Directories whose modules an image for one machine leaves out though a device asks for them: they do
 * nothing for finding the root, and the real root's udev loads them later.
 */
export const lateDirectories: readonly string[] = [
  'sound/', 'drivers/gpu/', 'drivers/media/', 'drivers/net/', 'net/', 'drivers/bluetooth/', 'drivers/infiniband/',
  'drivers/video/', 'drivers/platform/', 'drivers/hwmon/', 'drivers/edac/', 'drivers/watchdog/', 'drivers/iio/',
  'drivers/powercap/', 'drivers/thermal/', 'drivers/leds/', 'drivers/staging/', 'drivers/accel/', 'arch/x86/kvm/', 'virt/',
  'arch/x86/events/', 'drivers/cpufreq/', 'drivers/rtc/', 'drivers/ptp/', 'drivers/vfio/', 'drivers/parport/',
]
