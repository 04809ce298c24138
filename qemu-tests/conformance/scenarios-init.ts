// Conformance scenarios: inits of every kind, the console, capabilities and the dry run. Data only.
// Bad inits are at /sbin/other, so that the standard one is there to be a link's target.
// See scenario.ts for what a scenario is, and docs/conformance.md for the outcome.
import type { Scenario } from './scenario.ts'

const SWITCH = ['switch_root', 'run-init'] as const
const RUN_INIT = ['run-init'] as const
const init = 'Init'
const console = 'The console'
const options = 'Options of run-init'
const OTHER = ['/newroot', '/sbin/other', 'x']

function bad(id: string, title: string, setup: string, says: RegExp): Scenario {
  return { id, group: init, title, tools: SWITCH, setup, args: OTHER, expect: { end: 'refusal', says } }
}

function good(id: string, title: string, setup: string, argv = 'as given'): Scenario {
  return { id, group: init, title, tools: SWITCH, setup, args: OTHER, look: ['argv'], expect: { end: 'init', differs: { argv } } }
}

export const initScenarios: readonly Scenario[] = [
  bad('init-missing', 'missing', 'true', /'\/sbin\/other'/),
  bad('init-mode', 'not executable', 'cp /newroot/sbin/init /newroot/sbin/other; chmod 644 /newroot/sbin/other', /execute permission/),
  bad('init-directory', 'a directory', 'mkdir /newroot/sbin/other', /not a regular file/),
  bad('init-foreign', 'for another processor', 'cp /kit/foreign /newroot/sbin/other', /aarch64/),
  bad('init-empty', 'an empty file', 'touch /newroot/sbin/other; chmod 755 /newroot/sbin/other', /neither an ELF file nor a script/),
  bad('init-text', 'a script without `#!`', 'echo echo > /newroot/sbin/other; chmod 755 /newroot/sbin/other', /neither an ELF file nor a script/),
  bad('init-interpreter', 'a script without its interpreter', "echo '#!/bin/nosuch' > /newroot/sbin/other; chmod 755 /newroot/sbin/other", /'\/bin\/nosuch'/),
  bad('init-library', 'a program without its loader', 'cp /kit/dynamic /newroot/sbin/other', /ld-linux/),
  bad('init-dangling', 'a link to nothing', 'ln -s nosuch /newroot/sbin/other', /'\/sbin\/other'/),
  bad('init-loop', 'a link to itself', 'ln -s other /newroot/sbin/other', /'\/sbin\/other'/),
  bad('init-old-root', 'a link to what only the old root has', 'ln -s /init /newroot/sbin/other', /'\/sbin\/other'/),
  good('init-script', 'a script', "echo '#!/sbin/init word' > /newroot/sbin/other; chmod 755 /newroot/sbin/other", '/sbin/init word /sbin/other x'),
  good('init-relative-link', 'a relative link', 'ln -s init /newroot/sbin/other'),
  good('init-absolute-link', 'an absolute link', 'ln -s /sbin/init /newroot/sbin/other'),
  good('init-escaping-link', 'a link that climbs above "/"', 'ln -s ../../../../sbin/init /newroot/sbin/other'),
  { id: 'console', group: console, title: '`-c /dev/console`', tools: SWITCH, args: ['-c', '/dev/console', '/newroot', '/sbin/init'], look: ['descriptors', 'session'], expect: { end: 'init', differs: { descriptors: '0 console, 1 console, 2 console' } } },
  { id: 'console-default', group: console, title: 'none asked for, /dev moved before', tools: SWITCH, setup: 'mount --move /dev /newroot/dev', look: ['descriptors'], expect: { 'switch_root': { end: 'init' }, 'run-init': { end: 'init', differs: { descriptors: '0 console, 1 console, 2 console' } } } },
  { id: 'console-moved', group: console, title: '`-c /dev/console`, /dev moved before', tools: SWITCH, setup: 'mount --move /dev /newroot/dev', args: ['-c', '/dev/console', '/newroot', '/sbin/init'], look: ['descriptors'], expect: { end: 'init', differs: { descriptors: '0 console, 1 console, 2 console' } } },
  { id: 'console-missing', group: console, title: '`-c /dev/nosuch`', tools: SWITCH, args: ['-c', '/dev/nosuch', '/newroot', '/sbin/init'], look: ['descriptors', 'deletion'], expect: { end: 'init', says: /'\/dev\/nosuch'/ } },
  { id: 'console-null', group: console, title: '`-c /dev/null`, /dev moved before', tools: SWITCH, setup: 'mount --move /dev /newroot/dev', args: ['-c', '/dev/null', '/newroot', '/sbin/init'], look: ['descriptors'], expect: { end: 'init', differs: { descriptors: '0 null, 1 null, 2 null' } } },
  { id: 'no-console', group: console, title: 'no /dev/console at all', tools: SWITCH, setup: 'rm /newroot/dev/console', stage: ['--no-console'], look: ['descriptors'], expect: { 'switch_root': { end: 'init' }, 'run-init': { end: 'init', says: /'\/dev\/console' in the new root: it does not exist, ignoring/ } } },
  { id: 'no-console-bad-init', group: console, title: 'no /dev/console, and no init', tools: SWITCH, setup: 'rm /newroot/dev/console', stage: ['--no-console'], args: OTHER, expect: { end: 'refusal', says: /'\/sbin\/other'/ } },
  { id: 'dry-good', group: options, title: '`-n`', tools: RUN_INIT, args: ['-n', '/newroot', '/sbin/init'], stage: ['--not-pid1'], expect: { end: 'exit', status: 0 } },
  { id: 'dry-missing', group: options, title: '`-n`, init is missing', tools: RUN_INIT, args: ['-n', '/newroot', '/sbin/other'], stage: ['--not-pid1'], expect: { end: 'exit', status: 1, says: /'\/sbin\/other'/ } },
  { id: 'dry-mode', group: options, title: '`-n`, init is not executable', tools: RUN_INIT, setup: 'chmod 644 /newroot/sbin/init', args: ['-n', '/newroot', '/sbin/init'], stage: ['--not-pid1'], expect: { end: 'exit', status: 1, says: /execute permission/ } },
  { id: 'dry-interpreter', group: options, title: '`-n`, the interpreter of init is missing', tools: RUN_INIT, setup: "echo '#!/bin/nosuch' > /newroot/sbin/init", args: ['-n', '/newroot', '/sbin/init'], stage: ['--not-pid1'], expect: { end: 'exit', status: 1, says: /nosuch/ } },
  { id: 'dry-directory', group: options, title: '`-n`, NEWROOT is a plain directory', tools: RUN_INIT, setup: 'mkdir /plain; cp -a /newroot/. /plain/; umount /newroot', args: ['-n', '/plain', '/sbin/init'], stage: ['--not-pid1'], expect: { end: 'exit', status: 1, says: /same file ?system/ } },
  { id: 'capability', group: options, title: '`-d cap_sys_module,cap_syslog`', tools: RUN_INIT, args: ['-d', 'cap_sys_module,cap_syslog', '/newroot', '/sbin/init'], look: ['capabilities'], expect: { end: 'init', differs: { capabilities: 'bounding set without 16 34' } } },
  { id: 'capability-unknown', group: options, title: '`-d cap_nosuch`', tools: RUN_INIT, args: ['-d', 'cap_nosuch', '/newroot', '/sbin/init'], expect: { end: 'refusal', says: /'cap_nosuch'/ } },
]
