// What waitForRoot is asked for, and what it answers. Types only.
//
// The wait itself: wait-for-root.ts.

import type { BlockDevice } from '../../facts/block/block-device.ts'
import type { TagFilesystem } from '../../facts/block/root-spec.ts'
import type { Assembly } from '../storage/assembly.ts'
import type { Queue } from './queue.ts'

export interface WaitOptions {
  /** Milliseconds to wait at most; null for ever (rootwait). */
  readonly timeoutMs: number | null
  /** rootdelay= in milliseconds: since the wait ends with the event, it only makes the time-out no shorter than this. */
  readonly rootdelayMs: number
  /** Gets a line once a second from the third second on, and remarks. */
  onProgress(line: string): void
  /** Asked once a second: true ends the wait as a time-out does. */
  readonly shouldStop?: () => boolean
  /** The initqueue of hooks written for dracut, where the image has one: it runs meanwhile, and ends the wait too. */
  readonly queue?: Queue
  /** What puts devices together while the root is not there; the time it takes does not count. */
  readonly assembly?: Assembly
  /** Whether a file system on several devices will do without some of them, when no disk comes any more. */
  readonly acceptIncomplete?: boolean
}

export type RootWait =
  /** `members` are all devices of the file system (btrfs), `device` among them. */
  | { readonly outcome: 'block'; readonly device: BlockDevice; readonly members: readonly BlockDevice[] }
  | { readonly outcome: 'tag'; readonly fstype: TagFilesystem; readonly tag: string }
  /** For the spec 'hooks': the queue has nothing more to wait for. */
  | { readonly outcome: 'hooks' }
  /** Several, and nothing says which: gpt-auto only. */
  | { readonly outcome: 'ambiguous'; readonly detail: string; readonly report: readonly string[] }
  /** `report` are lines for a person, the first says what failed. */
  | { readonly outcome: 'timeout'; readonly report: readonly string[] }
