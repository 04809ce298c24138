// Images that dracut makes with our module in them, by the dracut of several Debian releases.
//
// Not compressed: QEMU loads them as quickly, and the kernel unpacks them quicker. Cached by what they are made of,
// the program included; older ones of the same name are removed. dracut(8)

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from '../../scripts/setup/cache.ts'
import { ensureDracutTree, runDracut } from '../../scripts/setup/dracut-tree.ts'
import type { DracutRelease } from '../../scripts/setup/dracut-tree.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { guestProgram } from './guest-programs.ts'
import { dist } from './test-image.ts'

const MODULE = join(import.meta.dirname, '../../initrd-builder/dracut/50fulcrum')

export interface DracutImage {
  readonly release: DracutRelease
  readonly kernel: Kernel
  /** With systemd as its /init, or the shell script. */
  readonly init: 'systemd' | 'shell'
  /** Lines of /etc/dracut.conf.d/fulcrum.conf. */
  readonly conf?: string
  /** How the module comes into the tree; `install`: by "fulcrum install dracut", else from the sources. */
  readonly by?: 'install' | 'tree'
}

function options(init: DracutImage['init']): string[] {
  const modules = ['base', 'rootfs-block', 'fs-lib', 'kernel-modules', 'udev-rules', 'shutdown', 'fulcrum', 'sleepers']
  const withSystemd = [...modules, 'systemd', 'systemd-initrd', 'dracut-systemd']
  return ['--no-hostonly', '--no-hostonly-cmdline', '--no-early-microcode', '--no-compress',
    '--drivers', 'virtio_blk virtio_pci ext4', ...(init === 'shell' ? ['--omit', 'systemd'] : []),
    '--modules', (init === 'shell' ? modules : withSystemd).join(' ')]
}

/** A module of a user's: two processes that a hook starts, and nobody ends, and a file that it leaves as dracut does. */
const SLEEPERS = `#!/bin/bash
install() {
    inst_simple "$moddir/sleeper" /usr/bin/sleeper-one
    inst_simple "$moddir/sleeper" /usr/bin/sleeper-two
    inst_hook pre-mount 10 "$moddir/start.sh"
}
`

/** Shell lines that put program, module and configuration into the tree at $root. */
function putInPlace({ by, conf }: DracutImage): string {
  const fromTree = [
    'mkdir -p "$root/usr/lib/dracut/modules.d/50fulcrum" "$root/usr/local/lib/fulcrum"',
    `cp ${MODULE}/* "$root/usr/lib/dracut/modules.d/50fulcrum/"`,
    `cp ${dist('fulcrum')} "$root/usr/local/bin/"`, `cp ${dist('koffi.node')} "$root/usr/local/lib/fulcrum/"`,
  ]
  return [
    ...(by === 'install' ? [`${dist('fulcrum')} install --root "$root" dracut > /dev/null`] : fromTree),
    'at=$root/usr/lib/dracut/modules.d/55sleepers; mkdir -p "$at"', `cp ${guestProgram('initramfs-sleeper')} "$at/sleeper"`,
    `printf '%s' '${SLEEPERS}' > "$at/module-setup.sh"`, `printf '%s\\n' '#!/bin/sh' sleeper-one sleeper-two '(umask 377; echo left > /run/initramfs/overlayfs.passwd)' > "$at/start.sh"`,
    'chmod 755 "$at"/*',
    'mkdir -p "$root/etc/dracut.conf.d"', `printf '%s\\n' '${conf ?? ''}' > "$root/etc/dracut.conf.d/fulcrum.conf"`,
  ].join('\n')
}

/** The image's path; made if the cache has none, in about ten seconds. */
export function dracutImage(image: DracutImage): string {
  const { release, kernel, init } = image
  const tree = ensureDracutTree(release)
  const before = putInPlace(image)
  const hash = createHash('sha256').update(JSON.stringify([2, basename(tree), kernel.release, options(init), image.conf, image.by]))
  for (const file of [dist('fulcrum'), dist('koffi.node'), ...readdirSync(MODULE).sort().map((name) => join(MODULE, name))]) hash.update(readFileSync(file))
  const name = `dracut-${release}-${init}-${image.conf === undefined ? '' : 'conf-'}${kernel.release}`
  const folder = cacheDirectory('initramfs')
  const path = join(folder, `${name}-${hash.digest('hex').slice(0, 12)}.img`)
  return withCacheLock(name, () => {
    if (existsSync(path)) return path
    for (const other of readdirSync(folder)) if (other.startsWith(`${name}-`)) rmSync(join(folder, other), { force: true })
    process.stderr.write(`Making an image with the dracut of '${release}' (${init}) for ${kernel.release}\n`)
    return makeAtomically(path, (temporary) => runDracut(tree, { kernel, output: temporary, options: options(init), before }))
  })
}
