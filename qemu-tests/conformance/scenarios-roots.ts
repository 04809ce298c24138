// Conformance scenarios: old and new roots of every kind, and what is deleted of the old one. Data only.
// `deletion` is what is left in the file system of the old root, seen from outside of all mounts on it.
// See scenario.ts for what a scenario is, and docs/conformance.md for the outcome.
import type { Scenario } from './scenario.ts'

const SWITCH = ['switch_root', 'run-init'] as const
const RUN_INIT = ['run-init'] as const
const oldRoot = 'The old root'
const newRoot = 'The new root'

/** Copies the standard new root to `path`, and takes the mount away. */
const asDirectory = (path: string): string => `mkdir -p ${path}; cp -a /newroot/. ${path}/; umount /newroot`

export const rootScenarios: readonly Scenario[] = [
  { id: 'many-files', group: oldRoot, title: '600 files in it', tools: SWITCH, setup: 'mkdir /many; for n in $(seq 600); do echo > /many/$n; done', look: ['deletion'], expect: { end: 'init' } },
  { id: 'ramfs', group: oldRoot, title: 'ramfs', tools: SWITCH, stage: ['--root', 'ramfs'], look: ['deletion', 'mounts'], expect: { end: 'init' } },
  {
    id: 'disk', group: oldRoot, title: 'ext4', tools: SWITCH, stage: ['--root', 'disk'], look: ['deletion', 'mounts'],
    expect: { 'switch_root': { end: 'init', differs: { deletion: 'nothing deleted', mounts: 'all carried; new: /run/rootfs' } }, 'run-init': { end: 'refusal', says: /not an initramfs/ } },
  },
  { id: 'no-init-file', group: oldRoot, title: 'without /init', tools: SWITCH, setup: 'rm /init', look: ['deletion'], expect: { end: 'init' } },
  {
    id: 'no-initramfs', group: oldRoot, title: 'without /init and /etc/initrd-release', tools: SWITCH, setup: 'rm /init /etc/initrd-release', look: ['deletion'],
    expect: { 'switch_root': { end: 'init', differs: { deletion: 'nothing deleted', mounts: 'all carried; new: /run/rootfs' } }, 'run-init': { end: 'refusal', says: /initramfs/ } },
  },
  { id: 'read-only-old', group: oldRoot, title: 'read-only', tools: SWITCH, setup: 'mount -o remount,ro /', look: ['deletion'], expect: { end: 'init', differs: { deletion: 'nothing deleted' } } },
  { id: 'bound-elsewhere', group: oldRoot, title: 'NEWROOT is also bound to /again', tools: SWITCH, setup: 'mkdir /again; mount --bind /newroot /again', look: ['deletion', 'new root'], expect: { end: 'init', differs: { deletion: 'before init, directories stay', 'new root': 'as given' } } },
  { id: 'bound-inside', group: oldRoot, title: 'a directory of it is bound into NEWROOT', tools: SWITCH, setup: 'mount --bind /marker /newroot/tmp', look: ['deletion'], expect: { end: 'init', differs: { mounts: 'all carried; also: /tmp' } } },
  { id: 'not-pid1', group: oldRoot, title: 'not PID 1', tools: SWITCH, stage: ['--not-pid1'], look: ['mounts', 'deletion'], expect: { end: 'refusal', says: /not PID 1/ } },
  { id: 'missing-root', group: newRoot, title: 'missing', tools: SWITCH, args: ['/nosuch', '/sbin/init'], expect: { end: 'refusal', says: /'\/nosuch'/ } },
  { id: 'file-root', group: newRoot, title: 'a file', tools: SWITCH, args: ['/init', '/sbin/init'], expect: { end: 'refusal', says: /not a directory/i } },
  { id: 'same-root', group: newRoot, title: '"/" itself', tools: SWITCH, args: ['/', '/sbin/init'], expect: { end: 'refusal', says: /current root/ } },
  {
    id: 'plain-directory', group: newRoot, title: 'a plain directory', tools: SWITCH, setup: asDirectory('/plain'), args: ['/plain', '/sbin/init'], look: ['deletion', 'mounts'],
    expect: { 'switch_root': { end: 'init', differs: { deletion: 'nothing deleted', mounts: 'all carried; new: / /run/rootfs /run/initramfs' } }, 'run-init': { end: 'refusal', says: /same file ?system/ } },
  },
  {
    id: 'bound-directory', group: newRoot, title: 'a directory of the old root, bound onto itself', tools: SWITCH, setup: `${asDirectory('/plain')}; mount --bind /plain /plain`, args: ['/plain', '/sbin/init'], look: ['deletion', 'mounts'],
    expect: { 'switch_root': { end: 'init', differs: { deletion: 'nothing deleted', mounts: 'all carried; new: /run/rootfs /run/initramfs' } }, 'run-init': { end: 'refusal', says: /same file ?system/ } },
  },
  { id: 'directory-of-mount', group: newRoot, title: 'a directory on another mount', tools: SWITCH, setup: 'mkdir /keep/inner; cp -a /newroot/. /keep/inner/; umount /newroot', args: ['/keep/inner', '/sbin/init'], look: ['deletion', 'mounts'], expect: { end: 'init', differs: { mounts: 'all carried; new: /' } } },
  { id: 'read-only-root', group: newRoot, title: 'read-only', tools: SWITCH, setup: 'mount -o remount,ro /newroot', look: ['mounts', 'deletion'], expect: { end: 'init' } },
  { id: 'noexec-root', group: newRoot, title: 'mounted noexec', tools: SWITCH, setup: 'mount -o remount,noexec /newroot', expect: { end: 'refusal', says: /noexec/ } },
  { id: 'empty-root', group: newRoot, title: 'empty', tools: SWITCH, setup: 'umount /newroot; mount -t tmpfs empty /newroot', expect: { end: 'refusal', says: /sbin/ } },
  { id: 'keep', group: oldRoot, title: '`-p`: to be kept', tools: RUN_INIT, args: ['-p', '/newroot', '/sbin/init'], look: ['deletion', 'mounts'], expect: { end: 'init', differs: { deletion: 'nothing deleted', mounts: 'all carried; new: /run/rootfs /run/initramfs' } } },
]
