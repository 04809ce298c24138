// What `npm run bench -- scale` asks for: of what there are many, and the commands, ours and those beside them.
// It stands apart so that what was measured can be read again without what is needed to measure it (scale-results.ts).
// Pure.

/** What there is many of. 'carried' are mounts that the switch has to move one by one. */
export const SUBJECTS = ['mounts', 'carried', 'processes'] as const
export type Subject = (typeof SUBJECTS)[number]

export interface Case {
  readonly name: string
  /** Of which subjects the cost is asked. */
  readonly of: readonly Subject[]
  readonly words: string
  /** Name of the case of ours that this peer is compared with. */
  readonly peerOf?: string
}

/** What is timed as a command; the switch comes after them. */
export const CASES: readonly Case[] = [
  { name: 'fulcrum --version', of: ['mounts', 'processes'], words: '/bin/fulcrum --version' },
  { name: 'fulcrum mounts', of: ['mounts', 'processes'], words: '/bin/fulcrum mounts' },
  { name: 'findmnt', of: ['mounts', 'processes'], words: '/usr/bin/findmnt', peerOf: 'fulcrum mounts' },
  { name: 'fulcrum mounts --json', of: ['mounts'], words: '/bin/fulcrum mounts --json' },
  { name: 'findmnt --json', of: ['mounts'], words: '/usr/bin/findmnt --json', peerOf: 'fulcrum mounts --json' },
  { name: 'fulcrum mounts diff', of: ['mounts'], words: '/bin/fulcrum mounts diff /one.json /two.json' },
  { name: 'fulcrum ps', of: ['mounts', 'processes'], words: '/bin/fulcrum ps' },
  { name: 'ps aux', of: ['mounts', 'processes'], words: '/usr/bin/ps aux', peerOf: 'fulcrum ps' },
  { name: 'fulcrum kill --dry-run', of: ['mounts', 'processes'], words: '/bin/fulcrum kill --dry-run' },
]

/** Name of the last case: from PID 1's exec of `fulcrum switch` to the first instruction of the real init. */
export const SWITCH = 'fulcrum switch'
/** The same with --boot: processes judged and ended, record written. */
export const SWITCH_BOOT = 'fulcrum switch --boot'
