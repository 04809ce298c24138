// From a guest's report to the demo's verdict: a good boot passes every check, and each thing that is missing or
// different turns exactly its check red. The picture of the timeline is compared as text.
import t from 'tap'
import { parseGuestReport } from '../../qemu-tests/harness/guest-report.ts'
import { demoChecks, expectedExe, initramfsProcess } from './checks.ts'
import { readEvidence } from './evidence.ts'
import type { DemoOptions } from './options.ts'
import { drawTimeline, stages } from './timeline.ts'

const OPTIONS: DemoOptions = { series: '7.x', engine: 'auto', keep: null, fast: false }
const LOGIN = 'Debian\n\nfulcrum login: '
const CONSOLE = `${LOGIN}\nfulcrum: old root taken down in 140 ms: 9 mounts\n`

const BOOT = {
  format: 1, engine: 'pivot', keep: 'full', initUs: 3_000_000, handOverUs: 3_900_000, rescues: 0, prepared: false,
  initramfsDevice: '3', plan: ["plan 'pivot': …"],
  events: [
    { phase: 'root-device', what: 'LABEL=x', us: 3_100_000, tookUs: 500_000 },
    { phase: 'mount', what: '/sysroot', us: 3_600_000, tookUs: 200_000, data: { type: 'ext4' } },
    { phase: 'pivot', what: 'chdir("/")', us: 3_890_000, tookUs: 5_000 },
    { phase: 'hooks', what: 'mount', us: 3_800_000, tookUs: 1, data: { hooks: [] } },
  ],
}

function line(record: string, fields: object): string {
  return JSON.stringify({ record: `demo-${record}`, ...fields })
}

function reportLines(boot: object, exe = '/run/rootfs/bin/initramfs-sleeper', device = 3): string[] {
  return [
    line('boot', { data: boot }),
    line('dmesg', { text: '[    1.000000] Trying to unpack rootfs image as initramfs...' }),
    line('dmesg', { text: '[    2.000000] Freeing initrd memory: 42912K' }),
    line('dmesg', { text: '[    2.500000] Run /init as init process' }),
    line('mountinfo', { text: '2 33 0:3 / /run/rootfs rw shared:7 - rootfs rootfs rw' }),
    line('mountinfo', { text: '34 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw' }),
    line('rootfs', { text: 'bin dev init' }),
    line('process', { pid: 1, device: 65025, exe: '/usr/lib/systemd/systemd', command: '/sbin/init' }),
    line('process', { pid: 100, device, exe, command: 'initramfs-sleeper' }),
    line('systemd', { text: 'UserspaceTimestampMonotonic=4000000' }),
    line('systemd', { text: 'FinishTimestampMonotonic=10000000' }),
    line('getty', { text: 'ActiveEnterTimestampMonotonic=9000000' }),
    line('analyze', { text: 'Startup finished in 3.000s (kernel) + 1.000s (initrd) + 6.000s (userspace) = 10.000s' }),
    line('failed', { text: '' }),
    line('state', { text: 'running' }),
  ]
}

function failed(lines: readonly string[], options = OPTIONS, console = CONSOLE, complaints: readonly string[] = []): string[] {
  const evidence = readEvidence(parseGuestReport(lines.join('\n')))
  return demoChecks(evidence, options, console, complaints).filter((check) => !check.ok).map((check) => check.text)
}

t.test('a good boot passes', async (t) => {
  t.same(failed(reportLines(BOOT)), [])
  const evidence = readEvidence(parseGuestReport(reportLines(BOOT).join('\n')))
  t.equal(initramfsProcess(evidence)?.pid, 100)
  t.equal(evidence.runInitUs, 2_500_000)
})

t.test('each thing that is missing is seen', async (t) => {
  t.match(failed([]), [/boot\.json/])
  const without = (record: string): string[] => failed(reportLines(BOOT).filter((text) => !text.includes(`"demo-${record}"`)))
  t.match(without('rootfs'), [/visible at \/run\/rootfs/])
  t.match(without('process'), [/process from the initramfs/])
  t.match(without('analyze'), [/systemd-analyze/])
  t.match(without('state'), [/no unit failed/])
  t.equal(failed(reportLines(BOOT, '/bin/initramfs-sleeper')).length, 1, 'an exe without the prefix')
  t.equal(failed(reportLines(BOOT, '/run/rootfs/bin/initramfs-sleeper', 65025)).length, 1, 'an exe of the real root')
  t.match(failed(reportLines(BOOT), { ...OPTIONS, engine: 'move' }), [/engine was 'pivot'/])
  t.match(failed(reportLines(BOOT), { ...OPTIONS, keep: 'none' }), [/was kept/])
  t.match(failed(reportLines({ ...BOOT, rescues: 1 })), [/rescue/])
  t.match(failed(reportLines(BOOT), OPTIONS, 'no prompt'), [/login prompt/, /came back/])
  t.match(failed(reportLines(BOOT), OPTIONS, LOGIN), [/came back/])
  t.same(failed(reportLines(BOOT), { ...OPTIONS, fast: true }, ''), [], 'only systemd goes back by itself')
  t.match(failed(reportLines(BOOT), OPTIONS, CONSOLE, ['Guest ran out of time']), [/powered itself off/, /out of time/])
})

t.test('where the executable of an old process is seen', async (t) => {
  t.equal(expectedExe('pivot', 'full'), '/run/rootfs/bin/initramfs-sleeper')
  t.equal(expectedExe('move', 'full'), '/bin/initramfs-sleeper')
  t.equal(expectedExe('pivot', 'none'), '/bin/initramfs-sleeper (deleted)')
})

t.test('the timeline', async (t) => {
  const evidence = readEvidence(parseGuestReport(reportLines(BOOT).join('\n')))
  t.same(drawTimeline(stages(evidence), 68, false), [
    '                           at s   for s',
    'kernel                    0.000   2.500  #######..................',
    '  unpacks the initramfs   1.000   1.000  ..###....................',
    '/init is loaded           2.500   0.500  ......##.................',
    '  Node.js starts          3.000   0.100  .......#.................',
    '  root found              3.100   0.500  .......##................',
    '  root mounted            3.600   0.200  .........#...............',
    '  switch (pivot)          3.890   0.005  .........#...............',
    "exec to systemd's start   3.900   0.100  .........#...............",
    'systemd                   4.000   6.000  ..........###############',
    '  to the login prompt     4.000   5.000  ..........#############..',
  ])
  t.same(drawTimeline([], 80, false), [], 'nothing known, nothing drawn')
})
