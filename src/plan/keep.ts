// The steps that make an initramfs which stays reachable by root only, read-only, and known to systemd.
//
// Pure. They come after the switch, with the old root at /run/rootfs whatever the engine was. A second mount of it
// at /run/initramfs is where systemd-shutdown looks for /shutdown, and what it leaves alone while it unmounts.
// docs/keep.md; systemd-shutdown(8), systemd.mount(5), systemd.unit(5).

import { MS_BIND } from '../abi/mount.ts'
import { INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY } from '../facts/switch-types.ts'
import type { Step } from './step.ts'

/** Only root may look into the kept initramfs. */
const KEPT_MODE = 0o700

function dropIn(unit: string, text: string): Step {
  return { op: 'write-file', path: `/run/systemd/system/${unit}.d/50-fulcrum.conf`, text }
}

const HAS_SHUTDOWN = `# ${INITRAMFS_DIRECTORY} is the kept initramfs: there is nothing to unpack.\n[Unit]\nConditionPathExists=!${INITRAMFS_DIRECTORY}/shutdown\n`

/**
 * systemd makes a mount unit of what it finds at /run/rootfs and would try in vain to unmount it at shutdown: a
 * process of the initramfs may still live there. The services of dracut and mkinitcpio would unpack an initramfs.
 */
const SYSTEMD_DROP_INS: readonly Step[] = [
  dropIn('run-rootfs.mount', '# The kept initramfs: in use until the machine is off.\n[Unit]\nDefaultDependencies=no\n'),
  dropIn('dracut-shutdown.service', HAS_SHUTDOWN),
  dropIn('mkinitcpio-generate-shutdown-ramfs.service', HAS_SHUTDOWN),
]

/** What the kept layout depends on. */
export interface KeptLayout {
  /** Permission bits of the initramfs's root. */
  readonly modeBefore: number
  /** Whether /run of the new root takes another directory. */
  readonly isWritable: boolean
  readonly systemd: boolean
}

/** Steps for an initramfs that is seen at /run/rootfs now. */
export function keptSteps({ modeBefore, isWritable, systemd }: KeptLayout): Step[] {
  const bind: Step[] = [
    { op: 'mkdir', path: INITRAMFS_DIRECTORY, mode: KEPT_MODE },
    { op: 'mount', source: ROOTFS_DIRECTORY, target: INITRAMFS_DIRECTORY, fstype: null, flags: MS_BIND, data: null },
    { op: 'set-read-only', path: INITRAMFS_DIRECTORY, readOnly: true },
  ]
  return [
    { op: 'chmod', path: ROOTFS_DIRECTORY, mode: KEPT_MODE, before: modeBefore },
    ...(isWritable ? bind : []),
    { op: 'set-read-only', path: ROOTFS_DIRECTORY, readOnly: true },
    ...(systemd ? SYSTEMD_DROP_INS : []),
  ]
}
