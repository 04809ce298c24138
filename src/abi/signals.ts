// The signals of Linux by name and number.
//
// Source: arch/x86/include/uapi/asm/signal.h; the same on arm64. glibc keeps 32 and 33 for itself, so that SIGRTMIN of
// programs, and of this table, is 34.  signal(7)

const numbers = {
  HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14, TERM: 15,
  STKFLT: 16, CHLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22, URG: 23, XCPU: 24, XFSZ: 25, VTALRM: 26, PROF: 27, WINCH: 28,
  IO: 29, PWR: 30, SYS: 31,
} as const

export const SIGRTMIN = 34
export const SIGRTMAX = 64

/** The number of 'TERM', 'SIGTERM', 'sigterm', '15', 'RTMIN+3' or 'SIGRTMAX-1'; null for anything else. */
export function signalNumber(text: string): number | null {
  if (/^\d{1,2}$/.test(text)) return Number(text) >= 1 && Number(text) <= SIGRTMAX ? Number(text) : null
  const name = text.toUpperCase().replace(/^SIG/, '')
  const known = Object.entries(numbers).find(([key]) => key === name)
  if (known !== undefined) return known[1]
  const [, end, distance] = /^(RTMIN|RTMAX)([+-]\d{1,2})?$/.exec(name) ?? []
  if (end === undefined) return null
  const number = (end === 'RTMIN' ? SIGRTMIN : SIGRTMAX) + Number(distance ?? 0)
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : null
}

/** 'SIGTERM', 'SIGRTMIN+3', or 'signal 99'. */
export function signalName(number: number): string {
  const known = Object.entries(numbers).find(([, value]) => value === number)
  if (known !== undefined) return `SIG${known[0]}`
  if (number === SIGRTMIN) return 'SIGRTMIN'
  return number > SIGRTMIN && number <= SIGRTMAX ? `SIGRTMIN+${number - SIGRTMIN}` : `signal ${number}`
}
