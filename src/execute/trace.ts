// The trace: what happened, with monotonic times, as data.
//
// One object per boot, filled by every phase and written as JSON to /run/fulcrum/boot.json. The human
// summary, the rescue console and the tests read the same object. Times are microseconds of
// CLOCK_MONOTONIC, which starts with the kernel.

/** One thing that happened. `us` is its start, `tookUs` its duration. */
export interface TraceEvent {
  readonly phase: string
  readonly what: string
  readonly us: number
  readonly tookUs: number
  /** Absent when it went well. */
  readonly error?: string
  /** Numbers worth keeping: files deleted, bytes freed, modules loaded. */
  readonly data?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

type Clock = () => bigint
type Data = TraceEvent['data']

/** Collects events; `clock` is Kernel.monotonicUs. */
export class Trace {
  readonly #events: TraceEvent[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get events(): readonly TraceEvent[] {
    return this.#events
  }

  /** Runs `body` and records it; an exception is recorded and thrown on. `data` is read afterwards. */
  measure<T>(phase: string, what: string, body: () => T, data?: (result: T) => Data): T {
    const start = Number(this.#clock())
    try {
      const result = body()
      this.#push(phase, what, start, undefined, data?.(result))
      return result
    } catch (error) {
      this.#push(phase, what, start, error instanceof Error ? error.message : String(error), undefined)
      throw error
    }
  }

  /** Records something without duration. */
  note(phase: string, what: string, data?: Data): void {
    this.#push(phase, what, Number(this.#clock()), undefined, data)
  }

  #push(phase: string, what: string, start: number, error: string | undefined, data: Data): void {
    this.#events.push({
      phase,
      what,
      us: start,
      tookUs: Number(this.#clock()) - start,
      ...(error === undefined ? {} : { error }),
      ...(data === undefined ? {} : { data }),
    })
  }
}
