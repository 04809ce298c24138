// What `fulcrum mounts --json` prints, and reading it back: the format that bug reports carry and `diff` compares.
//
// Pure. Version 1; fields may be added, none changes its meaning (docs/mounts.md). A saved mountinfo is read as well.

import { makeDev, parseMountInfo } from '../mountinfo.ts'
import { buildMountTree, recordOf } from './mount-tree.ts'
import type { MountRecord, MountTree } from './mount-tree.ts'

export const FORMAT = 'fulcrum-mounts'

/** A tree and the boot it is from: unique ids mean the same mount within one boot only. */
export interface SavedMounts {
  readonly tree: MountTree
  /** /proc/sys/kernel/random/boot_id, or null. */
  readonly boot: string | null
}

/** The value that is printed as JSON. */
export function toSaved({ tree, boot }: SavedMounts): object {
  return {
    format: FORMAT,
    version: 1,
    boot,
    from: tree.from,
    root: tree.rootId,
    mounts: tree.nodes.map((m) => ({
      id: m.id,
      parentId: m.parentId,
      uniqueId: m.uniqueId?.toString() ?? null,
      parentUniqueId: m.parentUniqueId?.toString() ?? null,
      mountPoint: m.mountPoint,
      root: m.root,
      major: m.major,
      minor: m.minor,
      dev: makeDev(m.major, m.minor).toString(),
      fstype: m.fstype,
      source: m.source,
      options: m.options,
      superOptions: m.superOptions,
      shared: m.propagation.shared ?? null,
      master: m.propagation.master ?? null,
      propagateFrom: m.propagation.propagateFrom ?? null,
      unbindable: m.propagation.unbindable ?? false,
      isRoot: m.isRoot,
      hidden: m.hidden,
      hiddenBy: m.hiddenBy,
      coveredBy: m.coveredBy,
    })),
    groups: tree.groups,
  }
}

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
function bad(name: string): never {
  throw new Error(`the field '${name}' is missing or of another kind`)
}
function text(from: Fields, name: string): string {
  const value = from[name]
  return typeof value === 'string' ? value : bad(name)
}
function number(from: Fields, name: string): number {
  const value = from[name]
  return typeof value === 'number' ? value : bad(name)
}
function texts(from: Fields, name: string): string[] {
  const value = from[name]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : bad(name)
}
function big(from: Fields, name: string): bigint | null {
  const value = from[name]
  if (value === null || value === undefined) return null
  return typeof value === 'string' && /^\d+$/.test(value) ? BigInt(value) : bad(name)
}

function recordFrom(value: unknown): MountRecord {
  const m = isFields(value) ? value : bad('mounts')
  const point = m['mountPoint']
  const group = (name: string): object => (typeof m[name] === 'number' ? { [name]: m[name] } : {})
  return {
    id: number(m, 'id'),
    parentId: number(m, 'parentId'),
    uniqueId: big(m, 'uniqueId'),
    parentUniqueId: big(m, 'parentUniqueId'),
    major: number(m, 'major'),
    minor: number(m, 'minor'),
    root: text(m, 'root'),
    mountPoint: point === null ? null : text(m, 'mountPoint'),
    options: texts(m, 'options'),
    superOptions: texts(m, 'superOptions'),
    propagation: { ...group('shared'), ...group('master'), ...group('propagateFrom'), ...(m['unbindable'] === true ? { unbindable: true } : {}) },
    fstype: text(m, 'fstype'),
    source: text(m, 'source'),
  }
}

/** Reads what `--json` printed, or a copy of /proc/PID/mountinfo. Throws Error that says what is wrong with it. */
export function parseSaved(content: string): SavedMounts {
  if (content.trim() === '') throw new Error('it is empty')
  if (!content.trimStart().startsWith('{')) return { tree: buildMountTree(parseMountInfo(content).map(recordOf), 'mountinfo'), boot: null }
  const value: unknown = JSON.parse(content)
  if (!isFields(value) || value['format'] !== FORMAT || value['version'] !== 1) throw new Error(`it is not the JSON of fulcrum mounts, version 1`)
  const list = value['mounts']
  if (!Array.isArray(list)) bad('mounts')
  const root = value['root']
  const from = value['from'] === 'statmount' ? 'statmount' : 'mountinfo'
  const boot = value['boot']
  return {
    tree: buildMountTree(list.map(recordFrom), from, typeof root === 'number' ? root : undefined),
    boot: typeof boot === 'string' ? boot : null,
  }
}
