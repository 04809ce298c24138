// planReplace as data: which steps, in which order, and what is refused.
//
// Nothing is mounted here: the facts are made up.  docs/replace.md

import t from 'tap'
import { parseMountInfo } from '../facts/mountinfo.ts'
import type { Mount } from '../facts/mountinfo.ts'
import type { PathFacts, ReplaceFacts, ReplaceRecord, ReplaceRequest } from '../facts/replace/replace-types.ts'
import { fsSettings, lostRestrictions } from './replace-options.ts'
import { describeReplacePlan } from './replace-step.ts'
import { planReplace } from './replace.ts'

const mounts = parseMountInfo(`20 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
21 20 8:2 / /usr rw,nosuid shared:2 - ext4 /dev/sda2 rw
22 21 0:30 / /usr/local rw shared:3 - tmpfs local rw
23 22 0:31 / /usr/local/x rw shared:4 - tmpfs x rw
`)
function mount(id: number): Mount {
  const found = mounts.find((m) => m.id === id)
  if (found === undefined) throw new Error('Cannot happen')
  return found
}
const path = (name: string, kind: PathFacts['kind'], fstype: string | null = null): PathFacts => ({ name, path: name, kind, fstype, damaged: null })
const local = { mount: mount(22), place: 'local', isDirectory: true, hasMounts: true }

const facts: ReplaceFacts = {
  uid: 0, canBeneath: true, canMountDetached: true, target: path('/usr', 'directory'), old: mount(21), parent: mount(20), stacked: false, root: 'movable', rootId: 20,
  submounts: [], sources: [path('/v2', 'directory')], base: null, record: null, directoryIsMount: false,
}
const request: ReplaceRequest = {
  source: { kind: 'path', path: '/v2', recursive: false }, target: '/usr', fstype: null, options: '', submounts: 'carry', makeMountPoints: false, keepOld: false,
  keepForRollback: false, allowWindow: false,
}
const ops = (r: Partial<ReplaceRequest>, f: Partial<ReplaceFacts>): string[] => planReplace({ ...request, ...r }, { ...facts, ...f }).plan?.steps.map((step) => step.op) ?? []
const reason = (r: Partial<ReplaceRequest>, f: Partial<ReplaceFacts>): string | undefined => planReplace({ ...request, ...r }, { ...facts, ...f }).refusal?.reason

t.test('steps', async (t) => {
  t.same(ops({}, {}), ['open-old', 'clone', 'set-attributes', 'set-attributes', 'mount-beneath', 'check-beneath', 'lift'])
  t.same(ops({ keepOld: true }, {}).slice(-3), ['write-record', 'mount-beneath', 'check-beneath'])
  const carried = ops({}, { submounts: [local] })
  t.ok(carried.indexOf('check-places') < carried.indexOf('mount-beneath') && !carried.includes('enter-staging'))
  const staged = ops({}, { submounts: [local], canMountDetached: false })
  t.ok(staged.indexOf('enter-staging') < staged.indexOf('attach') && staged.indexOf('leave-staging') < staged.indexOf('mount-beneath'))
  t.same(staged.filter((op) => op === 'lift').length, 1)
  t.notOk(ops({ submounts: 'drop' }, { submounts: [local], canMountDetached: false }).includes('enter-staging'), 'nothing to stage')
  t.ok(ops({}, { sources: [path('/i', 'image', 'squashfs')] }).includes('make-image-fs'))
  t.ok(ops({}, { sources: [path('/dev/x', 'device', 'ext4')] }).includes('make-fs'))
  t.ok(ops({ fstype: 'erofs' }, { sources: [path('/i', 'file')] }).includes('make-image-fs'), 'a type that is named')
  t.same(ops({}, { target: path('/', 'directory'), old: mount(20), parent: null }).slice(-2), ['pivot', 'lift-root'])
  const window = planReplace({ ...request, allowWindow: true }, { ...facts, canBeneath: false }).plan
  t.same(window?.steps.slice(-2).map((step) => step.op), ['unmount', 'attach'])
  t.match(window?.notes.join(), /readers see what lies below/)
  t.equal(planReplace({ ...request, allowWindow: true }, facts).plan?.name, 'beneath', 'a window only where it must be')
})

t.test('layers start from the base', async (t) => {
  const layers = { source: { kind: 'layers', layers: ['/e'], base: null } } as const
  const record: ReplaceRecord = { target: '/usr', state: 'done', source: '', oldDev: '', newDev: '8:2', kept: '/run/fulcrum/replace/usr.kept', layers: true, peer: null }
  const base = (f: Partial<ReplaceFacts>): unknown => planReplace({ ...request, ...layers }, { ...facts, ...f }).plan?.steps.find((step) => 'handle' in step && step.handle === 'base')
  t.match(base({}), { op: 'clone', path: '/usr' })
  t.match(base({ record }), { op: 'clone', path: '/run/fulcrum/replace/usr.kept' })
  t.match(base({ record: { ...record, newDev: '9:9' } }), { op: 'clone', path: '/usr' }, 'something else was mounted since')
  t.notOk(ops(layers, { record }).includes('drop-kept'), 'the base stays')
  t.ok(ops({}, { record }).includes('drop-kept'), 'and goes with the layers')
})

t.test('refusals', async (t) => {
  t.equal(reason({}, { uid: 1 }), 'no-permission')
  t.equal(reason({}, { target: path('/usr', 'missing') }), 'target-missing')
  t.equal(reason({}, { old: null }), 'not-mount-point')
  t.equal(reason({}, { canBeneath: false }), 'beneath-impossible')
  t.equal(reason({}, { root: 'absolute' }), 'beneath-impossible')
  t.equal(reason({}, { parent: null }), 'beneath-impossible')
  t.equal(reason({}, { old: { ...mount(21), optional: { master: 1 } } }), 'beneath-impossible')
  t.equal(reason({}, { sources: [path('/x', 'missing')] }), 'source-unusable')
  t.equal(reason({}, { sources: [{ ...path('/x', 'image', 'ext4'), damaged: 'it is cut' }] }), 'source-unusable')
  t.equal(reason({}, { sources: [path('/x', 'file')] }), 'source-unusable')
  t.equal(reason({}, { target: path('/usr', 'file') }), 'kind-mismatch')
  t.equal(reason({ allowWindow: true, keepOld: true }, { canBeneath: false }), 'beneath-impossible')
  const root = { target: path('/', 'directory'), old: mount(20), parent: null }
  t.equal(reason({}, { ...root, root: 'absolute' }), 'pivot-impossible')
  t.equal(reason({ keepOld: true }, root), 'pivot-impossible')
})

t.test('what the user is told', async (t) => {
  const plan = planReplace(request, { ...facts, submounts: [local], sources: [path('/i', 'image', 'squashfs')] }).plan
  t.match(plan?.notes.join(), /was nosuid, the new one is not/)
  if (plan !== null) t.match(describeReplacePlan(plan).join('\n'), /move_mount\(sub0, new, "local"\)[^]*move_mount\(new, "\/usr", MOVE_MOUNT_BENEATH\)/)
  t.same(lostRestrictions(['ro', 'nosuid', 'relatime'], 1), ['nosuid'])
})

t.test('options', async (t) => {
  t.same(fsSettings('ro,nosuid,noatime,size=1m,x-systemd.y', false), { flags: ['ro'], data: [['size', '1m']], attributes: 0x1 | 0x2 | 0x10 })
  t.same(fsSettings('rw,nouuid', true), { flags: [], data: [['nouuid', null]], attributes: 0 })
  t.same(fsSettings('', true), { flags: ['ro'], data: [], attributes: 1 })
})
