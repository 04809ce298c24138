// Conformance scenarios: how the tools read their arguments, and what they say. Data only.
// Usage errors are run as another process too: as PID 1 a status is never seen, there is a panic instead.
// See scenario.ts for what a scenario is, and docs/conformance.md for the outcome.
import type { Scenario } from './scenario.ts'

const CHILD = ['--not-pid1']
const SWITCH = ['switch_root', 'run-init'] as const
const ALL = ['switch_root', 'run-init', 'pivot_root'] as const
const group = 'Arguments'

export const argumentScenarios: readonly Scenario[] = [
  { id: 'no-arguments', group, title: 'no arguments', tools: ALL, args: [], stage: CHILD, expect: { end: 'exit', status: 1, says: /arguments|usage/ } },
  { id: 'too-few', group, title: 'one argument', tools: ALL, args: ['/newroot'], stage: CHILD, expect: { end: 'exit', status: 1, says: /arguments|usage/ } },
  { id: 'unknown-option', group, title: 'unknown option `-X`', tools: ALL, args: ['-X', '/newroot', '/sbin/init'], stage: CHILD, expect: { end: 'exit', status: 1, says: /invalid option -- 'X'/ } },
  { id: 'unknown-long', group, title: 'unknown option `--nonsense`', tools: ALL, args: ['--nonsense', '/newroot', '/sbin/init'], stage: CHILD, expect: { end: 'exit', status: 1, says: /unrecognized option '--nonsense'/ } },
  { id: 'help-short', group, title: '`-h`', tools: ALL, args: ['-h'], stage: CHILD, expect: { end: 'exit', status: 0, says: /usage:/i } },
  { id: 'help', group, title: '`--help`', tools: ALL, args: ['--help'], stage: CHILD, expect: { end: 'exit', status: 0, says: /usage:/i } },
  { id: 'version-short', group, title: '`-V`', tools: ALL, args: ['-V'], stage: CHILD, expect: { end: 'exit', status: 0, says: /from fulcrum/ } },
  { id: 'version', group, title: '`--version`', tools: ALL, args: ['--version'], stage: CHILD, expect: { end: 'exit', status: 0, says: /from fulcrum/ } },
  { id: 'value-missing', group, title: '`-c` without a value', tools: SWITCH, args: ['-c'], stage: CHILD, expect: { end: 'exit', status: 1, says: /option requires an argument -- 'c'/ } },
  { id: 'usage-as-pid1', group, title: 'one argument, as PID 1', tools: SWITCH, args: ['/newroot'], expect: { end: 'refusal', says: /not enough arguments/ } },
  { id: 'help-as-pid1', group, title: '`--help` as PID 1', tools: SWITCH, args: ['--help'], expect: { end: 'refusal', says: /usage:/i } },
  {
    id: 'options-of-init', group, title: 'words like options behind INIT', tools: SWITCH, args: ['/newroot', '/sbin/init', '-h', '--version', '--', '-c', 'x'],
    look: ['argv'], expect: { end: 'init' },
  },
  { id: 'double-dash', group, title: '`--` before NEWROOT', tools: SWITCH, args: ['--', '/newroot', '/sbin/init', '-h'], look: ['argv'], expect: { end: 'init' } },
  { id: 'odd-arguments', group, title: "arguments '', 'a b', bytes that are no UTF-8", tools: SWITCH, args: ['/newroot', '/sbin/init', '', 'a b', '"', 'ü'], look: ['argv'], expect: { end: 'init' } },
  { id: 'many-arguments', group, title: '300 arguments', tools: SWITCH, args: ['/newroot', '/sbin/init', ...Array.from({ length: 300 }, (_, n) => `a${n}`)], look: ['argv'], expect: { end: 'init' } },
  { id: 'relative-root', group, title: 'NEWROOT is relative', tools: SWITCH, args: ['newroot', '/sbin/init'], look: ['cwd'], expect: { end: 'init' } },
  { id: 'dot-root', group, title: 'NEWROOT is `.`', tools: SWITCH, args: ['.', '/sbin/init'], stage: ['--cwd', '/newroot'], look: ['cwd'], expect: { end: 'init' } },
  { id: 'slash-root', group, title: 'NEWROOT with slashes at its end', tools: SWITCH, args: ['/newroot//', '/sbin/init'], look: ['mounts'], expect: { end: 'init' } },
  { id: 'linked-root', group, title: 'NEWROOT is a symbolic link', tools: SWITCH, setup: 'ln -s newroot /link', args: ['/link', '/sbin/init'], look: ['mounts'], expect: { end: 'init' } },
  { id: 'relative-init', group, title: 'INIT is relative', tools: SWITCH, args: ['/newroot', 'sbin/init'], look: ['argv'], expect: { end: 'init' } },
  { id: 'init-with-root', group, title: 'INIT with NEWROOT in front', tools: SWITCH, args: ['/newroot', '/newroot/sbin/init'], expect: { end: 'refusal', says: /'\/newroot\/sbin\/init'/ } },
]
