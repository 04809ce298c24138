// The image that our hook for mkinitcpio makes where systemd is its init: the copy has all that the way back needs, its
// program runs there, and the unit is where initrd.target finds it. By the driver of mkinitcpio/, in a copy of a tree.
import { join } from 'node:path'
import t from 'tap'
import { ensureStorageTools } from '../../scripts/setup/debian-tree.ts'
import { runInCopy } from './distro-images.ts'

t.setTimeout(0)

t.test('mkinitcpio with systemd: a copy and its unit', async (t) => {
  const said = runInCopy(ensureStorageTools(), `
chroot "$root" /tmp/dist/fulcrum install mkinitcpio > /dev/null
cp '${join(import.meta.dirname, '../mkinitcpio/build.bash')}' "$root/tmp/"
chroot "$root" bash /tmp/build.bash /tmp/image systemd fulcrum >&2
image=$root/tmp/image
echo "modules: $(tr '\\n' ' ' < "$image/modules.list")"
echo "wanted: $(grep -c 'fulcrum keep /sysroot' "$image/usr/lib/systemd/system/initrd.target.wants/fulcrum-keep.service")"
echo "switch: $(cat "$image/usr/bin/switch_root" | tail -n 1)"
[ ! -e "$image/usr/bin/fulcrum" ] && echo "program: in the copy only"
chroot "$root" unsquashfs -quiet -no-progress -d /tmp/kept /tmp/image/usr/lib/fulcrum/kept.squashfs > /dev/null
echo "compressor: $(od -An -tu2 -j20 -N2 "$image/usr/lib/fulcrum/kept.squashfs")"
echo "mode: $(stat -c %a "$root/tmp/kept")"
mount -t proc proc "$root/tmp/kept/proc"
echo "runs: $(chroot "$root/tmp/kept" /bin/sh -c '/shutdown --help; fulcrum --version')"
# As the unit runs it: the program of the copy, loader and libraries of the image.
mkdir -p "$image/run/initramfs"; mount --bind "$root/tmp/kept" "$image/run/initramfs"; mount --bind "$root/tmp/kept/proc" "$image/proc"
echo "from the copy: $(chroot "$image" /run/initramfs/usr/bin/fulcrum --version)"
echo "left: $(ls "$root/tmp" "$root/var/tmp" | grep kept. || true)"
`)
  t.match(said, /^modules: loop squashfs $/m)
  t.match(said, /^wanted: 1$/m)
  t.match(said, /^switch: echo the switch_root of before$/m, 'systemd switches: its program stays')
  t.match(said, /^program: in the copy only$/m)
  t.match(said, /^compressor: +5$/m, 'lz4: quick to come back to')
  t.match(said, /^mode: 700$/m)
  t.match(said, /^runs: .*shutdown[^]*fulcrum \d/m)
  t.match(said, /^from the copy: fulcrum \d/m)
  t.match(said, /^left: $/m)
})
