// Parses what a guest sent over its virtio port: lines of TAP and lines of JSON records, in any mixture.
// Only the part of TAP that our guests write: plan, test points with SKIP and TODO, bail out. Pure.
// Format: the Test Anything Protocol, version 14.

export interface TestPoint {
  readonly ok: boolean
  readonly number: number
  readonly name: string
  readonly directive?: 'skip' | 'todo'
  /** Comment and YAML lines that follow the point, for the failure message. */
  readonly notes: readonly string[]
}

/** One JSON line of the guest. */
export interface GuestRecord {
  readonly record: string
  readonly fields: ReadonlyMap<string, unknown>
}

export interface GuestReport {
  /** Number of points promised, if a plan was seen. */
  readonly plan?: number
  readonly points: readonly TestPoint[]
  readonly bailOut?: string
  readonly records: readonly GuestRecord[]
  /** Exit status of the scenario's script, once the guest said that it is done. */
  readonly doneStatus?: number
  /** Lines that are nothing of the above. */
  readonly other: readonly string[]
}

function parseRecord(line: string): GuestRecord | undefined {
  let data: unknown
  try {
    data = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof data !== 'object' || data === null || !('record' in data)) return undefined
  const { record } = data
  return typeof record === 'string' ? { record, fields: new Map(Object.entries(data)) } : undefined
}

interface OpenPoint extends TestPoint {
  readonly notes: string[]
}

/** Parses all that a guest sent. Never throws: a line that is cut off or odd ends in `other`. */
export function parseGuestReport(text: string): GuestReport {
  const points: OpenPoint[] = []
  const records: GuestRecord[] = []
  const other: string[] = []
  let plan: number | undefined
  let bailOut: string | undefined
  let doneStatus: number | undefined
  for (const line of text.split('\n').map((raw) => raw.replace(/\r$/, ''))) {
    if (line === '') continue
    if (line.startsWith('{')) {
      const record = parseRecord(line)
      if (record === undefined) other.push(line)
      else records.push(record)
      const status = record?.record === 'done' ? record.fields.get('scriptStatus') : undefined
      if (typeof status === 'number') doneStatus = status
      continue
    }
    const planned = /^1\.\.(\d+)/.exec(line)
    if (planned?.[1] !== undefined) {
      plan ??= Number(planned[1])
      continue
    }
    const point = /^(not )?ok\b(?: (\d+))?(?: -)? ?(.*)$/.exec(line)
    if (point !== null) {
      const [, not, number, rest = ''] = point
      const directive = /#\s*(skip|todo)\b.*$/i.exec(rest)
      points.push({
        ok: not === undefined,
        number: number === undefined ? points.length + 1 : Number(number),
        name: (directive === null ? rest : rest.slice(0, directive.index)).trim(),
        ...(directive === null ? {} : { directive: /skip/i.test(directive[0].slice(0, 8)) ? 'skip' : 'todo' }),
        notes: [],
      })
      continue
    }
    const bail = /^Bail out!\s*(.*)$/.exec(line)
    if (bail !== null) bailOut = bail[1] ?? ''
    else if (/^(#|\s)/.test(line)) points.at(-1)?.notes.push(line)
    else other.push(line)
  }
  return { points, records, other,
    ...(plan === undefined ? {} : { plan }),
    ...(bailOut === undefined ? {} : { bailOut }),
    ...(doneStatus === undefined ? {} : { doneStatus }) }
}
