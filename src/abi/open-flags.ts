// Flags of open(2) in words, as strace(1) prints them.
//
// The access mode comes first and always: O_RDONLY is no bit. O_CLOEXEC is left out where it is always set.

import { O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from './process.ts'

const ACCESS_MODE = 3
const MODES = new Map([[O_RDONLY, 'O_RDONLY'], [O_WRONLY, 'O_WRONLY'], [O_RDWR, 'O_RDWR']])
const BITS = { O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH }

/** 'O_WRONLY|O_CREAT|O_APPEND'; bits without a name here in hexadecimal. */
export function openFlagsToString(flags: number): string {
  const mode = MODES.get(flags & ACCESS_MODE)
  const named = Object.entries(BITS).filter(([, bit]) => (flags & bit) === bit)
  const rest = named.reduce((left, [, bit]) => left & ~bit, mode === undefined ? flags : flags & ~ACCESS_MODE)
  return [...(mode === undefined ? [] : [mode]), ...named.map(([name]) => name), ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join('|')
}
