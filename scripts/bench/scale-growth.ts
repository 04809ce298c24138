// How a cost grows with the number of things: the exponent by regression, and the cost of one more.
// It exists so that "linear" is a number that a bench prints. What the command costs with nothing to look at is taken off
// first, else the start of a Node hides every growth. Pure.

/** A cost at a count. */
export interface Point {
  readonly count: number
  readonly cost: number
}

export interface Growth {
  /** Slope of log(cost - base) over log(count), least squares; null when fewer than two points are above the noise. */
  readonly exponent: number | null
  /** Cost of one more, between the two largest counts; null with fewer than two. */
  readonly perItem: number | null
}

/** A difference to the base below this part of it is V8's and the kernel's chance. */
const NOISE = 0.05

/** Growth above the point of the smallest count, which is the base. */
export function growthOf(points: readonly Point[]): Growth {
  const sorted = [...points].sort((a, b) => a.count - b.count)
  const [base, ...above] = sorted
  const [last, before] = [sorted.at(-1), sorted.at(-2)]
  const perItem = last === undefined || before === undefined ? null : (last.cost - before.cost) / (last.count - before.count)
  if (base === undefined) return { exponent: null, perItem }
  const logs = above
    .filter(({ cost }) => cost - base.cost > NOISE * base.cost)
    .map(({ count, cost }) => ({ x: Math.log(count - base.count), y: Math.log(cost - base.cost) }))
  if (logs.length < 2) return { exponent: null, perItem }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x0, y0] = [mean(logs.map(({ x }) => x)), mean(logs.map(({ y }) => y))]
  const above0 = logs.reduce((sum, { x, y }) => sum + (x - x0) * (y - y0), 0)
  const below0 = logs.reduce((sum, { x }) => sum + (x - x0) ** 2, 0)
  return { exponent: above0 / below0, perItem }
}
