// There and back on the running kernel, in mount and pid namespaces of its own: rounds, and an undo of every mount.
//
// Needs root, unshare(1) of util-linux and ldd(1) of libc-bin; fails without them, never skips.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const TIME_LIMIT_MS = 600_000
const shellFiles = ['/bin/sh', ...execFileSync('ldd', [realpathSync('/bin/sh')], { encoding: 'utf8' }).match(/\/\S+/g) ?? []]

function go(engine: string, propagation: string): { lines: ReadonlyMap<string, unknown>[]; stderr: string; status: number | null } {
  const directory = mkdtempSync(join(tmpdir(), 'fulcrum-return-'))
  const child = spawnSync(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private', process.execPath, join(import.meta.dirname, 'testing/real-return.ts'), directory, engine, propagation],
    { encoding: 'utf8', timeout: TIME_LIMIT_MS, env: { PATH: process.env['PATH'] ?? '', SHELL_FILES: shellFiles.join(' ') } },
  )
  rmdirSync(directory)
  const lines = child.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => new Map(Object.entries(Object(JSON.parse(line)))))
  return { lines, stderr: child.stderr, status: child.status }
}

for (const engine of ['pivot', 'move', 'concealed']) {
  for (const propagation of ['private', 'shared']) {
    t.test(`${engine}, ${propagation} root`, async (t) => {
      const { lines, stderr, status } = go(engine, propagation)
      t.equal(status, 0, stderr)
      t.strictSame(lines.filter((line) => line.has('complaint')), [])
      const undone = lines.filter((line) => line.has('undone'))
      t.ok(undone.length >= 4, 'every mount of the way in has failed once')
      for (const line of undone) t.match([line.get('same'), line.get('initramfs')], [true, false], `undone after mount ${String(line.get('undone'))}`)
      const inside = lines.filter((line) => line.has('mounts'))
      t.equal(inside.length, 5)
      for (const line of inside) t.match([line.get('initramfs'), line.get('oldroot'), line.get('run')], [true, true, []])
      // The first return from a move enters a second mount of the initramfs, and the root was shared before it.
      for (const key of ['mounts', 'count']) for (const line of inside.slice(2)) t.strictSame(line.get(key), inside[1]?.get(key), `${key} of round ${String(line.get('round'))}`)
      const outside = lines.filter((line) => line.has('root'))
      t.equal(outside.length, 5)
      for (const line of outside) t.strictSame(line.get('root'), outside[0]?.get('root'))
      const chrooted = lines.filter((line) => line.has('chroot'))
      t.equal(chrooted.length, 4)
      for (const line of chrooted) t.match([line.get('chroot'), line.get('left'), line.get('after')], [true, true, false])
    })
  }
}
