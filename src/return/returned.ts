// What /init is told when it is executed again after a return, in one environment variable.
//
// Pure. The real init never sees it: of the environment only what the kernel can have put there goes on to it
// (facts/init-arguments.ts).

/** How often this machine came back, and whether the boot is to stop in the initramfs. */
export interface Returned {
  readonly returns: number
  readonly stop: boolean
}

export const RETURN_VARIABLE = 'FULCRUM_RETURNED'

/** The variable's value, '3' or '3,stop'. */
export function formatReturned({ returns, stop }: Returned): string {
  return `${returns}${stop ? ',stop' : ''}`
}

/** Reads it; null for the first boot, and for what was not written by formatReturned. */
export function parseReturned(text: string | undefined): Returned | null {
  const found = /^(\d{1,9})(,stop)?$/.exec(text ?? '')
  return found === null ? null : { returns: Number(found[1]), stop: found[2] !== undefined }
}
