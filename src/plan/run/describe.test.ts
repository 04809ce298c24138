// What --dry-run prints: both actors, remarks, and a bounding set in one line.
import t from 'tap'
import { calls, handle } from './calls.ts'
import { describeRunPlan, runPlanToJson } from './describe.ts'
import type { RunPlan } from './run-plan.ts'

const drop = (n: number): ReturnType<typeof calls.prctl> => calls.prctl(24, n, 'PR_CAPBSET_DROP')
const plan: RunPlan = {
  name: 'test', reason: 'a test', notes: ['a note'], clone: 0x20000, intoCgroup: handle('cgroup'), main: 'inner',
  host: [{ op: 'cgroup', path: '/sys/fs/cgroup/x', files: [['pids.max', '5']], as: 'cgroup' }],
  calls: [
    calls.clone(0x8000, { label: 'inner', ifZero: 'in' }), calls.exit(0), { ...drop(1), label: 'in' }, drop(3), drop(4), drop(5), drop(7), calls.chdir('/', { goOn: true }), drop(9),
    calls.execve('/bin/x', ['x'], { A: 'b' }, { role: 'command' }),
  ],
}

t.test('lines', async (t) => {
  t.strictSame(describeRunPlan(plan), [
    'test: a test', '  note: a note', '', 'this process', '  mkdir("/sys/fs/cgroup/x") = cgroup; pids.max: 5', '', 'the new process (CLONE_NEWNS, born in cgroup)',
    ' inner:', `  ${plan.calls[0]?.shown ?? ''}   # the new one goes on at in`, '  exit_group(0)', ' in:', '  prctl(PR_CAPBSET_DROP, 1, 0, 0, 0)',
    '  prctl(PR_CAPBSET_DROP, N, 0, 0, 0)   # N: 3 to 5, 7', '  chdir("/")   # may fail', '  prctl(PR_CAPBSET_DROP, N, 0, 0, 0)   # N: 9',
    '  execve("/bin/x", ["x"], [1 variables])   # the command',
  ])
  t.match(describeRunPlan({ ...plan, host: [], clone: 0, intoCgroup: null }).slice(3, 7), ['this process', '  nothing', '', 'the new process (nothing new)'])
})

t.test('JSON', async (t) => {
  t.match(runPlanToJson(plan), {
    plan: 'test', notes: ['a note'], host: [{ op: 'cgroup', call: /^mkdir/ }],
    child: { clone: 'CLONE_NEWNS', cgroup: 'cgroup', calls: [{ label: 'inner', newOneGoesOnAt: 'in' }, { call: 'exit_group(0)' }, {}, {}, {}, {}, {}, { mayFail: true }, {}, { role: 'command' }] },
  })
})
