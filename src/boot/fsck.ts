// Checks a file system before it is mounted, where the image has the checker for its type.
//
// Follows the exit status of fsck(8): 1 is repaired, 2 asks for a reboot, 4 and more leave errors
// behind: then nothing is mounted and a person decides. No checker in the image is no error: the
// journal is replayed by the mount.  fsck(8), e2fsck(8), systemd-fsck@.service(8).

import type { Kernel, RunResult } from '../kernel/kernel.ts'
import type { BootParameters } from './parameters.ts'
import { findTool, TOOL_PATH } from './tool.ts'

/** What became of a check. */
export type FsckOutcome =
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'clean' | 'repaired' | 'reboot' | 'errors' | 'failed'; readonly program: string; readonly status: number | null; readonly output: string }

/** Types whose check before a mount does nothing (fsck.xfs, fsck.btrfs) or that cannot be written. */
const NEVER: readonly string[] = ['xfs', 'btrfs', 'erofs', 'squashfs', 'iso9660', 'virtiofs', '9p']

const REPAIR: Readonly<Record<BootParameters['fsckRepair'], string>> = { preen: '-a', yes: '-y', no: '-n' }

function judge(program: string, result: RunResult): FsckOutcome {
  const output = `${result.stdout}${result.stderr}`.trim()
  const status = result.code
  const kind = status === null || status >= 8 ? 'failed' : (status & 4) !== 0 ? 'errors' : (status & 2) !== 0 ? 'reboot' : (status & 1) !== 0 ? 'repaired' : 'clean'
  return { kind, program, status, output: output === '' ? (result.error ?? '') : output }
}

/** Runs the checker for `type` on `device`. `readOnlyDevice`: nothing could be repaired, so nothing is run. */
export function fsck(
  kernel: Kernel,
  device: string,
  type: string,
  readOnlyDevice: boolean,
  parameters: Pick<BootParameters, 'fsckMode' | 'fsckRepair'>,
): FsckOutcome {
  if (parameters.fsckMode === 'skip') return { kind: 'none', why: 'fsck.mode=skip' }
  if (NEVER.includes(type)) return { kind: 'none', why: `'${type}' is not checked before a mount` }
  if (readOnlyDevice) return { kind: 'none', why: `'${device}' is read-only` }
  const program = findTool(kernel, `fsck.${type}`)
  if (program === undefined) return { kind: 'none', why: `the image has no 'fsck.${type}'` }
  const force = parameters.fsckMode === 'force' ? ['-f'] : []
  return judge(program, kernel.run(program, [REPAIR[parameters.fsckRepair], ...force, device], { env: { PATH: TOOL_PATH } }))
}
