// `fulcrum keep`: makes the way back ready in an initramfs whose switch of root is another program's.
//
// systemd switches by itself and deletes the initramfs afterwards. What is to stay is mounted at /run/initramfs by then
// (a compressed copy; docs/dracut.md); this shows it at /run/rootfs too, decides about the processes, marks those that
// the root depends on, leaves systemd of the root its drop-ins and writes the record. See fulcrum-keep(8).

import { executePlan, StepError } from '../execute/execute.ts'
import { checkInit } from '../facts/init-check.ts'
import { topMountAt } from '../facts/mountinfo.ts'
import { readOwnMounts } from '../facts/own-mounts.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { INITRAMFS_DIRECTORY, ROOTFS_DIRECTORY, SYSROOT } from '../facts/switch-types.ts'
import type { Keep } from '../facts/switch-types.ts'
import type { Refusal } from '../facts/refusal.ts'
import { errorLine } from '../kernel/errors.ts'
import { planOthersSwitch } from '../plan/keep.ts'
import { describePlan } from '../plan/step.ts'
import { EXIT_OK, EXIT_REFUSED, EXIT_SYSTEM, sayUsage, type Command, type CommandIo } from './command.ts'
import { parseOptionList } from './option-list.ts'
import { beforeSwitch, createBootSide, recordSwitch } from './switch-boot.ts'
import type { BootSide } from './switch-boot.ts'

const INIT_CANDIDATES: readonly string[] = ['/sbin/init', '/etc/init', '/bin/init', '/bin/sh']

function refusal(mounts: readonly Mount[], newRoot: string, keep: Keep, hasShutdown: boolean): Refusal | null {
  if (topMountAt(mounts, newRoot) === undefined) {
    return { reason: 'new-root-missing', detail: `Cannot prepare for a switch to '${newRoot}': nothing is mounted there`, remedy: 'mount the root file system there first' }
  }
  if (keep !== 'none' && !hasShutdown) {
    return { reason: 'initramfs-not-kept', detail: `Cannot keep the initramfs: '${INITRAMFS_DIRECTORY}' is no mount with a 'shutdown' in it`, remedy: 'mount there what is to stay, or use fulcrum.keep=none' }
  }
  return null
}

function isSystemd(side: BootSide, newRoot: string): boolean {
  const named = side.parameters.init
  const check = checkInit(side.kernel, newRoot, process.arch, named === null ? INIT_CANDIDATES : [named])
  return check.problem === null && (check.resolved ?? '').endsWith('/systemd')
}

const NOT_ROOT: Refusal = { reason: 'no-permission', detail: 'Cannot make the way back ready: user id 0 is needed', remedy: 'run as root' }

function keepFor(newRoot: string, dryRun: boolean, io: CommandIo): number {
  const kernel = io.kernel()
  const refuse = ({ detail, remedy, reason }: Refusal): number => {
    io.stderr(`fulcrum keep: ${detail}; ${remedy} [${reason}]\n`)
    return EXIT_REFUSED
  }
  // Before anything that root alone would have to mend.
  if (!dryRun && kernel.getuid() !== 0) return refuse(NOT_ROOT)
  const side = createBootSide(kernel)
  const mounts = readOwnMounts(kernel)
  const keep: Keep = side.parameters.keep ?? side.image.keep ?? 'slim'
  const hasShutdown = topMountAt(mounts, INITRAMFS_DIRECTORY) !== undefined && kernel.exists(`${INITRAMFS_DIRECTORY}/shutdown`)
  const refused = refusal(mounts, newRoot, keep, hasShutdown)
  if (refused !== null) return refuse(refused)
  const isShown = topMountAt(mounts, ROOTFS_DIRECTORY) !== undefined
  const plan = planOthersSwitch({ keep: keep === 'none' ? 'none' : 'slim', isShown, systemd: isSystemd(side, newRoot) })
  if (dryRun) {
    io.stdout(`${describePlan(plan).join('\n')}\n`)
    return EXIT_OK
  }
  // systemd ends what nobody has marked by itself; what a rule says is done here.
  const before = beforeSwitch(side, newRoot, { ...plan, keep: 'slim' })
  try {
    executePlan(kernel, plan, side.trace, new Map())
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    io.stderr(`fulcrum keep: ${errorLine(error)}\n`)
    return EXIT_SYSTEM
  }
  recordSwitch(side, before, plan)
  side.log.info(`root ${before.root.source} (${before.root.type}), the switch is another program's, initramfs ${keep === 'none' ? 'not kept' : `kept at ${INITRAMFS_DIRECTORY} as a copy`}`)
  return EXIT_OK
}

export const keepCommand: Command = {
  name: 'keep',
  summary: 'make the way back ready where another program switches root',
  usage: ['fulcrum keep [--dry-run] [NEWROOT]'],
  help: `For an initramfs whose switch is done by systemd: shows what is mounted at /run/initramfs at /run/rootfs too,
ends, keeps and marks processes as fulcrum.process= and /etc/fulcrum/processes.toml say, leaves drop-ins for
the systemd of the root and writes /run/fulcrum/boot.json. NEWROOT is /sysroot if it is not named.

  -n, --dry-run  print the plan, change nothing

Exit status: 100 usage, 111 a step failed, 112 refused.
`,
  run(args, io) {
    const { options, words, command } = parseOptionList(args, [{ name: 'dry-run', kind: 'flag', short: 'n' }])
    const [newRoot = SYSROOT, extra] = [...words, ...(command ?? [])]
    if (extra !== undefined) return sayUsage(io, 'keep', `Cannot understand '${extra}': expected one NEWROOT`)
    try {
      return keepFor(newRoot, options.length > 0, io)
    } catch (error) {
      io.stderr(`fulcrum keep: Cannot make the way back ready: ${errorLine(error)}\n`)
      return EXIT_SYSTEM
    }
  },
}
