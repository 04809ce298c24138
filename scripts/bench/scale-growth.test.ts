// Exponents and slopes of costs whose growth is known, each on top of a base as that of a program which has to start first.
// What is below the noise does not bend the line.
// Printed by: `npm run bench -- scale`.
import t from 'tap'
import { growthOf } from './scale-growth.ts'

const COUNTS = [0, 100, 1000, 10_000]
const points = (cost: (count: number) => number): { count: number; cost: number }[] => COUNTS.map((count) => ({ count, cost: 250 + cost(count) }))

t.test('the exponent is that of the growth alone', async (t) => {
  t.equal(growthOf(points((n) => n)).exponent?.toFixed(3), '1.000')
  t.equal(growthOf(points((n) => n * n)).exponent?.toFixed(3), '2.000')
  t.equal(growthOf(points((n) => n * Math.log2(n + 1))).exponent?.toFixed(1), '1.2')
})

t.test('one more costs what the largest two tell, in any order', async (t) => {
  t.equal(growthOf([...points((n) => 3 * n)].reverse()).perItem, 3)
})

t.test('no growth, no exponent', async (t) => {
  t.equal(growthOf(points((n) => n / 10_000)).exponent, null)
  t.same(growthOf([]), { exponent: null, perItem: null })
  t.same(growthOf([{ count: 1, cost: 1 }]), { exponent: null, perItem: null })
})
