// The order of the rules: what protects comes before what a person writes, and that before the default.

import t from 'tap'
import type { Origin } from './origin.ts'
import { decide } from './policy.ts'
import type { Decision, PolicyContext } from './policy.ts'
import type { ProcessFacts } from './process-facts.ts'
import { matchesRule, parseRuleWord } from './rules.ts'
import type { Rule } from './rules.ts'

const base: ProcessFacts = {
  pid: 100, ppid: 1, comm: 'udevd', state: 'S', isKernelThread: false, startTicks: 1, uid: 0, argv: ['/bin/udevd', '--daemon'], cgroup: '/x',
  survives: false, exe: { link: '/run/rootfs/bin/udevd', dev: 3n, ino: 1n, mount: null, errno: null }, rootDev: 3n, cwdDev: 3n,
}
const killAll: PolicyContext = { self: new Set([900]), dependencies: new Map([[500, 'it serves nbd0']]), rules: [], default: 'kill', defaultReason: 'because' }

function decided(more: Partial<ProcessFacts>, context: Partial<PolicyContext> = {}, origin: Origin = 'initramfs'): Decision {
  return decide({ ...base, ...more }, { origin, evidence: `evidence of ${origin}` }, { ...killAll, ...context })
}

const kill: Rule = { action: 'kill', exe: '*', where: 'here' }

t.test('each rule beats all behind it', async (t) => {
  // Every process has the marks of all rules behind its own as well.
  const marks: Partial<ProcessFacts> = { argv: ['@udevd'], survives: true, pid: 500 }
  const rows: readonly (readonly [string, Partial<ProcessFacts>, Partial<PolicyContext>, Origin, Decision['decision'], RegExp])[] = [
    ['PID 1', { ...marks, pid: 1 }, {}, 'initramfs', 'keep', /PID 1/],
    ['kernel thread', { ...marks, isKernelThread: true }, {}, 'kernel', 'ignore', /kernel thread/],
    ['self', { ...marks, pid: 900 }, {}, 'root', 'keep', /this command/],
    ['zombie', { ...marks, state: 'Z' }, {}, 'initramfs', 'ignore', /ended/],
    ['of the real root', marks, { rules: [kill] }, 'root', 'ignore', /evidence of root/],
    ['of elsewhere', marks, { rules: [kill] }, 'other', 'ignore', /evidence of other/],
    ['the root needs it', marks, { rules: [kill] }, 'initramfs', 'keep', /serves nbd0/],
    ["'@'", { ...marks, pid: 501 }, { rules: [kill] }, 'initramfs', 'keep', /'@'/],
    ['cgroup', { ...marks, pid: 501, argv: ['x'] }, { rules: [kill] }, 'initramfs', 'keep', /survive_final_kill_signal.*'\/x'/],
    ['rule', {}, { rules: [kill], default: 'keep' }, 'initramfs', 'kill', /rule here/],
    ['rule for what is undecidable', {}, { rules: [kill] }, 'undecidable', 'kill', /rule here/],
    ['undecidable', {}, {}, 'undecidable', 'keep', /undecidable: evidence/],
    ['default kill', {}, {}, 'initramfs', 'kill', /because/],
    ['default keep', {}, { default: 'keep' }, 'initramfs', 'keep', /because/],
  ]
  for (const [name, more, context, origin, decision, reason] of rows) {
    const found = decided(more, context, origin)
    t.equal(found.decision, decision, name)
    t.match(found.reason, reason, `${name}: reason`)
  }
})

t.test('what has to outlive the real root: what it depends on, marked already or not, and what a rule keeps', async (t) => {
  const spare: Rule = { action: 'keep', exe: '*', where: 'there' }
  t.equal(decided({ pid: 500 }).survives, true, 'the root needs it')
  t.equal(decided({ pid: 500, argv: ['@x'] }).survives, true, 'and it is marked')
  t.equal(decided({ pid: 500, survives: true }).survives, true)
  t.equal(decided({}, { rules: [spare] }).survives, true, 'a rule')
  t.equal(decided({ argv: ['@x'] }).survives, undefined, 'it has its mark, and nobody says why')
  t.equal(decided({}, { default: 'keep' }).survives, undefined, 'kept for now')
  t.equal(decided({}, { rules: [kill] }).survives, undefined)
})

t.test("'@' is root's mark only, and only in front", async (t) => {
  t.equal(decided({ argv: ['@x'], uid: 1000 }).decision, 'kill')
  t.equal(decided({ argv: ['@x'], uid: null }).decision, 'kill')
  t.equal(decided({ argv: ['x', '@'] }).decision, 'kill')
  t.equal(decided({ argv: [] }).decision, 'kill')
})

t.test('the first rule that matches wins', async (t) => {
  const rules: Rule[] = [{ action: 'keep', name: 'udev*', where: 'a' }, kill]
  t.equal(decided({}, { rules }).reason, 'rule a')
  t.equal(decided({ comm: 'x' }, { rules }).reason, 'rule here')
})

t.test('patterns', async (t) => {
  const matches = (pattern: Partial<Rule>, more: Partial<ProcessFacts> = {}): boolean => matchesRule({ action: 'keep', where: '', ...pattern }, { ...base, ...more })
  t.ok(matches({ exe: '/bin/udevd' }), 'without the prefix')
  t.ok(matches({ exe: '/bin/udevd' }, { exe: { ...base.exe, link: '/bin/udevd (deleted)' } }))
  t.ok(matches({ exe: '*/udevd' }))
  t.notOk(matches({ exe: 'udevd' }), 'a path is whole')
  t.notOk(matches({ exe: '*' }, { exe: { ...base.exe, link: null } }))
  t.ok(matches({ name: 'u?evd', uid: 0, argument: '--dae*' }), 'all that are given')
  t.notOk(matches({ name: 'udevd', uid: 1 }))
  t.notOk(matches({ argument: 'daemon' }))
})

t.test('a word of the command line', async (t) => {
  t.match(parseRuleWord('keep:/bin/x'), { action: 'keep', exe: '/bin/x' })
  t.match(parseRuleWord('kill:mdmon'), { action: 'kill', name: 'mdmon' })
  t.match(parseRuleWord('kill:*'), { action: 'kill', name: '*' })
  for (const bad of ['keep', 'keep:', 'spare:x', '', 'KEEP:x']) t.equal(parseRuleWord(bad), null, bad)
})
