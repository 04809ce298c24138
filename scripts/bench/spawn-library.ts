// The library in the bench of spawning: one process that spawns as often as it is asked, beside programs that are started
// each time. Reads "COUNT\n", runs so many at once, writes "NANOSECONDS FAILED\n" when the last one has ended.
// Ways: `request SET`, `kept SET` and `plan SET` are what a caller of the library does (spawn-own.ts), `table SET` the bare calls
// (spawn-tables.ts); `services ENGINE` starts services that stay until standard input ends (spawn-services.ts).
// usage: node library.cjs request|kept|plan|table one|two|five|seven|container; node library.cjs services move|pivot|auto

import fs from 'node:fs'
import { SIGKILL } from '../../src/abi/process.ts'
import { createKernel } from '../../src/index.ts'
import { waitReadable } from '../../src/kernel/wait-readable.ts'
import { Spawner } from '../../src/spawn/spawner.ts'
import type { RunningChild } from '../../src/spawn/spawner-types.ts'
import { ROOT, SET_NAMES } from './spawn-cases.ts'
import type { SetName } from './spawn-cases.ts'
import { LIBRARY_WAYS, startByLibrary } from './spawn-own.ts'
import { isServiceEngine, startService } from './spawn-services.ts'
import type { ServiceEngine } from './spawn-services.ts'
import { startByTable } from './spawn-tables.ts'
import type { Start } from './spawn-tables.ts'

const kernel = createKernel()

/** Nanoseconds from the first start to the last end, and how many failed. */
function spawnAll(start: Start, count: number): string {
  const begin = process.hrtime.bigint()
  const roots = Array.from({ length: count }, (_, slot) => ROOT.replace('%i', `${slot}`))
  const running = count > 1 && start.all !== undefined ? start.all(roots) : roots.map((root) => start(root))
  let failed = 0
  for (const it of running) {
    waitReadable(kernel, it.pidfd)
    if (!it.end()) failed++
  }
  return `${process.hrtime.bigint() - begin} ${failed}\n`
}

/** What is measured is a process that has spawned before: V8 has compiled what is hot by then. */
const WARM_UP = 100

/** Calls `answer` with each number that comes in, until the end. */
function serve(answer: (count: number) => string): void {
  fs.writeSync(1, 'ready\n')
  const line = Buffer.alloc(64)
  for (;;) {
    const length = fs.readSync(0, line)
    if (length === 0) return
    fs.writeSync(1, answer(Number(line.toString('latin1', 0, length))))
  }
}

function serveSpawns(way: string, set: SetName): void {
  const ours = LIBRARY_WAYS.find((name) => name === way)
  if (ours === undefined && way !== 'table') throw new Error(`Cannot spawn by '${way}'`)
  const start = ours === undefined ? startByTable(kernel, set) : startByLibrary(kernel, set, ours)
  for (let at = 0; at < WARM_UP; at++) spawnAll(start, 1)
  serve((count) => spawnAll(start, count))
}

function serveServices(engine: ServiceEngine): void {
  const spawner = new Spawner(kernel)
  const services: RunningChild[] = []
  serve((count) => {
    const begin = process.hrtime.bigint()
    for (let at = 0; at < count; at++) services.push(startService(kernel, spawner, engine))
    return `${process.hrtime.bigint() - begin} 0\n`
  })
  for (const it of services) it.signal(SIGKILL)
  for (const it of services) it.wait()
}

const [way = '', what = ''] = process.argv.slice(2)
const set = SET_NAMES.find((name) => name === what)
if (way === 'services' && isServiceEngine(what)) serveServices(what)
else if (set !== undefined) serveSpawns(way, set)
else throw new Error(`Cannot spawn by '${way}' '${what}'`)
