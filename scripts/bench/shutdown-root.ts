// The root whose shutdowns are measured: Debian with systemd, a unit that asks for power-off when start-up is over, and
// a stamp in front of systemd-shutdown. With `dracut` also what Debian's dracut puts into a root so that it can come
// back: its unit, its script, and the image in /boot that the script unpacks. With `copied` the exitrd that mkinitcpio
// generates at shutdown (systemd-shutdown and its libraries), ready made: Debian has no mkinitcpio, so a unit copies it.
// systemd-shutdown(8), dracut-shutdown.service(8), mkinitcpio(8)

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeKnownFiles } from '../../qemu-tests/harness/check-ext4.ts'
import { diskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { DiskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { cacheDirectory } from '../setup/cache.ts'
import { ensureDebianRoot } from '../setup/debian-root.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import { WITNESSES } from './common.ts'
import { dracutImages } from './dracut-images.ts'
import { ensureDracutTree } from '../setup/dracut-tree.ts'
import { SAY_MEMORY } from './marks.ts'

const LABEL = 'bench-root'

const UNIT = `[Unit]
Description=Shutdown of the fulcrum bench
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target

[Service]
Type=simple
ExecStart=/usr/local/sbin/bench-shutdown
KillMode=process
`

// dracut unpacks only if something has asked for it, which the modules for real storage do (dm, md, iSCSI).
const SCRIPT = `#!/bin/sh
say() { echo "<1>bench: $*" > /dev/kmsg; }
systemctl is-system-running --wait > /dev/null
if [ -e /usr/lib/dracut/dracut-initramfs-restore ]; then
  mkdir -p /run/initramfs
  : > /run/initramfs/.need_shutdown
fi
sleep 1
sync
echo 3 > /proc/sys/vm/drop_caches
${SAY_MEMORY}
[ -x /run/initramfs/shutdown ] && say "exitrd is there"
${writeKnownFiles(WITNESSES)}
say "poweroff asked for"
systemctl poweroff
`

function overlay(debianTree: string): Tree {
  const stamp = join(cacheDirectory('bench'), 'stamp-shutdown')
  runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', stamp, join(import.meta.dirname, 'stamp-shutdown.c')])
  return {
    'etc/fstab': { type: 'text', text: `LABEL=${LABEL} / ext4 errors=remount-ro 0 1\n` },
    'etc/hostname': { type: 'text', text: 'fulcrum\n' },
    'etc/machine-id': { type: 'text', text: '0f0c0f0c0f0c4f0c8f0c0f0c0f0c0f0c\n', mode: 0o444 },
    'etc/systemd/system/bench-shutdown.service': { type: 'text', text: UNIT },
    'etc/systemd/system/multi-user.target.wants/bench-shutdown.service': {
      type: 'link', target: '/etc/systemd/system/bench-shutdown.service',
    },
    'usr/local/sbin/bench-shutdown': { type: 'text', text: SCRIPT, mode: 0o755 },
    'usr/lib/systemd/systemd-shutdown': { type: 'file', source: stamp, mode: 0o755 },
    'usr/lib/systemd/systemd-shutdown.real': {
      type: 'file', source: join(debianTree, 'usr/lib/systemd/systemd-shutdown'), mode: 0o755,
    },
  }
}

/** What a root with dracut has for the way back. */
function dracutOverlay(kernel: Kernel): Tree {
  const dracut = ensureDracutTree('trixie')
  const image = dracutImages(kernel).find(({ name }) => name.endsWith('systemd'))
  if (image === undefined) throw new Error(`Cannot measure dracut: it made no image with systemd`)
  const tree: Record<string, TreeEntry> = {
    [`boot/initrd.img-${kernel.release}`]: { type: 'file', source: image.path },
    'etc/systemd/system/sysinit.target.wants/dracut-shutdown.service': {
      type: 'link', target: '/usr/lib/systemd/system/dracut-shutdown.service',
    },
  }
  const files = ['dracut/dracut-initramfs-restore', 'dracut/skipcpio', 'systemd/system/dracut-shutdown.service',
    'systemd/system/dracut-shutdown-onfailure.service']
  for (const file of files) {
    const source = join(dracut, 'usr/lib', file)
    if (existsSync(source)) tree[`usr/lib/${file}`] = { type: 'file', source, mode: file.includes('service') ? 0o644 : 0o755 }
  }
  return tree
}

const COPY_UNIT = `[Unit]
Description=Copy an exitrd
DefaultDependencies=no
Before=shutdown.target
ConditionFileIsExecutable=!/run/initramfs/shutdown

[Service]
Type=oneshot
ExecStart=/bin/cp -a /usr/lib/bench-exitrd/. /run/initramfs
`

/** What mkinitcpio's hook sd-shutdown puts into an exitrd: systemd-shutdown as /shutdown, and a skeleton. */
function copiedOverlay(debianTree: string): Tree {
  const folder = 'usr/lib/bench-exitrd'
  const program = '/usr/lib/systemd/systemd-shutdown'
  const tree: Record<string, TreeEntry> = {
    [`${folder}/shutdown`]: { type: 'file', source: join(debianTree, program), mode: 0o755 },
    [`${folder}/etc/initrd-release`]: { type: 'text', text: 'ID=bench\n' },
    'etc/systemd/system/bench-exitrd.service': { type: 'text', text: COPY_UNIT },
    'etc/systemd/system/shutdown.target.wants/bench-exitrd.service': { type: 'link', target: '/etc/systemd/system/bench-exitrd.service' },
    // The unit's working place, as theirs has it from the boot.
    'etc/tmpfiles.d/bench-exitrd.conf': { type: 'text', text: 'd /run/initramfs 0755\n' },
  }
  for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'oldroot']) tree[`${folder}/${name}`] = { type: 'directory' }
  for (const [, library = ''] of runTool('chroot', [debianTree, 'ldd', program]).matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)) {
    tree[folder + library] = { type: 'file', source: join(debianTree, library), mode: 0o755 }
  }
  return tree
}

/** How the root can come back to an initramfs by itself. */
export type RootExitrd = 'none' | 'dracut' | 'copied'

/** The disk: ext4 without a partition table, so that the host can check the file system as it is. */
export function shutdownRoot(kernel: Kernel, exitrd: RootExitrd): DiskImage {
  const root = ensureDebianRoot()
  const extra = exitrd === 'dracut' ? dracutOverlay(kernel) : exitrd === 'copied' ? copiedOverlay(root.tree) : {}
  return diskImage({
    fileSystem: 'ext4', label: LABEL, sizeMiB: 768, base: { folder: root.tree, key: root.key },
    tree: { ...overlay(root.tree), ...extra },
  })
}
