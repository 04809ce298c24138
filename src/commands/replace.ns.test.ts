// fulcrum replace as a command: exit statuses, what is printed, and the JSON that docs/replace.md describes.
//
// In the private namespace of the test runner.  fulcrum-replace(1)

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Kernel } from '../kernel/kernel.ts'
import { failingKernel, inNamespace, kernel, makeWorld, withoutBeneath } from '../replace/world-for-tests.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, EXIT_USAGE } from './command.ts'
import { EXIT_NOT_EVERYWHERE, replaceCommand } from './replace.ts'
import { capturedIo } from './testing/captured-io.ts'
import { runAs } from './testing/run-as.ts'

function run(args: readonly string[], k: Kernel = kernel): { readonly status: number; readonly out: string; readonly err: string } {
  const io = capturedIo(k)
  const status = runAs(replaceCommand, args, io)
  if (typeof status !== 'number') throw new Error('Cannot happen: it is synchronous')
  return { status, out: io.out(), err: io.err() }
}

t.test('statuses and texts', async (t) => {
  const w = makeWorld()
  const slave = await inNamespace('slave')
  t.equal(run(['/nothing']).status, EXIT_USAGE)
  t.match(run(['/nothing', w.target]), { status: EXIT_REFUSED, err: /does not exist; .* \[source-unusable\]\n$/ })
  const dry = run(['--dry-run', w.version('2'), w.target])
  t.match(dry, { status: EXIT_OK, out: /MOVE_MOUNT_BENEATH\)\n[^]*umount2\(old/ })
  t.equal(w.marker(), '1')
  t.match(run([w.version('2'), w.target]), { status: EXIT_OK, out: /: tmpfs old replaced by tmpfs world\[\/version-\w+\]\n {2}flipped .*, this one, at .*\n {2}flipped / })
  const failing = failingKernel(0, 'umount2')
  failing.arm()
  t.match(run(['--type', 'tmpfs', '--make-mountpoints', 'x', w.target], failing.kernel), { status: EXIT_SYSTEM, err: /umount2\(old at .*EIO[^]*everything is as it was\n$/ })
  t.equal(w.marker(), '2')
  t.match(run(['--allow-window', w.version('3'), w.target], withoutBeneath(kernel)), { status: EXIT_OK, err: /readers see what lies below/ })
  await slave.end()
  w.end()
})

t.test('JSON, and namespaces that stay behind', async (t) => {
  const w = makeWorld()
  const [alone, own] = [await inNamespace('private'), await inNamespace('slave')]
  // As a service manager does for a read-only /usr.
  spawnSync('nsenter', ['-t', String(own.pid), '-m', 'mount', '--bind', w.target, w.target])
  const { status, out } = run(['--json', w.version('2'), w.target])
  t.equal(status, EXIT_NOT_EVERYWHERE)
  const report: unknown = JSON.parse(out)
  t.match(report, {
    format: 'fulcrum-replace', version: 1, target: w.target, action: 'replaced', window: false, old: { fstype: 'tmpfs', source: 'old', root: '/' }, unknownProcesses: Number, notes: [],
    places: [
      { namespace: /^mnt:\[\d+\]$/, own: true, mountPoint: w.target, verdict: 'flipped', why: '' },
      { pid: alone.pid, own: false, verdict: 'private', why: /private copy/ },
      { pid: own.pid, command: 'sleep', processes: 1, verdict: 'covered', why: /of its own/ },
    ],
  })
  t.match(JSON.parse(run(['--json', '--finish', w.target]).out), { refusal: { reason: 'nothing-to-finish', detail: String, remedy: String } })
  t.match(JSON.parse(run(['--json', '--dry-run', w.version('3'), w.target]).out), { plan: { name: 'beneath', steps: [{ op: 'open-old' }] } })
  for (const one of [alone, own]) await one.end()
  w.end()
})

t.test('a layer whose directory is a link leads nowhere', async (t) => {
  const w = makeWorld()
  const layer = w.version('layer')
  kernel.mkdir(`${layer}/tmp`, 0o755)
  kernel.symlink('/etc', `${layer}${w.base}`)
  writeFileSync(`${layer}/in-layer`, 'yes')
  t.equal(run(['--layer', layer, w.target]).status, EXIT_OK)
  t.equal(readFileSync(`${w.target}/in-layer`, 'utf8'), 'yes')
  t.equal(w.marker(), 'layer')
  w.end()
})

t.test('several at once: one after the other', async (t) => {
  const w = makeWorld()
  const reader = await inNamespace('slave')
  const main = `${import.meta.dirname}/../main.ts`
  const ended = await Promise.all(['2', '3', '4', '5'].map((marker) => new Promise((resolve) => {
    spawn(process.execPath, ['--no-warnings', main, 'replace', w.version(marker), w.target], { stdio: 'ignore' }).once('close', resolve)
  })))
  t.strictSame(ended, [EXIT_OK, EXIT_OK, EXIT_OK, EXIT_OK])
  t.match(w.marker(), /^[2-5]$/)
  t.equal(reader.read(`${w.target}/marker`), w.marker())
  t.equal(w.tree().split('\n').filter((line) => line.split(' ')[4] === w.target).length, 1, 'nothing piles up')
  await reader.end()
  w.end()
})
