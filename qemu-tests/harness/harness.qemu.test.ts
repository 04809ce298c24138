// The harness's own tests: guests that must go red, each for its reason, and one that must not.
// A harness that passes everything is worse than none; these boot real kernels to prove that it does not.
import t from 'tap'
import type { Test } from 'tap'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../../scripts/setup/test-packages.ts'
import { cacheDirectory, makeAtomically } from '../../scripts/setup/cache.ts'
import { removeArtifacts } from './artifacts.ts'
import { guestProgram } from './guest-programs.ts'
import { plainInitramfs } from './plain-initramfs.ts'
import { runGuest } from './run-guest.ts'
import type { GuestResult, GuestSpec } from './run-guest.ts'

// Boots have a time-out each; the library's own would count waiting for the lock.
t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
// 7.x has virtio_console built in, which the tiny guest relies on.
const kernel = ensureKernel('7.x')
const initrd = plainInitramfs({
  init: { type: 'file', source: guestProgram('selftest-init'), mode: 0o755 },
  'dev/console': { type: 'device', kind: 'c', major: 5, minor: 1, mode: 0o600 },
})

function machine(mode: string): GuestSpec['machine'] {
  return { kernel: kernel.vmlinuz, initrd, memoryMiB: 256, append: `console=ttyS0 panic=-1 no_timer_check selftest=${mode}` }
}

function boot(mode: string, more: Partial<GuestSpec> = {}): Promise<GuestResult> {
  return runGuest({ name: `selftest-${mode}`, machine: machine(mode), ...more })
}

/** Demands that the boot is judged bad for this reason, with its artifacts kept, and without a retry. */
function expectRed(t: Test, result: GuestResult, reason: RegExp): void {
  t.match(result.complaints.join('\n'), reason, 'the reason is named')
  t.equal(result.retries, 0, 'a guest that reached PID 1 is not retried')
  const folder = result.artifacts ?? ''
  t.ok(existsSync(join(folder, 'repro.sh')) && existsSync(join(folder, 'console.log')), 'artifacts are kept')
  removeArtifacts(folder)
}

t.test('a good guest passes and leaves nothing behind, by the unpacked kernel and by the one that unpacks itself', async (t) => {
  for (const bzImage of [false, true]) {
    const result = await boot('pass', { machine: { ...machine('pass'), bzImage } })
    t.same(result.complaints, [])
    t.equal(result.artifacts, undefined)
    t.equal(result.report.points.length, 2)
  }
})

t.test('a panic', async (t) => expectRed(t, await boot('panic'), /Kernel in trouble: .*Attempted to kill init/))
t.test('failing TAP', async (t) => expectRed(t, await boot('failing'), /^Test point 2 failed: bad$/))
t.test('TAP cut off before its plan', async (t) => expectRed(t, await boot('noplan'), /Guest sent no plan/))
t.test('fewer points than planned', async (t) => expectRed(t, await boot('short'), /planned 3 points and sent 1/))
t.test('no closing record', async (t) => expectRed(t, await boot('nodone'), /did not say that it was done/))
t.test('a script that fails after good points', async (t) => expectRed(t, await boot('badscript'), /ended with status 2/))
t.test('no TAP at all', async (t) => expectRed(t, await boot('silent'), /Guest sent no plan/))
t.test('a reboot is not a power-off', async (t) => expectRed(t, await boot('reboot'), /did not end by poweroff: guest-reset/))

t.test('a hang is killed, and its QEMU is gone', async (t) => {
  const result = await boot('hang', { timeoutMs: 15_000 })
  expectRed(t, result, /Guest ran out of time/)
  t.equal(result.observation.exitStatus, undefined, 'a signal ended QEMU')
})

t.test('a conversation on the console', async (t) => {
  const spec: Partial<GuestSpec> = {
    converse: async (console) => {
      await console.waitFor(/say a word/)
      console.send('fulcrum\r')
    },
    expectation: { report: 'tap', end: 'poweroff', consoleHas: [/heard 'fulcrum'/] },
  }
  t.same((await boot('echo', spec)).complaints, [])
})

t.test('a conversation that does not come to pass', async (t) => {
  const result = await boot('pass', { converse: async (console) => { await console.waitFor(/never said/) } })
  expectRed(t, result, /Cannot find \/never said\/ on the console: the guest ended/)
})

t.test('an expected panic', async (t) => {
  t.same((await boot('panic', { expectation: { report: 'none', end: 'panic' } })).complaints, [])
})

t.test('a guest that dies before PID 1 is tried three times more, then red', async (t) => {
  const broken = makeAtomically(join(cacheDirectory('initramfs'), 'broken.cpio'), (path) => writeFileSync(path, 'garbage\n'))
  const result = await runGuest({
    name: 'selftest-early',
    machine: { kernel: kernel.vmlinuz, initrd: broken, memoryMiB: 256, append: 'console=ttyS0 panic=-1' },
  })
  t.equal(result.retries, 3)
  t.match(result.complaints.join('\n'), /Guest died before PID 1/)
  const log = readFileSync(join(result.artifacts ?? '', 'console.log'), 'utf8')
  t.equal(log.match(/died before PID 1, booted again/g)?.length, 3, 'every try is in the log')
  removeArtifacts(result.artifacts ?? '')
})

t.test('the reproduction script boots the same guest', async (t) => {
  const result = await boot('failing')
  const folder = result.artifacts ?? ''
  const run = spawnSync('flock', [process.env['FULCRUM_QEMU_LOCK'] || '/tmp/qemu.lock', join(folder, 'repro.sh')],
    // Waits for the guests of other files, too.
    { encoding: 'utf8', timeout: 1_800_000, input: '' })
  t.equal(run.status, 0)
  t.match(run.stdout, /selftest: failing/)
  t.match(readFileSync(join(folder, 'repro-tap.log'), 'utf8'), /not ok 2 - bad/)
  removeArtifacts(folder)
})
