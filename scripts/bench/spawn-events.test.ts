// The driver's lines for mount events: shared mounts, events without services first, then each kind of service, ended again.
// Names of runs tie the lines to the figures that are read back.
// scripts/bench/spawn-driver.c
import t from 'tap'
import { eventPlan, printEvents } from './spawn-events.ts'

t.test('a plan of events', async (t) => {
  const lines = eventPlan(30, 100, ['move', 'auto']).trimEnd().split('\n').map((line) => line.split('\t'))
  t.strictSame(lines.map(([verb]) => verb), ['fill', 'shared', 'event', 'server', 'run', 'event', 'clear', 'server', 'run', 'event', 'clear'])
  t.strictSame(lines[3]?.slice(-2), ['services', 'move'])
  t.strictSame(lines[4]?.slice(1, 5), ['start-move', '1', '0', '100'], 'a hundred are started, once')
  t.strictSame(lines.filter(([verb]) => verb === 'event').map(([, label]) => label), ['none', 'move', 'auto'])
})

t.test('a table of events', async (t) => {
  const written: string[] = []
  const place = { name: 'guest', counts: true }
  const row = { place: 'guest', services: 100, engine: 'pivot', mount: 344.6, umount: 190, start: Number.NaN }
  printEvents([row, { ...row, place: 'another' }], place, (text) => written.push(text))
  t.match(written.join(''), /thousand instructions/)
  t.match(written.join(''), /^100 +pivot +345 +190$/m)
  t.equal(written.join('').match(/pivot/g)?.length, 1, 'one place at a time')
})
