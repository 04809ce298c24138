// What `npm run bench` measured, as data: the rows, what is computed from them, and reading them back from JSON.
// A peer that could not be had is a row that says why. Pure: no figure is made up, one that is missing is undefined.
// Times are virtual milliseconds since the kernel's clock started, sizes bytes, unless said otherwise.

/** A span of a boot, one behind the other. */
export interface Span {
  readonly name: string
  readonly ms: number
}

/** Virtual milliseconds since the kernel's clock started, unless said otherwise. */
export interface BootTimes {
  /** When the kernel begins to unpack the image, and how long it does. */
  readonly unpackAt: number
  readonly unpack: number
  /** The kernel starts /init of the image. */
  readonly runInit: number
  /** The kernel says that the root's file system is mounted. */
  readonly mounted: number
  /** The first instruction of the real root's init. */
  readonly realInit: number
  /** MemAvailable then and two seconds later, KiB. */
  readonly availableThenKiB: number
  readonly availableKiB: number
}

export interface MeasuredRow extends BootTimes {
  readonly name: string
  readonly ours: boolean
  readonly note?: string
  readonly packedBytes: number
  readonly unpackedBytes: number
  readonly files: number
  readonly mounts: readonly string[]
  readonly processes: readonly string[]
  /** What the real init inherited that the kernel would not have left so, a line each. */
  readonly differs: readonly string[]
  /** Where the time goes, of ours only; the sum is `realInit`. */
  readonly spans?: readonly Span[]
}

export interface AbsentRow {
  readonly name: string
  readonly ours: boolean
  readonly absent: string
}

export type Row = MeasuredRow | AbsentRow

export interface Results {
  readonly format: 1
  readonly kernel: string
  readonly qemu: string
  readonly binaryBytes: number
  readonly rows: readonly Row[]
}

export function isMeasured(row: Row): row is MeasuredRow {
  return !('absent' in row)
}

/** One virtual millisecond, a million instructions, on a real machine: 0.13 to 0.2. */
export const REAL_MS = 0.15

/** How long a boot loader takes to read the image, real ms. */
export function loadMs(bytes: number, bytesPerSecond: number): number {
  return bytes / bytesPerSecond * 1000
}

/** From the boot loader's first byte to the real init, real ms: the trade between a small image and one that unpacks fast. */
export function totalMs(row: Pick<MeasuredRow, 'packedBytes' | 'realInit'>, bytesPerSecond: number): number {
  return loadMs(row.packedBytes, bytesPerSecond) + row.realInit * REAL_MS
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null) throw new Error(`Cannot read results: ${what} is not an object`)
  return Object.fromEntries(Object.entries(value))
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Error(`Cannot read results: '${name}' is not text`)
  return value
}

function number(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number') throw new Error(`Cannot read results: '${name}' is not a number`)
  return value
}

function texts(fields: Fields, name: string): string[] {
  const value = fields[name]
  if (!Array.isArray(value)) throw new Error(`Cannot read results: '${name}' is not a list`)
  return value.map(String)
}

function spansOf(value: unknown): { spans?: Span[] } {
  if (!Array.isArray(value)) return {}
  return { spans: value.map((one: unknown) => {
    const fields = fieldsOf(one, 'a span')
    return { name: text(fields, 'name'), ms: number(fields, 'ms') }
  }) }
}

function rowOf(value: unknown): Row {
  const fields = fieldsOf(value, 'a row')
  const [name, ours] = [text(fields, 'name'), fields['ours'] === true]
  if (fields['absent'] !== undefined) return { name, ours, absent: text(fields, 'absent') }
  const { note } = fields
  return {
    name, ours, ...(typeof note === 'string' ? { note } : {}),
    packedBytes: number(fields, 'packedBytes'), unpackedBytes: number(fields, 'unpackedBytes'), files: number(fields, 'files'),
    unpackAt: number(fields, 'unpackAt'), unpack: number(fields, 'unpack'), runInit: number(fields, 'runInit'),
    mounted: number(fields, 'mounted'), realInit: number(fields, 'realInit'),
    availableThenKiB: number(fields, 'availableThenKiB'), availableKiB: number(fields, 'availableKiB'),
    mounts: texts(fields, 'mounts'), processes: texts(fields, 'processes'), differs: texts(fields, 'differs'),
    ...spansOf(fields['spans']),
  }
}

/** Results from JSON text. Throws when something is missing. */
export function parseResults(json: string): Results {
  const data: unknown = JSON.parse(json)
  const fields = fieldsOf(data, 'the file')
  if (fields['format'] !== 1) throw new Error('Cannot read results: not format 1')
  const rows = fields['rows']
  if (!Array.isArray(rows)) throw new Error("Cannot read results: 'rows' is not a list")
  return { format: 1, kernel: text(fields, 'kernel'), qemu: text(fields, 'qemu'), binaryBytes: number(fields, 'binaryBytes'), rows: rows.map(rowOf) }
}

/** Measured rows of one boot each, times to the microsecond, for a file that is committed. */
export function resultsText(results: Results): string {
  const rounded = (key: string, value: unknown): unknown => (typeof value === 'number' && key !== 'format' ? Math.round(value * 1000) / 1000 : value)
  const rows = results.rows.map((row) => `  ${JSON.stringify(row, rounded)}`)
  const { rows: _, ...head } = results
  return `${JSON.stringify({ ...head, rows: [] }).slice(0, -2)}\n${rows.join(',\n')}\n]}\n`
}
