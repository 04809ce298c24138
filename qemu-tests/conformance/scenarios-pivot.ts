// Conformance scenarios: pivot_root(8). A child of PID 1 calls it, as in a script; cwd and mounts are those of PID 1,
// which stays where it was and is moved by the kernel. Data only.  pivot_root(2)
import { INTO_CHROOT } from './scenario.ts'
import type { Scenario } from './scenario.ts'

const PIVOT = ['pivot_root'] as const
const group = 'pivot_root'
const CHILD = ['--not-pid1']

function fails(id: string, title: string, args: readonly string[], says: RegExp, more: Partial<Scenario> = {}): Scenario {
  return { id, group, title, tools: PIVOT, args, stage: CHILD, expect: { end: 'exit', status: 1, says }, ...more }
}

function works(id: string, title: string, args: readonly string[], more: Partial<Scenario> = {}): Scenario {
  return { id, group, title, tools: PIVOT, args, stage: CHILD, look: ['cwd', 'mounts'], expect: { end: 'exit', status: 0 }, ...more }
}

export const pivotScenarios: readonly Scenario[] = [
  works('pivot', 'NEW_ROOT and a directory in it', ['/newroot', '/newroot/tmp']),
  works('pivot-relative', 'relative paths', ['.', 'tmp'], { stage: [...CHILD, '--cwd', '/newroot'] }),
  works('pivot-dots', '`. .`', ['.', '.'], { stage: [...CHILD, '--cwd', '/newroot'] }),
  works('pivot-dash', 'behind `--`', ['--', '/newroot', '/newroot/tmp']),
  fails('pivot-three', 'three arguments', ['/newroot', '/newroot/tmp', 'x'], /usage|arguments/),
  fails('pivot-put-old-missing', 'PUT_OLD is missing', ['/newroot', '/newroot/nosuch'], /'\/newroot\/nosuch'.*ENOENT/),
  fails('pivot-new-missing', 'NEW_ROOT is missing', ['/nosuch', '/newroot/tmp'], /'\/nosuch'.*ENOENT/),
  fails('pivot-new-file', 'NEW_ROOT is a file', ['/init', '/newroot/tmp'], /ENOTDIR/),
  fails('pivot-not-mount', 'NEW_ROOT is a plain directory', ['/marker', '/marker/a'], /bind it onto itself/),
  fails('pivot-inner', 'NEW_ROOT is a directory on a mount', ['/newroot/tmp', '/newroot/tmp'], /not a mount point/),
  fails('pivot-elsewhere', 'PUT_OLD is not below NEW_ROOT', ['/newroot', '/marker'], /below '\/newroot'/),
  fails('pivot-other-mount', 'PUT_OLD is on a third mount', ['/newroot', '/keep'], /not below '\/newroot'/),
  fails('pivot-same', 'NEW_ROOT is "/"', ['/', '/newroot'], /bind it onto itself|current root/),
  fails('pivot-shared', 'every mount is shared', ['/newroot', '/newroot/tmp'], /shared: make it private/, { stage: [...CHILD, '--shared'] }),
  fails('pivot-chroot', 'in a chroot', ['/', '/tmp'], /current root/, { setup: INTO_CHROOT, stage: [...CHILD, '--chroot', '/newroot'] }),
  fails('pivot-no-proc', 'every mount is shared, no /proc', ['/newroot', '/newroot/tmp'], /EINVAL/, { stage: [...CHILD, '--shared', '--no-proc'] }),
]
