// The Debian packages that the tests, the builder's tests and the demo use, each with its reason.
// One list, so that CI and a fresh machine install them in one go instead of one by one in the middle.

export const TEST_PACKAGES: readonly string[] = [
  'qemu-system-x86', // boots the guests
  'gcc', 'libc6-dev', // the guests' own programs
  'busybox-static', // shell of the small test roots
  'e2fsprogs', 'xfsprogs', 'btrfs-progs', 'erofs-utils', 'squashfs-tools', // mkfs for the test disks
  'fdisk', // sfdisk: partition tables
  'kmod', // depmod
  'dosfstools', 'util-linux', // mkfs.vfat and blkid: what our probers are compared with
  'mandoc', // lints the man pages
  'zsh', 'fish', // are asked for what they complete
  'cpio', 'zstd', 'lz4', 'xz-utils', 'bzip2', // other writers and readers of images, to compare with
  'binutils', // readelf, strip
  'nbd-server', 'nbd-client', 'fuse2fs', 'mdadm', // roots that a process serves (storage.qemu.test.ts)
  'cryptsetup-bin', 'dmsetup', // stacks of devices (take-down.qemu.test.ts)
  'mmdebstrap', 'debian-archive-keyring', // the Debian root
]
