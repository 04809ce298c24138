// Order and limit of work on many things at a time.
// What is counted is how many are under way, whatever the clock says.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { mapLimited } from './map-limited.ts'

t.test('results in order, never more than the limit at a time', async (t) => {
  let running = 0
  let most = 0
  const work = async (n: number): Promise<number> => {
    most = Math.max(most, ++running)
    for (let i = n % 3; i >= 0; i--) await setImmediate()
    running--
    return n * 2
  }
  const items = Array.from({ length: 40 }, (_, i) => i)
  t.strictSame(await mapLimited(items, work, 3), items.map((n) => n * 2))
  t.equal(most, 3)
  t.strictSame(await mapLimited([], work), [])
})

t.test('a failure is that of all', async (t) => {
  await t.rejects(mapLimited([1, 2, 3], (n) => (n === 2 ? Promise.reject(new Error('two')) : Promise.resolve(n)), 2), /two/)
})
