// Refusal: why something will not be done, as a value.
//
// Facts can carry one (an init that cannot run), plans answer with one, the rescue console and --json show
// it. A refusal changes nothing and is never an exception. docs/errors.md lists every reason.

/** Why nothing will be done. */
export interface Refusal {
  /** Stable identifier, listed in docs/errors.md, for instance 'init-missing'. */
  readonly reason: RefusalReason
  /** One sentence without full stop: "Cannot …". */
  readonly detail: string
  /** What the user can do. */
  readonly remedy: string
}

export type RefusalReason =
  | 'new-root-missing'
  | 'new-root-not-directory'
  | 'new-root-is-root'
  | 'not-initramfs'
  | 'not-pid1'
  | 'init-missing'
  | 'init-not-executable'
  | 'init-wrong-architecture'
  | 'init-interpreter-missing'
  | 'mount-point-missing'
  | 'pivot-impossible'
  | 'no-permission'
  | 'root-not-given'
  | 'root-invalid'
  | 'root-not-found'
  | 'root-ambiguous'
  | 'root-no-filesystem'
  | 'root-locked'
  | 'fsck-errors'
  | 'verity-failed'
  | 'verity-corrupted'
  | 'image-not-found'
  | 'image-truncated'
  | 'hook-stopped'
  | 'hooks-unfinished'
  | 'root-not-mounted'
  | 'in-initramfs'
  | 'not-main-root'
  | 'initramfs-not-kept'
  | 'initramfs-not-found'
  | 'shutdown-missing'
  | 'bind-source-missing'
  | 'working-directory-missing'
  | 'command-not-found'
  | 'command-not-executable'
  | 'cgroup-missing'
  | 'kernel-too-old'
  | 'id-not-mapped'
  | 'root-not-idmappable'
  | 'target-missing'
  | 'not-mount-point'
  | 'beneath-impossible'
  | 'source-unusable'
  | 'kind-mismatch'
  | 'submount-place-missing'
  | 'nothing-to-finish'
  | 'nothing-to-roll-back'
  | 'file-not-ours'
  | 'not-installed'
  | 'not-packed'
  | 'outside-of-root'
  | 'network-not-up'
  | 'network-unsupported'
  | 'server-not-reached'
  | 'name-taken'
  | 'not-running'
  | 'out-of-reach'
  | 'not-bound'
