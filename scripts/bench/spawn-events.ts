// `npm run bench -- spawn --events`: what one mount of the host costs while services live that receive it.
// Their roots are built in three ways: MS_MOVE leaves a second tree behind in each namespace that receives every event as
// well, pivot_root and OPEN_TREE_NAMESPACE do not (docs/kernel-facts.md D). The host's mounts are shared, as systemd has them.
// mount_namespaces(7)

import { BENCH } from './spawn-cases.ts'
import type { SpawnCase } from './spawn-cases.ts'
import { driverLine, figures, parseDriverOutput } from './spawn-plan.ts'
import type { Place } from './spawn-places.ts'
import { SERVICE_ENGINES } from './spawn-services.ts'
import { table } from './table.ts'

export interface EventRow {
  readonly place: string
  readonly services: number
  /** 'none' is without services. */
  readonly engine: string
  /** Thousands of instructions, or µs, per mount(2) and per umount2(2). */
  readonly mount: number
  readonly umount: number
  /** Of starting one service. */
  readonly start: number
}

function server(engine: string): SpawnCase {
  return { name: engine, kind: 'server', words: [`${BENCH}/node`, `${BENCH}/library.cjs`, 'services', engine] }
}

/** The driver's lines: events without services, then with each kind. */
export function eventPlan(mounts: number, services: number, engines: readonly string[]): string {
  const event = (label: string): string => driverLine('event', label, 5, 2, 20_000)
  return [
    driverLine('fill', mounts), 'shared\n', event('none'),
    ...engines.flatMap((engine) => {
      const { name, words } = server(engine)
      return [driverLine('server', name, ...words), driverLine('run', `start-${engine}`, 1, 0, services, 200_000), event(engine), 'clear\n']
    }),
  ].join('')
}

/** Measures each way in one run. */
export function measureEvents(place: Place, mounts: number, services: number): EventRow[] {
  process.stderr.write(`measuring mount events on ${place.name} with ${services} services\n`)
  const engines = SERVICE_ENGINES
  const { samples } = parseDriverOutput(place.run(eventPlan(mounts, services, engines)))
  return ['none', ...engines].map((engine) => {
    const of = (run: string, name: string, count: number): number => figures(samples, run, count, name).find((row) => row.name === name)?.median ?? NaN
    const name = engine === 'auto' ? (place.hasOpenTreeNamespace ? 'namespace' : 'template') : engine
    return { place: place.name, services: engine === 'none' ? 0 : services, engine: name, mount: of(engine, 'mount', 1), umount: of(engine, 'umount', 1), start: of(`start-${engine}`, engine, services) }
  })
}

/** The table of one place. */
export function printEvents(rows: readonly EventRow[], place: Pick<Place, 'name' | 'counts'>, write: (text: string) => void): void {
  const unit = place.counts ? 'thousand instructions' : 'µs'
  write(`\n${place.name}; ${unit} per mount event of the host\n\n`)
  write(table(['services', 'root by', 'mount', 'umount', 'start of a service'], rows.filter((row) => row.place === place.name).map((row) =>
    [`${row.services}`, row.engine, row.mount.toFixed(0), row.umount.toFixed(0), Number.isNaN(row.start) ? '' : row.start.toFixed(0)])))
}
