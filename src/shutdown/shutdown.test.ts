// The way down as PID 1 goes it: console, watchdog, limits, reboot(2), and that nothing ever ends it.
//
// The machine is modelled (stack-model-for-tests.ts); taking the old root apart is tested in take-down.test.ts.

import t from 'tap'
import { errnoNumber } from '../abi/errno.ts'
import { WDIOC_GETTIMEOUT, WDIOC_KEEPALIVE } from '../abi/watchdog.ts'
import { SyscallError } from '../kernel/errors.ts'
import { toFd } from '../kernel/kernel.ts'
import type { Fd, Kernel } from '../kernel/kernel.ts'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { unmountOrder } from './make-read-only.ts'
import { emergencyEnd } from './reboot-machine.ts'
import { emergencyVerb, runShutdown, summaryLine } from './shutdown.ts'
import { drainConsole } from './say.ts'
import { openWatchdog } from './watchdog.ts'
import { createStackModel } from './stack-model-for-tests.ts'
import type { StackModel, StackSpec } from './stack-model-for-tests.ts'

/** Thrown where PID 1 would wait for ever or be gone. */
class Ended extends Error {}

const WATCHDOG = toFd(90)
const plain: StackSpec = { devices: [{ name: 'vda' }], mounts: [['vda', '/oldroot']] }

interface Went {
  readonly stack: StackModel
  readonly said: readonly string[]
  readonly reboots: readonly number[]
  /** Milliseconds between feedings of the watchdog. */
  readonly feedings: readonly number[]
  readonly sleptMs: number
}

interface Arrangement {
  readonly arrange?: (stack: StackModel) => void
  readonly env?: Readonly<Record<string, string>>
  /** reboot(2) fails with this for these commands. */
  readonly refuse?: readonly number[]
  readonly run?: (kernel: Kernel, print: (line: string) => void) => never
}

function shutDown(args: readonly string[], { arrange, env = {}, refuse = [], run }: Arrangement = {}): Went {
  const stack = createStackModel(plain)
  arrange?.(stack)
  const said: string[] = []
  const reboots: number[] = []
  const feedings: number[] = []
  let sleptMs = 0
  // What was done until reboot(2) came through: the model cannot stop the program there.
  let done: { readonly acts: number; readonly said: number } | null = null
  const now = (): number => Number(stack.model.world.nowUs / 1000n)
  const kernel: Kernel = {
    ...stack.kernel,
    exists: (path) => path === '/etc/initrd-release' || stack.kernel.exists(path),
    open: (path, flags, mode) => (path === '/dev/watchdog0' ? WATCHDOG : stack.kernel.open(path, flags, mode)),
    ioctl: (fd, request, argument) => {
      if (fd !== WATCHDOG) return stack.kernel.ioctl(fd, request, argument)
      if (request === WDIOC_KEEPALIVE) feedings.push(now())
      if (request === WDIOC_GETTIMEOUT && typeof argument !== 'number') new DataView(argument.buffer).setInt32(0, 8, true)
      return 0
    },
    write: (fd, data) => {
      if (fd === WATCHDOG && String(data).includes('V')) t.fail('the watchdog is disarmed')
      stack.kernel.write(fd, data)
    },
    sleepMs: (ms) => {
      sleptMs += ms
      if (done !== null || sleptMs > 3_600_000) throw new Ended()
      stack.kernel.sleepMs(ms)
    },
    reboot: (command) => {
      if (done === null) reboots.push(command)
      if (refuse.includes(command)) throw new SyscallError('reboot', [], errnoNumber('EINVAL') ?? 0)
      done ??= { acts: stack.acts.length, said: said.length }
    },
  }
  const print = (line: string): void => void said.push(line)
  try {
    if (run === undefined) runShutdown(kernel, args, env, print)
    else run(kernel, print)
  } catch (error) {
    if (!(error instanceof Ended)) throw error
  }
  return { stack, said, reboots, feedings: feedings.slice(1).map((at, i) => at - (feedings[i] ?? 0)), sleptMs }
}

t.test('off', async (t) => {
  const { stack, said, reboots } = shutDown(['poweroff', '--timeout=90000000us', '--log-level', '6', '--log-target', 'kmsg'])
  t.same(stack.acts, ['ro /oldroot', 'umount /oldroot', 'sync'])
  t.same(reboots, [0x4321fedc])
  t.equal(said.length, 2)
  t.match(said[0], /^unmounted \/oldroot \(ext4 on \/dev\/vda\), /)
  t.match(said[1], /^old root taken down in \d+ ms: 1 mount$/)
  t.match(stack.model.world.consoleOutput.join(''), /<7>fulcrum: unmounted/, 'in the kernel log too')
})

t.test('a low level leaves the summary and what went wrong', async (t) => {
  t.match(shutDown(['reboot', '--log-level', '4']).said, [/^old root taken down/])
  const { said } = shutDown(['reboot', '--log-level', '4', '--what'], { arrange: (s) => s.addProcess(50, { deaf: true }) })
  t.match(said, [/--what/, /Cannot kill 50/, /not all of it.*left: \/oldroot/])
})

t.test('each verb; a kexec without a kernel becomes a reboot', async (t) => {
  for (const [verb, command] of [['reboot', 0x1234567], ['halt', 0xcdef0123], ['exit', 0x4321fedc], ['kexec', 0x45584543]] as const) {
    t.same(shutDown([verb]).reboots, [command], verb)
  }
  const { reboots, said } = shutDown(['kexec'], { refuse: [0x45584543] })
  t.same(reboots, [0x45584543, 0x1234567])
  t.match(said.at(-1), /Cannot kexec: .*EINVAL.*; rebooting/)
})

t.test('PID 1 does not exit when the kernel refuses', async (t) => {
  const { said, sleptMs } = shutDown(['reboot'], { refuse: [0x1234567] })
  t.ok(sleptMs >= 3_600_000, 'sleeps')
  t.match(said.join('\n'), /EINVAL.*switched off now/s)
})

t.test('the watchdog is fed while a device does not answer', async (t) => {
  const { feedings } = shutDown(['poweroff'], { env: { WATCHDOG_USEC: '20000000' }, arrange: (s) => s.hang.add('ro /oldroot') })
  t.ok(feedings.length >= 5, `${feedings.length} times`)
  t.ok(Math.max(...feedings) <= 2000, `at most ${Math.max(...feedings)} ms apart: a quarter of the 8 s that the device says`)
})

t.test('what hangs is not synced for ever, and the kernel is asked to make it read-only', async (t) => {
  const { stack, said, reboots } = shutDown(['poweroff'], { arrange: (s) => {
    s.hang.add('ro /oldroot')
    s.model.world.procTexts.set('cmdline', 'quiet fulcrum.shutdown_timeout=4\n')
  } })
  t.notOk(stack.acts.includes('sync'))
  t.match(said.join('\n'), /no answer in 4 s.*left: \/oldroot.*Cannot make \/oldroot read-only/s)
  t.same(reboots, [0x4321fedc])
})

t.test('a machine without a watchdog is not worth a line', async (t) => {
  const missing = (kernel: Kernel, device: string | null, errno: 'ENOENT' | 'EBUSY') => openWatchdog({
    ...kernel, open: (path) => { throw new SyscallError('open', [path], errnoNumber(errno) ?? 0) },
  }, { timeoutUs: 6e8, device }).note
  const { kernel } = createStackModel(plain)
  t.equal(missing(kernel, null, 'ENOENT'), null, 'systemd names a time-out all the same')
  t.match(missing(kernel, '/dev/watchdog1', 'ENOENT'), /Cannot feed the watchdog: '\/dev\/watchdog1' does not exist/)
  t.match(missing(kernel, null, 'EBUSY'), /Cannot feed the watchdog: .*EBUSY/)
})

t.test('the console has said everything before the machine ends', async (t) => {
  const drained = (pending: number[]): number => {
    let slept = 0
    const ioctl = (_fd: Fd, _request: number, into: number | Uint8Array): number => {
      if (typeof into !== 'number') new DataView(into.buffer).setInt32(0, pending.length > 1 ? (pending.shift() ?? 0) : (pending[0] ?? 0), true)
      return 0
    }
    drainConsole({ ioctl, sleepMs: (ms) => { slept += ms } })
    return slept
  }
  t.equal(drained([0]), 0)
  t.equal(drained([90, 40, 0]), 4)
  t.equal(drained([90]), 300, 'a line that is held up is not waited for')
})

t.test('a request to return is forgotten when another end was asked for', async (t) => {
  const arrange = (s: StackModel): void => {
    s.kernel.mkdir('/run/fulcrum', 0o755)
    s.kernel.writeFile('/run/fulcrum/return', '{"shell":false}')
  }
  const { stack, reboots } = shutDown(['poweroff'], { arrange })
  t.same(reboots, [0x4321fedc])
  t.notOk(stack.kernel.exists('/run/fulcrum/return'))
  // The model has no initramfs to go forward from: what matters is that it was tried.
  t.match(shutDown(['reboot'], { arrange }).said.join('\n'), /Cannot take the old root down|Cannot go forward/)
})

t.test('the short way, for when this program is in trouble', async (t) => {
  const { stack, said, reboots } = shutDown([], { run: (kernel, print) => emergencyEnd(kernel, 'poweroff', 'a test', print) })
  t.match(said[0], /Cannot take the old root down: a test/)
  t.same(stack.acts, ['sync'])
  t.same(reboots, [0x4321fedc])
  t.equal(emergencyVerb(['return', '--shell']), 'reboot')
  t.equal(emergencyVerb(['kexec']), 'kexec')
})

t.test('the summary', async (t) => {
  const report = { done: [{ what: 'a', how: 'unmount', tookUs: 1 }, { what: 'b', how: 'release', tookUs: 1 }], left: [], hung: false, rounds: 1, tookUs: 2000 } as const
  t.equal(summaryLine(report), 'old root taken down in 2 ms: 1 mount, 1 device')
  t.equal(summaryLine({ ...report, done: [], left: ['x', 'y'] }), 'old root taken down in 2 ms, not all of it: nothing; left: x; y')
})

t.test('without rounds, for the rescue console: what lies on top comes first', async (t) => {
  const mountinfo = `1 1 0:2 / / rw - rootfs rootfs rw
30 1 254:1 / /oldroot rw - ext4 /dev/vda1 rw
32 30 254:2 / /oldroot/home rw - xfs /dev/vda2 rw
33 32 254:3 / /oldroot/home/a rw - ext4 /dev/vda3 rw
34 1 0:21 / /oldrootless rw - tmpfs tmpfs rw
35 32 254:4 / /oldroot/home/a rw - ext4 /dev/vda4 ro
`
  t.same(unmountOrder(parseMountInfo(mountinfo), '/oldroot').map((m) => m.id), [35, 33, 32, 30])
})
