// What has to be known of something that runs to plan `enter` and `bind`.
//
// Types only: the numbers are descriptors of this process, which a child has as well (src/run/target.ts).

/** Descriptors mean the process that they were opened for, whoever gets its pid later. */
export interface TargetFacts {
  readonly pid: number
  readonly pidfd: number
  /** Its root directory, O_PATH. */
  readonly root: number
  /** CLONE_NEW* of the namespaces that are not ours. */
  readonly namespaces: number
  /** Directory of the cgroup that it is in now, or null. */
  readonly cgroup: string | null
}
