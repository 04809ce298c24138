// The switch on the running kernel, by each engine, in mount and pid namespaces of its own.
//
// Needs root, unshare(1) of util-linux and ldd(1) of libc-bin; fails without them, never skips.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseMountInfo, rootMount, topMountAt } from '../facts/mountinfo.ts'

const TIME_LIMIT_MS = 60_000

/** /bin/sh and the libraries that it needs, as the files that the links lead to are called. */
const shellFiles = ['/bin/sh', ...execFileSync('ldd', [realpathSync('/bin/sh')], { encoding: 'utf8' }).match(/\/\S+/g) ?? []]

/** What the new init, a shell without any tool, says about where it is. */
const INIT = `echo "pid $$"; echo "args $*"; for d in /* /run/*; do echo "see $d"; done
[ -e /proc/$EARLY/exe ] && echo alive; [ /proc/$EARLY/exe -ef /run/rootfs/bin/sh ] && echo "exe under /run/rootfs"
while read -r line; do echo "mount $line"; done < /proc/self/mountinfo`

function go(propagation: 'shared' | 'private', command: string, args: readonly string[]): { lines: string[]; stderr: string; status: number | null } {
  const directory = mkdtempSync(join(tmpdir(), 'fulcrum-switch-'))
  const child = spawnSync(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private', process.execPath, join(import.meta.dirname, 'testing/real-switch.ts'), directory, propagation, command, ...args],
    { encoding: 'utf8', timeout: TIME_LIMIT_MS, env: { PATH: process.env['PATH'] ?? '', SHELL_FILES: shellFiles.join(' ') } },
  )
  rmdirSync(directory)
  return { lines: child.stdout.split('\n'), stderr: child.stderr, status: child.status }
}

const mountsIn = (lines: readonly string[]): string => lines.flatMap((l) => (l.startsWith('mount ') ? [l.slice(6)] : [])).join('\n')

const init = ['/sysroot', '/bin/sh', '-c', INIT, 'init', 'a', 'b c']
for (const propagation of ['private', 'shared'] as const) {
  for (const [what, command, flags, kept] of [
    ['switch_root', 'switch_root', [], false],
    ['run-init', 'run-init', [], false],
    ['run-init -p', 'run-init', ['-p'], true],
    ['switch by pivot', 'switch', ['--engine', 'pivot'], true],
    ['switch by pivot, freed', 'switch', ['--engine', 'pivot', '--keep', 'none'], false],
    ['switch by move, kept', 'switch', ['--engine', 'move', '--keep', 'full'], true],
  ] as const) {
    t.test(`${what}, ${propagation} root`, async (t) => {
      const { lines, stderr, status } = go(propagation, command, [...flags, ...init])
      t.equal(status, 0, stderr)
      t.ok(lines.includes('pid 1'), stderr)
      t.ok(lines.includes('args a b c'))
      t.ok(lines.includes('see /init-was-here'), 'the new root is "/"')
      t.notOk(lines.includes('see /payload'))
      t.ok(lines.includes('alive'), 'the early process lives on')
      t.equal(lines.includes('see /run/rootfs'), kept)
      t.equal(lines.includes('exe under /run/rootfs'), kept)
      const mounts = parseMountInfo(mountsIn(lines))
      t.equal(rootMount(mounts)?.source, 'NEW')
      t.strictSame(['/dev', '/dev/pts', '/proc', '/run'].map((at) => topMountAt(mounts, at)?.source), ['DEV', 'PTS', 'proc', 'RUN'])
      t.equal(topMountAt(mounts, '/run/rootfs')?.source, kept ? 'bed' : undefined)
      t.strictSame(mounts.filter((m) => m.optional.shared !== undefined), [])
    })
  }
}

t.test('a refused switch leaves every mount where it was', async (t) => {
  for (const command of ['switch_root', 'run-init', 'switch']) {
    const { lines, stderr } = go('private', command, ['/sysroot', '/no/init'])
    t.ok(lines.includes(`status ${command === 'switch' ? 112 : 1}`), stderr)
    t.match(stderr, /Cannot find init '\/no\/init'/)
  }
})
