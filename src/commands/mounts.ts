// `fulcrum mounts`: the mount tree with propagation and stacks, for people and as JSON.
//
// Pure description of mountinfo; findmnt(8) does not show what covers what, and an initramfs has none.
// The rescue console prints the same lines.

import { childrenOf, parseMountInfo, rootMount, topMountAt, type Mount, type Propagation } from '../facts/mountinfo.ts'
import { errorLine } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { EXIT_OK, EXIT_SYSTEM, EXIT_USAGE, type Command } from './command.ts'

/** How events travel: 'shared:3', 'slave of 3', 'private', 'unbindable', or two of them. */
export function propagationText(p: Propagation): string {
  const parts = [
    ...(p.shared === undefined ? [] : [`shared:${p.shared}`]),
    ...(p.master === undefined ? [] : [`slave of ${p.master}`]),
    ...(p.unbindable ? ['unbindable'] : []),
  ]
  return parts.length === 0 ? 'private' : parts.join(' ')
}

/** A mount that no path leads to, because another covers it or a directory above it. */
export function isHidden(mounts: readonly Mount[], m: Mount): boolean {
  return topMountAt(mounts, m.mountPoint)?.id !== m.id
}

interface Row {
  readonly mount: Mount
  readonly depth: number
}

/** Parents before children, children by mount point; mounts whose parent is not listed begin a tree. */
function rows(mounts: readonly Mount[]): Row[] {
  const ids = new Set(mounts.map((m) => m.id))
  const byPoint = (a: Mount, b: Mount): number => (a.mountPoint < b.mountPoint ? -1 : a.mountPoint > b.mountPoint ? 1 : a.id - b.id)
  const below = (m: Mount, depth: number): Row[] => [
    { mount: m, depth },
    ...childrenOf(mounts, m.id).sort(byPoint).flatMap((child) => below(child, depth + 1)),
  ]
  return mounts.filter((m) => m.parentId === m.id || !ids.has(m.parentId)).sort(byPoint).flatMap((m) => below(m, 0))
}

/** One line a mount: point (indented by depth), type, source, flags of mount and file system, propagation, remarks. */
export function mountLines(mounts: readonly Mount[]): string[] {
  const root = rootMount(mounts)
  const cells = rows(mounts).map(({ mount: m, depth }) => {
    const remarks = [
      ...(m.id === root?.id ? [m.parentId === m.id ? '(absolute root)' : '(root)'] : []),
      ...(isHidden(mounts, m) ? ['(hidden)'] : []),
    ]
    const source = m.root === '/' ? m.source : `${m.source}[${m.root}]`
    const access = m.superOptions.includes('ro') && !m.options.includes('ro') ? ['fs-ro', ...m.options] : m.options
    return [`${'  '.repeat(depth)}${m.mountPoint}`, m.fstype, source, access.join(','), propagationText(m.optional), remarks.join(' ')]
  })
  const all = [['MOUNT POINT', 'TYPE', 'SOURCE', 'OPTIONS', 'PROPAGATION', ''], ...cells]
  const widths = all[0]?.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length))) ?? []
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd())
}

/** The visible mounts of this process as lines. Throws SyscallError when /proc is not mounted. */
export function describeMounts(kernel: Pick<Kernel, 'readText'>): string[] {
  return mountLines(parseMountInfo(kernel.readText('/proc/self/mountinfo')))
}

function toJson(mounts: readonly Mount[]): unknown {
  const root = rootMount(mounts)
  return mounts.map((m) => ({
    ...m,
    dev: m.dev.toString(),
    hidden: isHidden(mounts, m),
    isRoot: m.id === root?.id,
  }))
}

export const mountsCommand: Command = {
  name: 'mounts',
  summary: 'show the mount tree',
  usage: ['fulcrum mounts [--json] [PID]'],
  help: `Prints the mounts that a process sees (this one, or PID) as a tree: where, file system type, source
with the bound directory in brackets, options, propagation. "(hidden)" is covered by a later mount and
cannot be reached by a path; "fs-ro" is a read-only file system under a mount that is not.

  --json  as JSON: the fields of /proc/PID/mountinfo, and dev (st_dev), hidden, isRoot
`,
  run(args, io) {
    const json = args.includes('--json')
    const [pid = 'self', ...more] = args.filter((arg) => arg !== '--json')
    if (more.length > 0 || !/^(self|[1-9]\d*)$/.test(pid)) {
      io.stderr(`fulcrum mounts: Cannot understand '${more[0] ?? pid}': expected a process id\n`)
      return EXIT_USAGE
    }
    try {
      const mounts = parseMountInfo(io.kernel().readText(`/proc/${pid}/mountinfo`))
      io.stdout(json ? `${JSON.stringify(toJson(mounts), null, 2)}\n` : `${mountLines(mounts).join('\n')}\n`)
      return EXIT_OK
    } catch (error) {
      io.stderr(`fulcrum mounts: Cannot read the mounts of process '${pid}': ${errorLine(error)}\n`)
      return EXIT_SYSTEM
    }
  },
}
