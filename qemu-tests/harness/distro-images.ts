// Images that a distribution's own generator makes with fulcrum's hook in place: as an administrator does it, by
// `fulcrum install` in a copy of the Debian root and the generator there. The copy is an overlay in a private mount
// namespace: nothing of the cached root changes, nothing is left.
// Man pages: mkinitramfs(8), unshare(1).
import { createHash } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensureDebianRoot } from '../../scripts/setup/debian-root.ts'
import { ensureDracutTree } from '../../scripts/setup/dracut-tree.ts'
import { ensureStorageTools } from '../../scripts/setup/debian-tree.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { guestModules } from './guest-modules.ts'
import { ownPath } from './own-files.ts'
import { dist } from './test-image.ts'
import { writeTree } from './tree.ts'

/**
 * Runs a shell script in an overlay of `tree`, as root, with /proc and empty /tmp, /var/tmp and /run: $root is the
 * overlay, $dist the folder of the build, $out a file that is to be made. Throws with what it said when it fails.
 */
export function runInCopy(tree: string, script: string, out = '/dev/null'): string {
  const prelude = [
    'set -eu', 'tree=$1; dist=$2; out=$3', 'work=$(mktemp -d)', 'mount -t tmpfs -o mode=755 work "$work"', 'mkdir "$work/upper" "$work/work" "$work/root"; root=$work/root',
    'mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" overlay "$root"',
    'mount -t proc proc "$root/proc"', 'for at in tmp var/tmp run; do mount -t tmpfs tmp "$root/$at"; done',
    'mkdir "$root/tmp/dist"; mount --bind "$dist" "$root/tmp/dist"', 'finish() { umount -l "$work"; rmdir "$work"; }', 'trap finish EXIT',
  ]
  return runTool('unshare', ['-m', '--propagation', 'private', 'sh', '-c', [...prelude, script].join('\n'), 'sh', tree, dirname(dist('fulcrum')), out])
}

/** What a small virtual machine needs; MODULES=most takes ten times as long to pack. */
const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_console', 'ext4', 'loop', 'squashfs']

/** Debian's own initramfs for this kernel with our hook; `settings` is the text of /etc/fulcrum/initramfs.conf. Gone when this process ends. */
export function initramfsToolsImage(kernel: Kernel, settings = ''): string {
  const key = createHash('sha256').update(JSON.stringify([kernel.release, settings])).digest('hex').slice(0, 16)
  const output = ownPath('images', `initramfs-tools-${key}`, '.img')
  if (existsSync(output)) return output
  runInCopy(ensureDebianRoot().tree, `
# The root has no squashfs-tools: those of the tree of tools, of the same release.
for file in usr/bin/mksquashfs usr/lib/*/liblzo2.so.2* usr/lib/*/liblz4.so.1* usr/lib/*/liblzma.so.5* usr/lib/*/libzstd.so.1*; do
  for found in '${ensureStorageTools()}'/$file; do cp -a "$found" "$root/$(dirname "\${found#'${ensureStorageTools()}'/}")/"; done
done
chroot "$root" /tmp/dist/fulcrum install initramfs-tools > /dev/null
mkdir -p "$root/etc/fulcrum"
printf '%s' '${settings}' > "$root/etc/fulcrum/initramfs.conf"
printf 'MODULES=list\\nCOMPRESS=zstd\\nCOMPRESSLEVEL=1\\n' > "$root/etc/initramfs-tools/conf.d/test"
printf '%s\\n' ${MODULES.join(' ')} >> "$root/etc/initramfs-tools/modules"
cat > "$root/etc/initramfs-tools/scripts/init-premount/sleeper" <<'EOF'
#!/bin/sh
[ "$1" = prereqs ] && exit
LEFT_BY_A_SCRIPT=1 sleep 100000 < /dev/null > /dev/null 2>&1 &
# As its fsck would, which this image has not.
touch /run/initramfs/fsck-root
EOF
chmod +x "$root/etc/initramfs-tools/scripts/init-premount/sleeper"
chroot "$root" mkinitramfs -o /tmp/initrd.img ${kernel.release} >&2
cp "$root/tmp/initrd.img" "$out"
`, output)
  return output
}

/** An image that our own driver makes as mkinitcpio(8) documents it, with our hook: Debian has no mkinitcpio. Gone when this process ends. */
export function mkinitcpioImage(kernel: Kernel): string {
  const output = ownPath('images', `mkinitcpio-${kernel.release}`, '.img')
  if (existsSync(output)) return output
  const modules = ownPath('scratch', `mkinitcpio-modules-${kernel.release}`)
  writeTree(guestModules(kernel, ['virtio_pci', 'virtio_blk', 'ext4']), modules)
  runInCopy(ensureStorageTools(), `
chroot "$root" /tmp/dist/fulcrum install mkinitcpio > /dev/null
cp '${join(import.meta.dirname, '../mkinitcpio/build.bash')}' "$root/tmp/"
chroot "$root" bash /tmp/build.bash /tmp/image fulcrum >&2
cp '${join(import.meta.dirname, '../mkinitcpio/init')}' "$root/tmp/image/"
cp -r '${modules}' "$root/tmp/image/modules"
cd "$root/tmp/image" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > "$out"
`, output)
  rmSync(modules, { recursive: true, force: true })
  return output
}

/** The same with systemd as its init, of the tree with dracut's packages, as `mkinitcpio` makes it with the hook of that name. Gone when this process ends. */
export function mkinitcpioSystemdImage(kernel: Kernel): string {
  const output = ownPath('images', `mkinitcpio-systemd-${kernel.release}`, '.img')
  if (existsSync(output)) return output
  runInCopy(ensureDracutTree('trixie'), `
# As the hook calls it, but quicker: 60 MB of memory in a guest are nothing, half a minute of every run of the tests is.
printf '#!/bin/sh\\nfor a; do shift; [ "$a" = -Xhc ] || set -- "$@" "$a"; done; exec /usr/bin/mksquashfs "$@"\\n' > "$root/usr/local/bin/mksquashfs"
chmod +x "$root/usr/local/bin/mksquashfs"
chroot "$root" /tmp/dist/fulcrum install mkinitcpio > /dev/null
mkdir -p "$root/usr/lib/modules/${kernel.release}"
mount --bind '${join(kernel.sysroot, 'lib/modules', kernel.release)}' "$root/usr/lib/modules/${kernel.release}"
cp '${join(import.meta.dirname, '../mkinitcpio/build.bash')}' "$root/tmp/"
chroot "$root" env KERNELVERSION=${kernel.release} bash /tmp/build.bash /tmp/image systemd fulcrum >&2
# A machine that is slow is not one whose services fail.
mkdir -p "$root/tmp/image/etc/systemd/system.conf.d"
printf '[Manager]\\nDefaultTimeoutStartSec=900\\nDefaultDeviceTimeoutSec=900\\n' > "$root/tmp/image/etc/systemd/system.conf.d/patience.conf"
cd "$root/tmp/image" && find . | cpio --quiet -o -H newc -R 0:0 > "$out"
`, output)
  return output
}
