// The regression guard: figures of ours before and now, which got worse, and which peers overtook us.
// Every bench says what its figures are and below which difference they are noise (boot-figures.ts, keep-results.ts,
// shutdown-results.ts, scale-results.ts); the rule is the same for all: more than 2 % (or what the bench says) and more than the noise.
// Pure.

/** A figure of ours; less is better. */
export interface Figure {
  /** What it is of, as in the tables. */
  readonly row: string
  readonly name: string
  readonly value: number
  /** A difference up to this is noise. */
  readonly floor: number
  readonly unit: Unit
  /** What part of itself it may grow by where that is not 2 %. */
  readonly share?: number
  /** The same figure of whoever does the same job, by name: who is ahead of us is looked at too. */
  readonly peers?: ReadonlyMap<string, number>
}

export type Unit = 'ms' | 'MB' | 'MiB' | 'M instructions' | 'thousand instructions' | ''

/** A figure that grew by no more than this part of itself has not got worse. */
const SHARE = 0.02

const DECIMALS: Readonly<Record<Unit, number>> = { ms: 1, MB: 2, MiB: 1, 'M instructions': 0, 'thousand instructions': 0, '': 2 }

function show(value: number, unit: Unit): string {
  return `${Number(value.toFixed(DECIMALS[unit]))} ${unit}`.trimEnd()
}

export interface Comparison {
  /** What got worse, a line each. */
  readonly worse: readonly string[]
  /** How many figures were compared, of how many rows. */
  readonly figures: number
  readonly rows: number
  /** Rows that have a figure which only one side has. */
  readonly onlyBefore: readonly string[]
  readonly onlyNow: readonly string[]
}

function ahead(figure: Figure, floor: number): string[] {
  return [...figure.peers ?? []].filter(([, value]) => value < figure.value - floor).map(([name]) => name)
}

function worseThan(was: Figure, is: Figure): string[] {
  const grown = is.value - was.value > Math.max(is.floor, was.value * (is.share ?? SHARE))
  const share = was.value === 0 ? '' : ` (+${((is.value / was.value - 1) * 100).toFixed(1)} %)`
  const then = ahead(was, 0)
  return [
    ...(grown ? [`${is.row}: ${is.name} ${show(was.value, is.unit)} → ${show(is.value, is.unit)}${share}`] : []),
    ...ahead(is, is.floor).filter((name) => was.peers?.has(name) === true && !then.includes(name))
      .map((name) => `${is.row}: ${is.name} is behind '${name}' now`),
  ]
}

const keyOf = ({ row, name }: Figure): string => `${row}\n${name}`

/** Compares the figures that both sides have, and names the rows of the others. */
export function compareFigures(before: readonly Figure[], now: readonly Figure[]): Comparison {
  const [old, fresh] = [new Map(before.map((it) => [keyOf(it), it])), new Set(now.map(keyOf))]
  const rowsOf = (figures: readonly Figure[]): string[] => [...new Set(figures.map(({ row }) => row))]
  const both = now.flatMap((is) => {
    const was = old.get(keyOf(is))
    return was === undefined ? [] : [{ was, is }]
  })
  return {
    worse: both.flatMap(({ was, is }) => worseThan(was, is)),
    figures: both.length,
    rows: rowsOf(both.map(({ is }) => is)).length,
    onlyBefore: rowsOf(before.filter((it) => !fresh.has(keyOf(it)))),
    onlyNow: rowsOf(now.filter((it) => !old.has(keyOf(it)))),
  }
}
