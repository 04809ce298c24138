// Tasks of the assemblers: in which order, once each, and what is told of one that failed.
//
// A wait of its own is in wait-for-root.test.ts; here the devices are an empty list.
import t from 'tap'
import { Trace } from '../../execute/trace.ts'
import { createAssembly } from './assembly.ts'
import type { Assembler, Task } from './assembly.ts'

const WANTED = { kind: 'name', name: 'dm-0' } as const

interface Played {
  readonly assembly: ReturnType<typeof createAssembly>
  readonly ran: string[]
  readonly lines: string[]
}

function play(wishes: readonly (readonly [string, Task['when']])[], failing: readonly string[] = []): Played {
  const ran: string[] = []
  const lines: string[] = []
  const assembler: Assembler = {
    name: 'test',
    tasks: () => wishes.map(([key, when]) => ({
      key, when, text: `doing ${key}`,
      run: () => {
        ran.push(key)
        if (failing.includes(key)) throw new Error(`Cannot do ${key}`)
      },
    })),
  }
  const say = (line: string): void => void lines.push(line)
  return { assembly: createAssembly({ log: { info: say, warn: say }, trace: new Trace(() => 0n) }, [assembler]), ran, lines }
}

t.test('now comes before ask, ask when all drivers are loaded, late when nothing comes any more; each once', async (t) => {
  const { assembly, ran } = play([['degraded', 'late'], ['person', 'ask'], ['array', 'now']])
  const step = (quietMs: number | null): boolean => assembly.step(() => [], quietMs, WANTED)
  t.same([step(null), step(null)], [true, false])
  t.same([step(0), step(4999)], [true, false])
  t.same([step(5000), step(90_000)], [true, false])
  t.same(ran, ['array', 'person', 'degraded'])
})

t.test('a task that fails is told, and told again at the end', async (t) => {
  const { assembly, ran, lines } = play([['a', 'now'], ['b', 'now']], ['a'])
  t.equal(assembly.step(() => [], null, WANTED), true, 'it may have changed something')
  t.equal(assembly.step(() => [], null, WANTED), true)
  t.equal(assembly.step(() => [], null, WANTED), false)
  t.same(ran, ['a', 'b'])
  t.same(lines, ['doing a', 'Cannot do a', 'doing b'])
  t.same(assembly.problems(), ['Cannot do a'])
})

t.test('without assemblers no device is read', async (t) => {
  const silent = (): void => undefined
  const assembly = createAssembly({ log: { info: silent, warn: silent }, trace: new Trace(() => 0n) }, [])
  t.equal(assembly.step(() => { throw new Error('read') }, 0, WANTED), false)
})
