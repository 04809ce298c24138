// The report of lvm, and what is activated for what is waited for.
//
// The rows are as lvm 2.03.31 prints them (Debian 13), shortened to the fields that are asked for.

import t from 'tap'
import { canBeOnLvm, mapperNameOf, parseLvmReport, planActivation } from './lvm-report.ts'
import type { LogicalVolume } from './lvm-report.ts'
import { parseRootSpec } from './root-spec.ts'
import type { RootSpec } from './root-spec.ts'

const row = (vg: string, lv: string, fields: Record<string, string> = {}): object =>
  ({ vg_name: vg, vg_exported: '', vg_systemid: '', vg_missing_pv_count: '0', lv_name: lv, lv_health_status: '', lv_modules: '', lv_role: 'public', ...fields })
const report = (rows: readonly object[], log: readonly object[] = []): string => JSON.stringify({ report: [{ vg: rows }], log })
const spec = (text: string): RootSpec => {
  const parsed = parseRootSpec(text, null).spec
  if (parsed === null) throw new Error(text)
  return parsed
}

const volumes = parseLvmReport(report([
  row('vg0', 'root'), row('vg0', 'pool', { lv_modules: 'thin-pool', lv_role: 'private' }), row('vg0', 'usr', { lv_modules: 'thin,thin-pool' }),
  row('data', 'a', { vg_missing_pv_count: '1' }), row('data', 'b', { vg_missing_pv_count: '1', lv_health_status: 'partial', lv_modules: 'raid' }),
  row('gone', 'x', { vg_exported: 'exported' }), row('empty', ''),
])).volumes
const plan = (wanted: string, choice: { groups?: string[]; volumes?: string[] } = {}, active: string[] = [], all: readonly LogicalVolume[] = volumes): (readonly [string, string])[] =>
  planActivation(all, spec(wanted), { groups: [], volumes: [], ...choice }, new Set(active)).map(({ target, when }) => [target, when])

t.test('rows are volumes; pools and empty groups are none', async (t) => {
  t.same(volumes.map(({ mapperName }) => mapperName), ['vg0-root', 'vg0-usr', 'data-a', 'data-b', 'gone-x'])
  t.match(volumes[1], { targets: ['thin', 'thin-pool'], isPartial: false, missing: 0, isExported: false })
  t.match(volumes[3], { isPartial: true, missing: 1 })
  t.equal(mapperNameOf('my-vg', 'a-b'), 'my--vg-a--b')
})

t.test('complaints of lvm are kept, odd reports are empty, text that is none throws', async (t) => {
  t.same(parseLvmReport(report([], [{ log_type: 'warn', log_message: 'WARNING: bad metadata header on /dev/vda at 4096.' }])).warnings, ['bad metadata header on /dev/vda at 4096.'])
  for (const text of ['{}', '[]', 'null', '{"report":3}', '{"report":[{"vg":[1,{}]}]}']) t.same(parseLvmReport(text), { volumes: [], warnings: [] }, text)
  t.throws(() => parseLvmReport('  WARNING: no'), SyntaxError)
})

t.test('a volume that is named is activated, and nothing else', async (t) => {
  for (const name of ['/dev/mapper/vg0-root', '/dev/vg0/root']) t.same(plan(name), [['vg0/root', 'now']], name)
  t.same(plan('/dev/mapper/vg0-root', { groups: ['data'] }), [['vg0/root', 'now']], 'although the command line names others')
  t.same(plan('/dev/mapper/vg0-root', {}, ['vg0-root']), [], 'it is active')
  t.same(plan('/dev/data/a'), [['data/a', 'now']], 'all of it is there, whatever its group lacks')
  t.same(plan('/dev/data/b'), [['data/b', 'late']], 'a part is missing')
})

t.test('what the command line names', async (t) => {
  t.same(plan('UUID=1', { volumes: ['vg0/root', 'data/b'] }), [['vg0/root', 'now'], ['data/b', 'late']])
  t.same(plan('UUID=1', { groups: ['data'], volumes: ['data/a'] }), [['data', 'late']])
  t.same(plan('UUID=1', { groups: ['nosuch'] }), [])
})

t.test('nothing named: every group, incomplete ones late', async (t) => {
  t.same(plan('UUID=1'), [['vg0', 'now'], ['data', 'late'], ['gone', 'now']])
  t.same(plan('LABEL=root', {}, ['vg0-root']), [['vg0', 'now'], ['data', 'late'], ['gone', 'now']], 'a part of it is active')
  t.same(plan('LABEL=root', {}, ['vg0-root', 'vg0-usr']), [['data', 'late'], ['gone', 'now']])
  t.same(plan('/dev/mapper/secret'), [['vg0', 'ask'], ['data', 'late'], ['gone', 'ask']], 'a name that no volume has may be inside of one')
  const [one] = planActivation(volumes.slice(4), spec('UUID=1'), { groups: [], volumes: [] }, new Set())
  t.match(one?.obstacle, /volume group 'gone' is exported; 'vgimport gone'/)
})

t.test('where no volume can be', async (t) => {
  for (const text of ['/dev/vda1', 'PARTUUID=1', 'PARTLABEL=a', 'virtiofs:tag']) {
    t.equal(canBeOnLvm(spec(text)), false, text)
    t.same(plan(text), [], text)
  }
  for (const text of ['/dev/dm-0', '253:0', 'UUID=1']) t.equal(canBeOnLvm(spec(text)), true, text)
})
