// What lvm says of volume groups and their logical volumes, and which of those are to be activated now. Pure.
//
// The report is that of `vgs --reportformat json` with the fields below; one row for each logical volume.
// Man pages: lvmreport(7), vgs(8), lvmsystemid(7).

import type { RootSpec } from './root-spec.ts'

/** The fields of vgs that parseLvmReport reads. */
export const LVM_FIELDS = 'vg_name,vg_exported,vg_systemid,vg_missing_pv_count,lv_name,lv_health_status,lv_modules,lv_role'

export interface LogicalVolume {
  readonly vg: string
  readonly lv: string
  /** Its name below /dev/mapper. */
  readonly mapperName: string
  readonly isExported: boolean
  /** The machine that it belongs to; empty: any. */
  readonly systemId: string
  /** Physical volumes of the group that are not there. */
  readonly missing: number
  /** Whether something of this volume is on one of those. */
  readonly isPartial: boolean
  /** Targets of device mapper that it needs, without 'dm-'. */
  readonly targets: readonly string[]
}

export interface LvmReport {
  readonly volumes: readonly LogicalVolume[]
  /** What lvm complained about, a line each. */
  readonly warnings: readonly string[]
}

/** The name of a logical volume below /dev/mapper: a '-' of either name is written twice. */
export function mapperNameOf(vg: string, lv: string): string {
  return `${vg.replaceAll('-', '--')}-${lv.replaceAll('-', '--')}`
}

function field(row: unknown, name: string): string {
  const value: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined
  return typeof value === 'string' ? value : ''
}

function list(value: unknown, name: string): readonly unknown[] {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return Array.isArray(found) ? found : []
}

/** Reads a report. Throws SyntaxError for text that is none. */
export function parseLvmReport(text: string): LvmReport {
  const whole: unknown = JSON.parse(text)
  const rows = list(whole, 'report').flatMap((part) => list(part, 'vg'))
  const volumes = rows.filter((row) => field(row, 'lv_name') !== '' && !field(row, 'lv_role').split(',').includes('private')).map((row) => ({
    vg: field(row, 'vg_name'),
    lv: field(row, 'lv_name'),
    mapperName: mapperNameOf(field(row, 'vg_name'), field(row, 'lv_name')),
    isExported: field(row, 'vg_exported') !== '',
    systemId: field(row, 'vg_systemid'),
    missing: Number(field(row, 'vg_missing_pv_count')) || 0,
    isPartial: field(row, 'lv_health_status') === 'partial',
    targets: field(row, 'lv_modules').split(',').filter((name) => name !== ''),
  }))
  const warnings = list(whole, 'log').map((entry) => field(entry, 'log_message').replace(/^WARNING: /, '')).filter((line) => line !== '')
  return { volumes, warnings }
}

/** What may be activated, as the command line has it; both empty: everything. */
export interface LvmChoice {
  readonly groups: readonly string[]
  readonly volumes: readonly string[]
}

/** One call of lvchange or vgchange. */
export interface Activation {
  /** 'VG', or 'VG/LV'. */
  readonly target: string
  /** Asked for by name, so that flags of the volume which say "not by itself" do not hold. */
  readonly isNamed: boolean
  readonly when: 'now' | 'ask' | 'late'
  readonly targets: readonly string[]
  /** How many physical volumes the group lacks. */
  readonly missing: number
  /** Why it cannot be activated at all; null when it can. */
  readonly obstacle: string | null
}

/** Whether an activation of logical volumes can bring what is waited for. */
export function canBeOnLvm(wanted: RootSpec): boolean {
  if (wanted.kind === 'name') return /^dm-\d/.test(wanted.name)
  return !['partuuid', 'partlabel', 'tag', 'gpt-auto'].includes(wanted.kind)
}

/** The volume that is waited for by its name, if it is one of these. */
function namedBy(wanted: RootSpec, volumes: readonly LogicalVolume[]): LogicalVolume | undefined {
  if (wanted.kind === 'mapper') return volumes.find((one) => one.mapperName === wanted.name)
  if (wanted.kind === 'link') return volumes.find((one) => `/dev/${one.vg}/${one.lv}` === wanted.path)
  return undefined
}

function obstacleOf(one: LogicalVolume): string | null {
  return one.isExported ? `volume group '${one.vg}' is exported; 'vgimport ${one.vg}' makes it one of this machine` : null
}

function activateVolume(one: LogicalVolume): Activation {
  return {
    target: `${one.vg}/${one.lv}`, isNamed: true, when: one.isPartial ? 'late' : 'now', targets: one.targets,
    missing: one.isPartial ? one.missing : 0, obstacle: obstacleOf(one),
  }
}

/** A whole group, or those of its volumes that are not active. */
function activateGroup(volumes: readonly LogicalVolume[], vg: string, isNamed: boolean, when: 'now' | 'ask'): Activation[] {
  const [first, ...rest] = volumes.filter((one) => one.vg === vg)
  if (first === undefined) return []
  const targets = [...new Set([first, ...rest].flatMap((one) => one.targets))]
  return [{ target: vg, isNamed, when: first.missing > 0 ? 'late' : when, targets, missing: first.missing, obstacle: obstacleOf(first) }]
}

/**
 * What to activate for something that is waited for: the volume that it names and no other; else those that the command
 * line names; else everything, which with a name that is no volume's (a LUKS device on one) waits until all drivers
 * are loaded. Incomplete ones are 'late'. `active`: names below /dev/mapper.
 */
export function planActivation(volumes: readonly LogicalVolume[], wanted: RootSpec, choice: LvmChoice, active: ReadonlySet<string>): Activation[] {
  if (!canBeOnLvm(wanted)) return []
  const open = volumes.filter((one) => !active.has(one.mapperName))
  const named = namedBy(wanted, volumes)
  if (named !== undefined) return open.includes(named) ? [activateVolume(named)] : []
  if (choice.groups.length > 0 || choice.volumes.length > 0) {
    return [
      ...open.filter((one) => choice.volumes.includes(`${one.vg}/${one.lv}`) && !choice.groups.includes(one.vg)).map(activateVolume),
      ...choice.groups.flatMap((vg) => activateGroup(open, vg, true, 'now')),
    ]
  }
  const when = wanted.kind === 'uuid' || wanted.kind === 'label' ? 'now' : 'ask'
  return [...new Set(open.map((one) => one.vg))].flatMap((vg) => activateGroup(open, vg, false, when))
}
