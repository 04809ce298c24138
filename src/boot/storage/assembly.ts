// Assembly: puts together the devices that lead to the root, while it is waited for.
//
// Assemblers (LUKS, LVM, md, …) look at the devices that are there and name what could be done with them; this runs
// it, one task at a time, because after each the devices are others. A task is tried once; what failed is told, and
// told again when the wait is over.

import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { RootSpec } from '../../facts/block/root-spec.ts'
import { errorLine } from '../../kernel/errors.ts'
import type { Trace } from '../../execute/trace.ts'
import { BootFailure } from '../boot-failure.ts'
import type { Log } from '../log.ts'

/** One thing to do. */
export interface Task {
  /** Done once per key: it names the device, and what would make a second try another one. */
  readonly key: string
  /** For the console: "unlocking /dev/vda2". */
  readonly text: string
  /**
   * 'now' at once; 'ask' when every driver is loaded, since a person or something that comes late (a key on a stick)
   * is needed; 'late' when no disk has come for a while: what is incomplete is used as it is (a degraded array).
   */
  readonly when: 'now' | 'ask' | 'late'
  /** Milliseconds without a new disk after which 'ask' or 'late' is due, where it is not the usual. */
  readonly quietMs?: number
  /** Throws Error when it failed: a line for a person; BootFailure when there is no use in waiting on. */
  run(): void
}

/** What can be done with the devices that there are. Called after each change; cheap, and without effects. */
export interface Assembler {
  readonly name: string
  /** `wanted` is what is waited for. */
  tasks(devices: readonly BlockDevice[], wanted: RootSpec): readonly Task[]
  /** A new wait begins: what was given up in another may be tried again. */
  begin?(): void
  /** What persons typed is overwritten: nothing more is to be found, or the boot failed. */
  forget?(): void
}

export interface Assembly {
  /**
   * Runs the next task, if there is one. `look` reads the devices and is not called when nothing could be put together;
   * `quietMs`: since when nothing has come, or null while drivers are still to
   * be loaded. True when something was done, so that it is worth looking again. Throws BootFailure.
   */
  step(look: () => readonly BlockDevice[], quietMs: number | null, wanted: RootSpec): boolean
  /** What could not be done, for the report of a wait that was in vain. */
  problems(): readonly string[]
}

/** No disk for this long: what is missing does not come any more. */
export const LATE_MS = 5000

function isDue(task: Task, quietMs: number | null): boolean {
  if (task.when === 'now') return true
  return quietMs !== null && quietMs >= (task.quietMs ?? (task.when === 'ask' ? 0 : LATE_MS))
}

const ORDER: readonly Task['when'][] = ['now', 'ask', 'late']

/** What a boot lends to it. */
export interface AssemblyTools {
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly trace: Trace
}

export function createAssembly({ log, trace }: AssemblyTools, assemblers: readonly Assembler[]): Assembly {
  const tried = new Set<string>()
  const problems: string[] = []
  for (const assembler of assemblers) assembler.begin?.()
  return {
    step(look, quietMs, wanted) {
      if (assemblers.length === 0) return false
      const devices = look()
      const open = assemblers.flatMap((a) => a.tasks(devices, wanted)).filter((task) => !tried.has(task.key) && isDue(task, quietMs))
      const task = ORDER.map((when) => open.find((one) => one.when === when)).find((one) => one !== undefined)
      if (task === undefined) return false
      tried.add(task.key)
      log.info(task.text)
      try {
        trace.measure('assembly', task.text, () => task.run())
      } catch (error) {
        if (error instanceof BootFailure) throw error
        problems.push(errorLine(error))
        log.warn(errorLine(error))
      }
      return true
    },
    problems: () => problems,
  }
}
