// Spans of time as people write them on the kernel command line and in crypttab: '5', '1.5', '30s', '200ms', '2min'.
//
// A plain number means seconds. A subset of systemd's.  systemd.time(7), crypttab(5)

/** Milliseconds of a span, or undefined for what is none. */
export function parseTimeMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|sec|min|m)?$/.exec(text)
  if (match === null) return undefined
  const factor = match[2] === 'ms' ? 1 : match[2] === 'min' || match[2] === 'm' ? 60_000 : 1000
  return Math.round(Number(match[1]) * factor)
}
