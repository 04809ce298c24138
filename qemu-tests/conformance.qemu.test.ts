// That the conformance scenarios' answers are those of a real PID 1: one boot is handed from tool to tool, each as
// the kernel's own PID 1 on an initramfs; bad ones end in the panic, or in the console, that the table says. On 7.x the
// scenarios that depend on the kernel most are run in that guest as well. docs/conformance.md
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { pinnedImplementations } from './conformance/implementations.ts'
import type { Implementation, Tool } from './conformance/implementations.ts'
import { readObservation } from './conformance/observation.ts'
import { complaintsOf } from './conformance/outcome.ts'
import { commandOf, kit, KIT, runsOf } from './conformance/run-scenarios.ts'
import { scenarios } from './conformance/scenarios.ts'
import { guestProgram } from './harness/guest-programs.ts'
import { plainInitramfs } from './harness/plain-initramfs.ts'
import { shellQuote } from './harness/qemu-arguments.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { busybox } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const implementations = pinnedImplementations()
const CORE = ['plain', 'shared', 'below-run', 'run-is-link', 'no-proc', 'init-interpreter', 'pivot-shared']

interface Step {
  readonly implementation: Implementation
  readonly tool: Tool
}

const steps: readonly Step[] = implementations.flatMap((implementation) => (['switch_root', 'run-init'] as const)
  .filter((tool) => implementation.programs[tool] !== undefined).map((tool) => ({ implementation, tool })))

/** Calls one tool from a shell that is PID 1; the others need what fulcrum and util-linux see to by themselves. */
function call({ implementation, tool }: Step, arguments_: string): string {
  const { key, programs } = implementation
  const carries = tool === 'switch_root' && key !== 'busybox' || key === 'fulcrum'
  return `for d in lib lib64 usr; do rm -f /$d; ln -s /run/kit/${key}/$d /$d; done
${carries ? '' : 'for d in dev sys run proc; do mount --move /$d /newroot/$d; done; for d in lib lib64 usr; do rm -f /$d; ln -s /newroot/run/kit/' + key + '/$d /$d; done; at=/newroot'}
exec -a ${tool} $at/run/kit/${key}/${programs[tool] ?? ''} ${arguments_}`
}

/** Sourced as /init of each root in turn; $1 is how many tools have been through. */
function nextStep(list: readonly Step[], last: string): string {
  return `step=\${1:-0}; at=
echo "step $step: pid $$, $# arguments, in $(pwd), $(awk '$5 == "/"' /proc/self/mountinfo | wc -l) roots" >> /run/steps
mkdir -p /newroot; mount -t tmpfs newroot /newroot
mkdir -p /newroot/dev /newroot/proc /newroot/sys /newroot/run /newroot/bin /newroot/sbin /newroot/mnt /newroot/tmp
cp /bin/busybox /newroot/bin/; cp /init /newroot/init; for a in sh awk wc cat grep; do ln -s busybox /newroot/bin/$a; done
cp $at/run/kit/guest-init /newroot/sbin/init
case $step in
${list.map((step, index) => `${index}) ${call(step, index === list.length - 1 ? last : `/newroot /init ${index + 1}`)} ;;`).join('\n')}
esac
`
}

function initramfs(list: readonly Step[], last: string): string {
  const used = [...new Set(list.map(({ implementation }) => implementation))]
  const tree: Tree = {
    ...kit(used),
    init: {
      type: 'text', mode: 0o755, text: `#!/bin/busybox sh
export PATH=/bin
[ -e /run/kit ] || {
  mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs -o size=60% run /run
  mv ${KIT} /run/kit
}
. /run/kit/next
`,
    },
    [`${KIT.slice(1)}/next`]: { type: 'text', text: nextStep(list, last) },
    [`${KIT.slice(1)}/guest-init`]: { type: 'file', source: guestProgram('guest-init'), mode: 0o755 },
    [`${KIT.slice(1)}/stage`]: { type: 'file', source: guestProgram('conformance-stage'), mode: 0o755 },
    'bin/busybox': { type: 'file', source: busybox(), mode: 0o755 },
    ...Object.fromEntries(['dev', 'proc', 'sys', 'run'].map((name) => [name, { type: 'directory' as const }])),
    ...Object.fromEntries(['sh', 'awk', 'wc', 'cat', 'grep', 'mv', 'cp', 'mkdir', 'mount', 'ln', 'rm'].map((name) => [`bin/${name}`, { type: 'link' as const, target: 'busybox' }])),
  }
  return plainInitramfs(tree, { forThisRun: true })
}

for (const series of ['6.12', '7.x'] as const) {
  await t.test(`${series}: one boot through all tools, each as PID 1 of the kernel`, async (t) => {
    const runs = series === '7.x' ? runsOf(scenarios.filter(({ id }) => CORE.includes(id)), implementations) : []
    const commands = runs.map((run, index) => `${['/run/kit/stage', ...commandOf(run, `run-${index}`, '/run/kit').slice(1)].map(shellQuote).join(' ')} || echo "not ok"`)
    const kernel = ensureKernel(series)
    const result = await bootScenario(t, {
      name: `conformance-chain-${series}`,
      machine: { kernel: kernel.vmlinuz, initrd: initramfs(steps, '/newroot /sbin/init'), memoryMiB: 768, append: `${BASE_APPEND} fulcrum.panic=0` },
      script: tapScript(`
${steps.map((step, index) => `like "PID 1 before ${step.implementation.name}'s ${step.tool}" "$(grep "^step ${index}:" /run/steps)" "pid 1, ${index === 0 ? 0 : 1} arguments, in /, 1 roots"`).join('\n')}
for at in /proc /sys /dev /run; do is "one mount on $at" "$(mounted_on $at)" 1; done
mkdir -p /dev/pts; mount -t devpts devpts /dev/pts
${commands.join('\n')}`),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/i] },
    })
    const seen = new Map(result.report.records.filter(({ record }) => record === 'conformance').map(({ fields }) => [String(fields.get('id')), readObservation(fields)]))
    for (const [index, { scenario, tool, implementation }] of runs.entries()) {
      const observation = seen.get(`run-${index}`) ?? null
      if (implementation.key === 'fulcrum') t.same(complaintsOf(scenario, tool, observation), [], `${tool}: ${scenario.title}`)
      else t.ok(observation, `${implementation.name}, ${tool}: ${scenario.title}`)
    }
  })
}

const only = (key: string): readonly Step[] => steps.filter(({ implementation, tool }) => implementation.key === key && tool === 'switch_root')

await t.test('6.12: an init that is not there is a panic with util-linux', async (t) => {
  await bootScenario(t, {
    name: 'conformance-panic-6.12',
    machine: { kernel: ensureKernel('6.12').vmlinuz, initrd: initramfs(only('util-linux'), '/newroot /sbin/nosuch'), memoryMiB: 512, append: BASE_APPEND },
    expectation: { report: 'none', end: 'panic', consoleHas: [/cannot access \/sbin\/nosuch/, /exitcode=0x00007f00/] },
  })
})

await t.test('7.x: and the rescue console with fulcrum', async (t) => {
  await bootScenario(t, {
    name: 'conformance-rescue-7.x',
    machine: { kernel: ensureKernel('7.x').vmlinuz, initrd: initramfs(only('fulcrum'), '/newroot /sbin/nosuch'), memoryMiB: 512, append: `${BASE_APPEND} fulcrum.panic=0` },
    converse: async (console) => {
      const talk = new RescueTalk(console)
      await talk.prompt()
      talk.last('poweroff')
    },
    expectation: { report: 'none', end: 'poweroff', consoleHas: [/Cannot find init '\/sbin\/nosuch'/, /this is PID 1/] },
  })
})
