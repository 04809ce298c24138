// Conformance scenarios: what init inherits, and which mounts come along. Data only.
// A look is a row of the table each; what fulcrum must not differ in is checked for every scenario (outcome.ts).
// See scenario.ts for what a scenario is, and docs/conformance.md for the outcome.
import type { Scenario } from './scenario.ts'

const SWITCH = ['switch_root', 'run-init'] as const
const inherits = 'What init inherits'
const mounts = 'Mounts'

export const handOverScenarios: readonly Scenario[] = [
  {
    id: 'plain', group: inherits, title: 'plain switch', tools: SWITCH, args: ['/newroot', '/sbin/init', 'a', 'b'],
    look: ['argv', 'environment', 'cwd', 'umask', 'descriptors', 'signals', 'session', 'capabilities', 'processes', 'new root', 'deletion', 'mounts'],
    expect: {
      'switch_root': { end: 'init', differs: { environment: 'as given', descriptors: 'as given', signals: 'ignored: none; blocked: none', session: 'leader, no terminal', processes: 'none beside init', 'new root': 'as given' } },
      'run-init': { end: 'init', differs: { environment: 'as given', descriptors: '0 console, 1 console, 2 console', session: 'leader, no terminal', processes: 'none beside init', 'new root': 'as given' } },
    },
  },
  { id: 'empty-environment', group: inherits, title: 'empty environment', tools: SWITCH, stage: ['--no-env'], look: ['environment'], expect: { end: 'init' } },
  { id: 'umask', group: inherits, title: 'umask 027', tools: SWITCH, stage: ['--umask', '027'], look: ['umask'], expect: { end: 'init' } },
  { id: 'cwd', group: inherits, title: 'started in a directory of the old root', tools: SWITCH, stage: ['--cwd', '/marker/a'], look: ['cwd'], expect: { end: 'init' } },
  { id: 'descriptors', group: inherits, title: 'descriptors 3 and 9 open', tools: SWITCH, stage: ['--descriptor', '3', '--descriptor', '9'], look: ['descriptors'], expect: { 'switch_root': { end: 'init', differs: { descriptors: '0 null, 1 pipe, 2 pipe, 3 initrd-release, 9 initrd-release' } }, 'run-init': { end: 'init', differs: { descriptors: '0 console, 1 console, 2 console, 3 initrd-release, 9 initrd-release' } } } },
  {
    id: 'signals', group: inherits, title: 'HUP, PIPE and CHLD ignored, TERM and USR1 blocked', tools: SWITCH,
    stage: ['--ignore', '1', '--ignore', '13', '--ignore', '17', '--block', '15', '--block', '10'], look: ['signals'], expect: { end: 'init' },
  },
  { id: 'terminal', group: inherits, title: 'a controlling terminal on 0 to 2', tools: SWITCH, stage: ['--terminal'], look: ['session', 'descriptors'], expect: { end: 'init' } },
  { id: 'children', group: inherits, title: 'a process of the initramfs runs', tools: SWITCH, setup: 'exec 5< /marker/other; sleep 1000 <&5 & sleep 0.3', look: ['processes', 'deletion'], expect: { end: 'init' } },
  { id: 'moved-before', group: mounts, title: '/dev, /proc, /sys and /run moved before (initramfs-tools)', tools: SWITCH, setup: 'for d in dev sys run proc; do mount --move /$d /newroot/$d; done', look: ['mounts'], expect: { end: 'init' } },
  { id: 'run-moved', group: mounts, title: '/run moved before (dracut)', tools: SWITCH, setup: 'mount --move /run /newroot/run', look: ['mounts'], expect: { end: 'init' } },
  { id: 'no-proc', group: mounts, title: '/proc is not mounted', tools: SWITCH, stage: ['--no-proc'], look: ['mounts'], expect: { end: 'init' } },
  { id: 'nothing-mounted', group: mounts, title: 'nothing is mounted but NEWROOT', tools: SWITCH, setup: 'umount /run/sub /run /dev/pts /dev/console /dev /sys /proc', look: ['mounts', 'new root'], expect: { end: 'init' } },
  { id: 'own-proc', group: mounts, title: 'NEWROOT has its own /proc', tools: SWITCH, setup: 'mount -t proc proc /newroot/proc', look: ['mounts'], expect: { end: 'init' } },
  { id: 'own-run', group: mounts, title: 'NEWROOT has another tmpfs on /run', tools: SWITCH, setup: 'mount -t tmpfs other /newroot/run', look: ['mounts'], expect: { end: 'init' } },
  { id: 'no-run', group: mounts, title: 'NEWROOT has no /run', tools: SWITCH, setup: 'rmdir /newroot/run', look: ['mounts', 'new root'], expect: { end: 'init' } },
  { id: 'no-directories', group: mounts, title: 'NEWROOT has none of the four', tools: SWITCH, setup: 'rm -r /newroot/run /newroot/dev /newroot/proc /newroot/sys', look: ['mounts', 'new root'], expect: { end: 'init' } },
  {
    id: 'no-run-read-only', group: mounts, title: 'NEWROOT has no /run and is read-only', tools: SWITCH, setup: 'rmdir /newroot/run; mount -o remount,ro /newroot',
    look: ['mounts'], expect: { end: 'refusal', says: /'\/newroot\/run' does not exist and the new root is read-only/ },
  },
  { id: 'run-is-file', group: mounts, title: 'NEWROOT/run is a file', tools: SWITCH, setup: 'rmdir /newroot/run; touch /newroot/run', look: ['mounts'], expect: { end: 'refusal', says: /'\/newroot\/run' is not a directory/ } },
  { id: 'run-is-link', group: mounts, title: 'NEWROOT/run is a link to /var/run', tools: SWITCH, setup: 'rmdir /newroot/run; mkdir -p /newroot/var/run /var/run; ln -s /var/run /newroot/run', look: ['mounts'], expect: { end: 'init', differs: { mounts: 'elsewhere: /run at /var/run, /run/sub at /var/run/sub' } } },
  { id: 'submount', group: mounts, title: 'a mount in NEWROOT', tools: SWITCH, setup: 'mount -t tmpfs more /newroot/tmp', look: ['mounts'], expect: { end: 'init', differs: { mounts: 'all carried; also: /tmp' } } },
  { id: 'below-run', group: mounts, title: 'NEWROOT is below /run', tools: SWITCH, setup: 'mkdir /run/next; mount --move /newroot /run/next', args: ['/run/next', '/sbin/init'], look: ['mounts'], expect: { end: 'init' } },
  { id: 'stacked', group: mounts, title: 'a second mount on /run', tools: SWITCH, setup: 'mount -t tmpfs upper /run', look: ['mounts'], expect: { end: 'init', differs: { mounts: 'concealed: /run /run/sub', deletion: 'before init, directories stay' } } },
  { id: 'shared', group: mounts, title: 'every mount is shared', tools: SWITCH, stage: ['--shared'], look: ['mounts'], expect: { end: 'init' } },
]
