// The disks of the scenarios with LVM, md and btrfs: one guest makes them all.
//
// `stack1`, `stack2`: a mirror (md), on it a volume group `stack` with a logical volume `root`, on it LUKS, in that the
// root. `lvm1`, `lvm2`: volume group `vg0` with a /usr in a thin pool. `mirror1`, `mirror2`: a mirror with the root on
// it, by itself. `btrfs1`, `btrfs2`: a /usr in one file system on two devices. `deep1`, `deep2`: a mirror, on it LUKS, in
// that volume group `deep` with the root. `raid1`, `raid2`: volume group `pair` with a /usr that is a RAID volume.
// `twin1`, `twin2`: a root in btrfs with everything on both. `five1`, `five2`: two of three of a RAID 5, on it volume group
// `snaps` with a snapshot as the root. `six1`, `six2`: two of four of a RAID 6 with the root; the others were in the maker's
// memory. `cache1`: volume group `cached` with a /usr that has a cache.
import { writeKnownFiles } from './check-ext4.ts'
import type { KnownFile } from './check-ext4.ts'
import { diskImage } from './disk-images.ts'
import { madeDisks } from './made-disks.ts'
import type { MadeDisks } from './made-disks.ts'
import { smallRoot } from './small-root.ts'
import type { Tree } from './tree.ts'

/** The key file of the encrypted root. */
export const KEY = 'the key of the tests'
const NAMES = ['stack1', 'stack2', 'lvm1', 'lvm2', 'mirror1', 'mirror2', 'btrfs1', 'btrfs2', 'deep1', 'deep2', 'raid1', 'raid2', 'twin1', 'twin2', 'five1', 'five2', 'six1', 'six2', 'cache1'] as const

export type BlockDisk = (typeof NAMES)[number]

const LUKS_FORMAT = 'cryptsetup luksFormat --type luks2 --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-metadata-size 16k --luks2-keyslots-size 256k --key-file /run/key --uuid'

const SCRIPT = `
mdadm --create /dev/md/stack --run --metadata=1.2 --bitmap=none --homehost=any --name=stack --level=1 --raid-devices=2 --assume-clean $stack1 $stack2
pvcreate -qq -y /dev/md/stack
vgcreate -qq stack /dev/md/stack
lvcreate -qq -y -an -l 100%FREE -n root stack
lvchange -ay stack/root
printf '%s' '${KEY}' > /run/key
${LUKS_FORMAT} 0f0c0000-0000-4000-8000-0000000c1bf5 /dev/stack/root
cryptsetup open --key-file /run/key /dev/stack/root secret
dd if=$source0 of=/dev/mapper/secret bs=1M conv=fsync
cryptsetup close secret
vgchange -an stack
mdadm --stop /dev/md/stack

pvcreate -qq -y $lvm1 $lvm2
vgcreate -qq vg0 $lvm1 $lvm2
lvcreate -qq -y --type thin-pool -L 80m -n pool vg0
lvcreate -qq -y --type thin -V 64m --thinpool pool -n usr vg0
lvcreate -qq -y -L 8m -n other vg0
dd if=$source1 of=/dev/vg0/usr bs=1M conv=fsync
vgchange -an vg0

mdadm --create /dev/md/mirror --run --metadata=1.2 --bitmap=none --homehost=any --name=mirror --level=1 --raid-devices=2 --assume-clean $mirror1 $mirror2
dd if=$source2 of=/dev/md/mirror bs=1M conv=fsync
mdadm --stop /dev/md/mirror

mkfs.btrfs -q -f -L btrfs-usr -d raid0 -m raid1 $btrfs1 $btrfs2
btrfs device scan
mkdir /run/from /run/to
mount -t ext4 -o ro $source1 /run/from
mount -t btrfs $btrfs1 /run/to
cp -a /run/from/. /run/to/
umount /run/to /run/from

mdadm --create /dev/md/deep --run --metadata=1.2 --bitmap=none --homehost=any --name=deep --level=1 --raid-devices=2 --assume-clean $deep1 $deep2
${LUKS_FORMAT} 0f0c0000-0000-4000-8000-0000000dee91 /dev/md/deep
cryptsetup open --key-file /run/key /dev/md/deep inner
pvcreate -qq -y /dev/mapper/inner
vgcreate -qq deep /dev/mapper/inner
lvcreate -qq -y -l 100%FREE -n root deep
dd if=$source3 of=/dev/deep/root bs=1M conv=fsync
vgchange -an deep
cryptsetup close inner
mdadm --stop /dev/md/deep

pvcreate -qq -y $raid1 $raid2
vgcreate -qq pair $raid1 $raid2
lvcreate -qq -y --type raid1 -m 1 --nosync -L 40m -n usr pair
dd if=$source1 of=/dev/pair/usr bs=1M conv=fsync
vgchange -an pair

mkfs.btrfs -q -f -L twin -d raid1 -m raid1 $twin1 $twin2
btrfs device scan
mount -t ext4 -o ro $source4 /run/from
mount -t btrfs $twin1 /run/to
cp -a /run/from/. /run/to/
umount /run/to /run/from

for lost in 1 2 3; do
  truncate -s 72M /run/lost$lost
  losetup /dev/loop$lost /run/lost$lost
done
mdadm --create /dev/md/five --run --metadata=1.2 --bitmap=none --homehost=any --name=five --level=5 --raid-devices=3 --assume-clean $five1 /dev/loop1 $five2
pvcreate -qq -y /dev/md/five
vgcreate -qq snaps /dev/md/five
lvcreate -qq -y -L 68m -n origin snaps
dd if=$source4 of=/dev/snaps/origin bs=1M conv=fsync
lvcreate -qq -y -s -L 24m -n root snaps/origin
vgchange -an snaps
mdadm --stop /dev/md/five

mdadm --create /dev/md/six --run --metadata=1.2 --bitmap=none --homehost=any --name=six --level=6 --raid-devices=4 --assume-clean /dev/loop2 $six1 $six2 /dev/loop3
dd if=$source5 of=/dev/md/six bs=1M conv=fsync
mdadm --stop /dev/md/six

pvcreate -qq -y $cache1
vgcreate -qq cached $cache1
lvcreate -qq -y -L 36m -n usr cached
lvcreate -qq -y --type cache-pool -L 16m --poolmetadatasize 8m --poolmetadataspare n -n fast cached
lvconvert -qq -y --type cache --cachepool cached/fast cached/usr
dd if=$source1 of=/dev/cached/usr bs=1M conv=fsync
vgchange -an cached
`

/** What the root's init writes before it ends. */
export const BLOCK_FILES: readonly KnownFile[] = [
  { path: '/var/closed', word: 'closed', lines: 20_000 },
  { path: '/var/synced', word: 'synced', lines: 500, isSynced: true },
]

/** The init: looks at what is mounted, writes, and takes the way back. */
const INIT = `#!/bin/sh
export PATH=/bin:/sbin
is() { [ "$2" = "$3" ] && echo "ok $1" || echo "not ok $1: got '$2', wanted '$3'"; }
wanted="real root"; grep -q " /usr " /etc/fstab && wanted="separate usr"
is "the marker of /usr" "$(cat /usr/share/marker)" "$wanted"
is "the root can be written" "$(awk '$5 == "/" { print substr($6, 1, 2) }' /proc/self/mountinfo)" rw
ls -l /run/udev/data 2>/dev/null
${writeKnownFiles(BLOCK_FILES)}
echo "all checked"
exec chroot /run/rootfs /bin/fulcrum shutdown poweroff
`

/** The disks, and the images that their file systems were copied from. */
export async function blockDisks(): Promise<MadeDisks<BlockDisk>> {
  const root = { ...smallRoot(), 'sbin/init': { type: 'text', text: INIT, mode: 0o755 }, 'bin/chroot': { type: 'link', target: 'busybox' } } as const
  const fstab = (line: string): Tree => ({ ...root, 'etc/fstab': { type: 'text', text: `${line}\n` } })
  const usr = { 'share/marker': { type: 'text', text: 'separate usr\n' }, bin: { type: 'directory' }, sbin: { type: 'directory' } } as const
  const sources = [
    diskImage({ fileSystem: 'ext4', tree: fstab('/dev/vg0/usr /usr ext4 defaults 0 0'), label: 'stack-root' }),
    diskImage({ fileSystem: 'ext4', tree: usr, label: 'lvm-usr', sizeMiB: 32 }),
    diskImage({ fileSystem: 'ext4', tree: fstab('LABEL=btrfs-usr /usr btrfs defaults 0 0'), label: 'mirror-root' }),
    diskImage({ fileSystem: 'ext4', tree: fstab('/dev/pair/usr /usr ext4 defaults 0 0'), label: 'deep-root' }),
    diskImage({ fileSystem: 'ext4', tree: fstab('LABEL=twin / btrfs defaults 0 0'), label: 'twin-root' }),
    diskImage({ fileSystem: 'ext4', tree: fstab('/dev/cached/usr /usr ext4 defaults 0 0'), label: 'six-root' }),
  ]
  return madeDisks({
    name: 'block',
    disks: NAMES.map((name) => ({ name, sizeMiB: /^(btrfs|twin)/.test(name) ? 128 : 72 })),
    sources: sources.map(({ path }) => path),
    programs: ['mdadm', 'lvm', 'pvcreate', 'vgcreate', 'vgchange', 'lvcreate', 'lvchange', 'lvconvert', 'dmsetup', 'thin_check', 'cache_check', 'cryptsetup', 'mkfs.btrfs', 'btrfs'],
    modules: ['raid1', 'raid456', 'loop', 'dm_mod', 'dm_raid', 'dm_crypt', 'dm_thin_pool', 'dm_snapshot', 'dm_cache', 'dm_cache_smq', 'algif_skcipher', 'xts', 'aes_generic', 'ext4', 'btrfs'],
    script: SCRIPT, memoryMiB: 768,
  })
}
