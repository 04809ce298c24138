// What the parts of the way to the root share: state, modules, and the wait for a device.
//
// root-search.ts makes one for a boot and hands it to what stands in this folder and in ../network. Types only, so
// that none of them knows the others.

import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { BootState, MountedRoot } from '../boot-state.ts'
import type { ModuleLoader } from '../devices/index.ts'

export type { MountedRoot }

/** A root that is there: on a block device, or behind a tag. `source` is what mount(2) takes. */
export type FoundRoot =
  | { readonly kind: 'block'; readonly source: string; readonly device: BlockDevice; readonly members: readonly BlockDevice[] }
  | { readonly kind: 'tag'; readonly source: string; readonly fstype: string }

/** One file system to find and mount: the root, or /usr. */
export interface Wanted {
  readonly role: 'root' | '/usr'
  /** As root= has it. */
  readonly spec: string
  readonly fstypes: readonly string[]
  /** Comma-separated, as in fstab; may be empty. */
  readonly options: string
  readonly readOnly: boolean
  readonly target: string
}

/** What becomes of a root= that is not simply a device: it is mounted already, or it is on this device. */
export type SpecialRoot =
  | ({ readonly kind: 'mounted' } & MountedRoot)
  | { readonly kind: 'device'; readonly spec: string; /** Instead of rootfstype= and rootflags=, where it is told here. */ readonly fstypes?: readonly string[]; readonly options?: string }

export interface RootContext {
  readonly state: BootState
  readonly loader: ModuleLoader
  /**
   * Waits for a block device by its specifier as in root=, and puts together what leads to it; its nodes are there
   * then. `what` is for messages: "the swap of resume=". Throws BootFailure, also for a specifier that names none.
   */
  waitForDevice(spec: string, what: string, timeoutMs: number | null): BlockDevice
  /** Says how something is taken back before the next try of the boot: last said, first done. What it throws is not told. */
  onRetry(undo: () => void): void
}
