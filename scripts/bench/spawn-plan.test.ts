// The driver's lines, and what is made of its answers: medians, ratios round by round, failures that are not hidden.
// The lines of answers here are what spawn-driver.c prints, among others that a console has.
// scripts/bench/spawn-driver.c
import t from 'tap'
import { driverPlan, figures, median, parseDriverOutput, probePlan, readProbe } from './spawn-plan.ts'

const CASES = [
  { name: 'one thing', kind: 'program', words: ['/bin/one', '--root=/bench/root%i'] },
  { name: 'ours', kind: 'server', words: ['/bench/node', 'x'] },
] as const

t.test('a plan', async (t) => {
  t.equal(driverPlan(30, [{ cases: CASES, runs: [{ label: 'five-8', rounds: 3, warm: 2, count: 8, settleUs: 100 }] }]),
    'fill\t30\ncase\tone thing\t/bin/one\t--root=/bench/root%i\nserver\tours\t/bench/node\tx\nrun\tfive-8\t3\t2\t8\t100\nclear\n')
  t.equal(probePlan(CASES.slice(0, 1)), 'probe\tone thing\t/bin/one\t--root=/bench/root%i\n')
  t.throws(() => probePlan([{ name: 'x', kind: 'program', words: ['a\tb'] }]), /Cannot give the driver the word 'a\tb'/)
  t.throws(() => probePlan([{ name: 'x', kind: 'program', words: [''] }]), /empty/)
})

const sample = (name: string, round: number, ns: number, failed = 0): string =>
  `bench: {"case":"${name}","run":"five-2","round":${round},"ns":${ns},"cpuUs":${ns / 2000},"failed":${failed}${failed > 0 ? ',"said":"no \\"root\\"\\u000a"' : ''}}\r\n`

const OUTPUT = `[    0.1] Linux\r\nbench: {"mounts":1000}\r\n${sample('crun', 0, 4_000_000)}${sample('ours', 0, 1_000_000)}noise bench: {\r\n` +
  `${sample('ours', 1, 6_000_000)}${sample('crun', 1, 12_000_000)}${sample('crun', 2, 4_000_000)}${sample('ours', 2, 1_000_000, 1)}bench: {"done":true}\r\n`

t.test('what the driver answers', async (t) => {
  const { samples, mounts } = parseDriverOutput(OUTPUT)
  t.equal(mounts, 1000)
  t.equal(samples.length, 6)
  const [crun, ours] = figures(samples, 'five-2', 2, 'crun')
  t.match(crun, { name: 'crun', median: 2000, min: 2000, ratio: 1, cpu: 1000, cpuRatio: 1, failed: 0 })
  // Ratios 1/4, 1/2, 1/4: not that of the medians or means.
  t.match(ours, { name: 'ours', median: 500, min: 500, ratio: 0.25, ratioMin: 0.25, ratioMax: 0.5, cpu: 250, cpuRatio: 0.25, failed: 1, said: 'no "root"\n' })
  t.strictSame(figures(samples, 'another', 2, 'crun'), [])
})

t.test('an end that is missing, and what went wrong, are errors', async (t) => {
  t.throws(() => parseDriverOutput(OUTPUT.replace('{"done":true}', '')), /did not come to its end/)
  t.throws(() => parseDriverOutput(`bench: {"error":"Cannot mount '/fill': Out of memory"}\n`), /Cannot mount '\/fill': Out of memory/)
  t.throws(() => parseDriverOutput(`bench: {"failed":"ours","said":"no koffi"}\n`), /Cannot start 'ours': no koffi/)
})

t.test('median', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.ok(Number.isNaN(median([])))
})

t.test('a look around', async (t) => {
  const seen = readProbe('cgroup:[4026531835]\nmnt:[4026532180]\npid 1\n4\n')
  t.strictSame([...seen.namespaces], [['cgroup', '4026531835'], ['mnt', '4026532180']])
  t.strictSame([seen.pid, seen.mounts], [1, 4])
})
