// Taking an old root down on a modelled machine: stacks, devices that hang, processes that stay, force at the end.
//
// The devices of the model refuse what is in use, so that a wrong order fails. docs/shutdown.md.

import t from 'tap'
import { createStackModel } from './stack-model-for-tests.ts'
import type { StackModel, StackSpec } from './stack-model-for-tests.ts'
import { takeDown } from './take-down.ts'
import type { TakeDownReport, TakeDownRequest } from './take-down.ts'

interface Went {
  readonly stack: StackModel
  readonly report: TakeDownReport
  readonly lines: readonly string[]
  readonly tookMs: number
  readonly ticks: number
}

function go(spec: StackSpec, arrange: (stack: StackModel) => void = () => undefined, how: Partial<TakeDownRequest> = {}): Went {
  const stack = createStackModel(spec)
  arrange(stack)
  const lines: string[] = []
  let ticks = 0
  const start = stack.model.world.nowUs
  const report = takeDown(stack.kernel, {
    oldRoot: '/oldroot', keepDevices: false, graceMs: 0, stepMs: 10_000, timeoutMs: 90_000, tickMs: 1000,
    tick: () => { ticks += 1 }, print: (line, level) => void (level <= 6 && lines.push(line)), ...how,
  })
  return { stack, report, lines, ticks, tookMs: Number(stack.model.world.nowUs - start) / 1000 }
}

const plain: StackSpec = { devices: [{ name: 'vda' }, { name: 'vdb' }], mounts: [['vda', '/oldroot'], ['vdb', '/oldroot/home']] }

t.test('a plain root', async (t) => {
  const { stack, report, lines } = go(plain)
  t.same(stack.acts, ['ro /oldroot/home', 'ro /oldroot', 'umount /oldroot/home', 'umount /oldroot'])
  t.match(report, { left: [], hung: false, rounds: 1 })
  t.equal(lines.length, 2)
  t.match(lines[0], /^unmounted \/oldroot\/home \(ext4 on \/dev\/vdb\), \d+\.\d ms$/)
})

t.test('swap, loop, LUKS and an array on top of each other', async (t) => {
  const { stack, report } = go({
    devices: [
      { name: 'vda' }, { name: 'loop0', loop: '/oldroot/a.img' }, { name: 'loop1', loop: '/oldroot/b.img' },
      { name: 'dm-0', dm: { name: 'crypt', uuid: 'CRYPT-LUKS2-1' }, slaves: ['loop0'] },
      { name: 'md0', md: '1.2', slaves: ['dm-0', 'loop1'] },
    ],
    mounts: [['vda', '/oldroot'], ['md0', '/oldroot/mnt']],
    swaps: ['/oldroot/swapfile'],
  })
  t.same(report.left, [])
  t.same(stack.acts, [
    'swapoff /oldroot/swapfile', 'ro /oldroot/mnt', 'umount /oldroot/mnt', '/dev/md0', 'remove crypt', '/dev/loop0', '/dev/loop1', 'ro /oldroot', 'umount /oldroot',
  ])
  t.equal(report.rounds, 1, 'all in one round')
})

t.test('multipath forgets its queue first, NBD says good-bye', async (t) => {
  const { stack, report } = go({
    devices: [{ name: 'vda' }, { name: 'dm-0', dm: { name: 'mpatha', uuid: 'mpath-3600' }, slaves: ['vda'] }, { name: 'nbd0', nbd: 77 }],
    mounts: [['dm-0', '/oldroot'], ['nbd0', '/oldroot/n']],
  })
  t.same(report.left, [])
  t.same(stack.acts.slice(4), ['message fail_if_no_path to mpatha', 'remove mpatha', 'disconnect /dev/nbd0', '/dev/nbd0'])
})

t.test('processes are killed first, those with a namespace of their own too', async (t) => {
  const { stack, report, lines } = go(plain, (s) => {
    s.addProcess(50)
    s.addProcess(51, { ownNamespace: true })
  })
  t.same(report.left, [])
  t.match(lines[0], /^killed 50 \(p50\), 51 \(p51\), /)
  t.notOk(stack.model.world.processes.has(50) || stack.model.world.processes.has(51))
})

t.test('a process that nothing ends: the root becomes read-only, and it is said', async (t) => {
  const { stack, report, lines, tookMs } = go(plain, (s) => s.addProcess(50, { deaf: true }))
  t.match(report.left, [/^\/oldroot \(ext4 on \/dev\/vda\): umount2\(.*EBUSY/])
  t.ok(lines.some((line) => /Cannot kill 50 \(p50\): SIGKILL had no effect/.test(line)))
  t.ok(stack.acts.includes('ro /oldroot'))
  t.ok(stack.acts.includes('umount /oldroot/home'), 'all else is gone')
  t.equal(stack.acts.at(-1), 'detach /oldroot')
  t.ok(tookMs < 5000, `${tookMs} ms`)
})

t.test('something is busy for a moment', async (t) => {
  const { report } = go(plain, (s) => {
    s.refuse.set('umount /oldroot/home', 'EBUSY')
    s.model.world.after(200_000n, () => s.refuse.clear())
  })
  t.same(report.left, [])
})

t.test('who serves the root ends after it, and by itself', async (t) => {
  const nbd: StackSpec = { devices: [{ name: 'nbd0', nbd: 77 }], mounts: [['nbd0', '/oldroot']] }
  const { stack, report, lines, tookMs } = go(nbd, (s) => {
    const server = s.addProcess(77, { ofInitramfs: true })
    server.endsAfterUs = null
    s.addProcess(78)
    s.model.world.after(700_000n, () => s.model.world.end(server))
  })
  t.same(report.left, [])
  t.same(lines.map((line) => line.replace(/, [\d.]+ ms$/, '')), ['killed 78 (p78)', 'unmounted /oldroot (ext4 on /dev/nbd0)', 'let go of /dev/nbd0 (network disk)', 'ended 77 (p77)'])
  t.notOk(stack.model.world.processes.has(77), 'and is reaped')
  t.ok(tookMs < 1500, `${tookMs} ms: not killed, waited for`)
  const stays = go(nbd, (s) => s.addProcess(77, { ofInitramfs: true }), { keepDevices: true })
  t.same([stays.report.left, stays.stack.model.world.processes.has(77)], [[], true], 'on the way back it stays')
})

const stacked: StackSpec = {
  devices: [{ name: 'vda' }, { name: 'vdb' }, { name: 'vdc' }, { name: 'dm-0', dm: { name: 'gone', uuid: 'CRYPT-LUKS2-2' }, slaves: ['vdc'] }],
  mounts: [['vda', '/oldroot'], ['vdb', '/oldroot/home'], ['dm-0', '/oldroot/mnt']],
}

t.test('a device that does not answer delays, and everything else is clean', async (t) => {
  const { stack, report, lines, tookMs, ticks } = go(stacked, (s) => s.hang.add('ro /oldroot/mnt'))
  t.equal(stack.acts.filter((act) => act === 'ro /oldroot/mnt').length, 1, 'asked once')
  t.notOk(stack.acts.includes('umount /oldroot/mnt'))
  for (const act of ['ro /oldroot', 'ro /oldroot/home', 'umount /oldroot/home']) t.ok(stack.acts.includes(act), act)
  t.ok(tookMs >= 10_000 && tookMs < 14_000, `${tookMs} ms`)
  t.ok(ticks >= 10, 'the watchdog is fed meanwhile')
  t.equal(report.hung, true)
  t.match(report.left.join('\n'), /\/oldroot\/mnt .*does not answer/)
  t.ok(lines.some((line) => /Cannot make read-only \/oldroot\/mnt .*no answer in 10 s; left alone/.test(line)))
  t.same(stack.acts.slice(-2), ['suspend gone', 'message key wipe to gone'], 'the key is wiped')
})

t.test('a root whose server is gone: nothing is looked up in it, and all of it goes in one step', async (t) => {
  const served: StackSpec = {
    devices: [{ name: 'vda', fstype: 'nfs' }, { name: 'vdb' }, { name: 'dm-0', dm: { name: 'data', uuid: 'CRYPT-LUKS2-2' }, slaves: ['vdb'] }],
    mounts: [['vda', '/oldroot'], ['dm-0', '/oldroot/data']],
  }
  const { stack, report, tookMs } = go(served, (s) => {
    s.addProcess(50)
    for (const act of ['statfs', 'ro /oldroot/data', 'umount /oldroot/data', 'umount /oldroot']) s.hang.add(act)
  })
  t.same(stack.acts, ['statfs', 'umount /oldroot', 'detach /oldroot', 'remove data'], 'by force, then detached, then the device below')
  t.notOk(stack.model.world.processes.has(50))
  t.same([report.left, report.hung], [['/oldroot: its server does not answer, detached with 1 mount below it'], true])
  t.ok(tookMs < 17_000, `${tookMs} ms`)
  const answers = go(served)
  t.same([answers.report.left, answers.report.hung], [[], false], 'one that answers is unmounted')
})

t.test('the whole has a limit', async (t) => {
  const hanging = (s: StackModel): void => {
    for (const act of ['ro /oldroot/mnt', 'ro /oldroot/home', 'ro /oldroot', 'umount /oldroot']) s.hang.add(act)
  }
  const { tookMs, report } = go(stacked, hanging, { timeoutMs: 12_000 })
  t.ok(tookMs < 16_000, `${tookMs} ms`)
  t.ok(report.left.length > 0)
})

t.test('a slow device is waited for as long as it writes', async (t) => {
  const { report, lines, tookMs } = go(plain, (s) => {
    s.hang.add('ro /oldroot/home')
    const sys = s.model.world.sys
    const stat = sys.root.content.kind === 'dir' ? sys.root.content.entries.get('block') : undefined
    const disk = stat?.content.kind === 'dir' ? stat.content.entries.get('vdb') : undefined
    if (disk?.content.kind !== 'dir') throw new Error('no disk')
    const read = (): string => `1 2 3 4 ${s.model.world.nowUs / 1_000_000n} 6 7 8 9 10 11\n`
    disk.content.entries.set('stat', { ...disk, name: 'stat', mode: 0o100444, content: { kind: 'generated', read }, parent: disk })
    s.model.world.after(25_000_000n, () => s.hang.clear())
  })
  t.same(report.left, [])
  t.ok(tookMs >= 25_000 && tookMs < 35_000, `${tookMs} ms`)
  t.ok(lines.some((line) => /not done in 10 s; it still writes/.test(line)))
})

t.test('on the way back devices stay', async (t) => {
  const { stack, report } = go(stacked, () => undefined, { keepDevices: true })
  t.same(report.left, [])
  t.notOk(stack.acts.some((act) => act.startsWith('remove')))
})
