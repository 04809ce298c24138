// The kernel command line parameters that PID 1 understands, as one table.
//
// `fulcrum cmdline --help` prints it and docs/man/fulcrum.7 is checked against it; what the words
// mean is parameters.ts. Keys that are not here pass through untouched.
// Man pages: bootparam(7), kernel-command-line(7), dracut.cmdline(7).

import { normalKey } from '../facts/cmdline.ts'
import { blockParameters } from './words/block-words.ts'
import { layerParameters } from './words/layer-words.ts'
import { networkParameters } from './words/network-words.ts'
import { parameter } from './words/parameter.ts'
import type { Parameter } from './words/parameter.ts'

/** Every parameter that PID 1 understands, in the order in which it is documented. */
export const parameters: readonly Parameter[] = [
  parameter('kernel', 'root', 'SPEC', 'none',
    'The root: /dev/NAME, UUID=, LABEL=, PARTUUID=, PARTLABEL=, MAJOR:MINOR, a virtiofs or 9p tag, ' +
      'nfs:[SERVER:]PATH[:OPTIONS], nbd:SERVER:PORT/EXPORT, iscsi:[USER:PASSWORD@]SERVER:[6]:[PORT]:[LUN]:TARGET, dhcp (as DHCP says), ' +
      'live:SPEC[:/PATH] (an image file on that device, as live media have it), or ' +
      'gpt-auto: the partition whose type says so. Unset: gpt-auto',
  ),
  parameter('kernel', 'rootfstype', 'TYPE[,TYPE…]', 'detected',
    'File system types of the root, tried in this order',
  ),
  parameter('kernel', 'rootflags', 'OPTIONS', 'none', 'Mount options of the root, comma separated'),
  parameter('kernel', 'ro', '', 'yes', 'Mount the root read-only; the last of ro and rw wins'),
  parameter('kernel', 'rw', '', 'no', 'Mount the root read-write'),
  parameter('kernel', 'rootwait', '[SECONDS]', 'no',
    'Wait for the root device for ever, or for that many seconds; rd.timeout wins over it',
  ),
  parameter('kernel', 'rootdelay', 'SECONDS', '0',
    'Wait for the root device at least this long. Unlike the kernel, a device that is there already is ' +
      'used at once',
  ),
  parameter('dracut', 'rd.timeout', 'SECONDS', '90',
    'How long to wait for the root device, 0 for ever',
    ['rd.retry'],
  ),
  parameter('kernel', 'init', 'PATH', '/sbin/init',
    'Program to run as init in the root. Unset: the first of /sbin/init, /etc/init, /bin/init, /bin/sh',
  ),
  parameter('kernel', 'quiet', '', 'no', 'Print only what is wrong'),
  parameter('kernel', 'debug', '', 'no', 'Print every step; wins over quiet', ['rd.debug']),
  parameter('kernel', 'panic', 'SECONDS', '0',
    'Reboot that many seconds after a failure: as fulcrum.panic=, where that is not given',
  ),
  parameter('dracut', 'rd.break', 'POINT[,POINT…]', 'none',
    'Stop for the rescue console at cmdline, pre-mount, mount or pre-switch; without a value at ' +
      'pre-switch. The names of dracut (pre-udev, pre-trigger, initqueue, pre-pivot, cleanup) stand for ' +
      'the nearest of these',
  ),
  parameter('dracut', 'rd.shell', 'BOOL', 'yes',
    'Whether the rescue console takes commands; if not, it says what failed and waits, or reboots ' +
      '(fulcrum.panic=)',
  ),
  parameter('dracut', 'rd.driver.blacklist', 'MODULE[,MODULE…]', 'none',
    'Modules that are not loaded for devices found',
    ['modprobe.blacklist', 'module_blacklist'],
  ),
  parameter('dracut', 'rd.driver.pre', 'MODULE[,MODULE…]', 'none',
    'Modules that are loaded first',
    ['rd.modules_load', 'modules_load'],
  ),
  parameter('systemd', 'systemd.gpt_auto', 'BOOL', 'yes',
    'Whether a root that is not named is looked for by the type of its partition',
    ['rd.systemd.gpt_auto'],
  ),
  parameter('systemd', 'mount.usr', 'SPEC', 'from fstab', 'File system for /usr, as root='),
  parameter('systemd', 'mount.usrfstype', 'TYPE[,TYPE…]', 'detected', 'File system types of /usr'),
  parameter('systemd', 'mount.usrflags', 'OPTIONS', 'none', 'Mount options of /usr'),
  parameter('systemd', 'fsck.mode', 'auto|force|skip', 'auto',
    'Whether the root is checked before it is mounted, where the image has fsck. The bare words ' +
      'fastboot and forcefsck mean skip and force',
    ['fastboot', 'forcefsck'],
  ),
  parameter('systemd', 'fsck.repair', 'preen|yes|no', 'preen',
    'What fsck may repair: what is safe, everything, nothing',
  ),
  ...blockParameters,
  ...layerParameters,
  ...networkParameters,
  parameter('fulcrum', 'fulcrum.switch', 'auto|move|pivot', 'auto',
    'How to switch: MS_MOVE and chroot, or pivot_root',
  ),
  parameter('fulcrum', 'fulcrum.keep', 'full|slim|none', 'by image, by engine',
    'Whether the initramfs stays at /run/rootfs, its compressed copy (of an image that was built with ' +
      'keep slim), or nothing. Unset: what the image was built with, else full with pivot, none with move',
  ),
  parameter('fulcrum', 'fulcrum.secret', 'PATH[,PATH…]', 'none',
    'Files of the initramfs that are overwritten with zeros and deleted before the hand-over, besides ' +
      'those that the image was built with as secrets',
  ),
  parameter('fulcrum', 'fulcrum.process', 'keep:PROGRAM|kill:PROGRAM[,…]', 'by fulcrum.keep',
    'What becomes of processes of the initramfs: PROGRAM is the path of the executable, or without a ' +
      'slash the name of the process, with * and ?. Unset: kept if the initramfs is kept. See fulcrum-kill(1)',
  ),
  parameter('fulcrum', 'fulcrum.process_marks', 'BOOL', 'yes',
    'Whether processes that the root depends on are marked so that systemd and the OOM killer spare them',
  ),
  parameter('fulcrum', 'fulcrum.shutdown_timeout', 'SECONDS', '90',
    'How long /shutdown may take the root down before it stops the machine regardless; wins over what systemd says',
  ),
  parameter('fulcrum', 'fulcrum.panic', 'SECONDS', 'never',
    'Reboot that many seconds after a failure unless a key is pressed; 0 never, negative at once',
  ),
  parameter('fulcrum', 'fulcrum.dry_run', 'BOOL', 'no',
    'Print the plan of the switch and stop in the rescue console',
  ),
  parameter('fulcrum', 'fulcrum.timestamps', 'BOOL', 'yes', 'Tell systemd when the initramfs began and ended'),
  parameter('fulcrum', 'fulcrum.log', 'quiet|normal|debug', 'normal',
    'How much to print; wins over quiet and debug',
  ),
]

/** By every spelling: PID 1 asks for each of them, and once more for each word of the command line. */
const bySpelling: ReadonlyMap<string, Parameter> = new Map(
  parameters.flatMap((p) => [p.key, ...p.aliases].map((name): [string, Parameter] => [normalKey(name), p])),
)

/** The table's entry for a key or an alias, or undefined. */
export function findParameter(key: string): Parameter | undefined {
  return bySpelling.get(normalKey(key))
}
