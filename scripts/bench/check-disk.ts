// What a shutdown has left of an ext4 file system, asked of its image on the host once the guest is off.
// "state: clean" is not enough: only the feature needs_recovery says whether the journal was written out, and only
// e2fsck whether the whole is consistent. dumpe2fs(8), e2fsck(8), debugfs(8)

import { tryTool } from '../setup/run-tool.ts'

export interface DiskState {
  /** The journal has still to be replayed: the file system was in use when the power went. */
  readonly needsRecovery: boolean
  /** `e2fsck -fn` finds nothing. */
  readonly consistent: boolean
  /** The file that was written and closed, not synced, right before power-off is there. */
  readonly lastFile: boolean
}

/** The state of the ext4 file system in the file `path`; `witness` is a path in it. */
export function checkDisk(path: string, witness: string): DiskState {
  const features = /^Filesystem features:(.*)$/m.exec(tryTool('dumpe2fs', ['-h', path]).stdout)?.[1]
  if (features === undefined) throw new Error(`Cannot check '${path}': dumpe2fs does not know it`)
  return {
    needsRecovery: features.includes('needs_recovery'),
    consistent: tryTool('e2fsck', ['-fn', path]).status === 0,
    lastFile: tryTool('debugfs', ['-R', `cat ${witness}`, path]).stdout !== '',
  }
}

/** In words, for a table. */
export function describeDisk(state: DiskState): string {
  const wrong = [state.needsRecovery ? 'needs recovery' : '', state.consistent ? '' : 'inconsistent', state.lastFile ? '' : 'last file lost']
  return wrong.filter((word) => word !== '').join(', ') || 'clean'
}
