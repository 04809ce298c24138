// Drops capabilities from this process and from the kernel's usermode helpers.
//
// A helper (modprobe, core_pattern) is started by the kernel with all capabilities; dropping them in
// PID 1 alone would leave a way to get them back, so klibc's run-init drops both, and so does this.
// run-init(8) -d, Documentation/admin-guide/sysctl/kernel.rst (usermodehelper).

import { isErrno } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

const HELPER_DIRECTORY = '/proc/sys/kernel/usermodehelper'
const WORD_BITS = 32

/** The two words of a helper mask ("4294967295 511") without these capabilities. Pure. */
export function maskWithout(text: string, numbers: readonly number[]): string {
  const words = text.trim().split(/\s+/).map(Number)
  return words
    .map((word, i) => {
      const cleared = numbers.filter((n) => Math.floor(n / WORD_BITS) === i).reduce((mask, n) => mask & ~(1 << n % WORD_BITS), word)
      return String(cleared >>> 0)
    })
    .join(' ')
}

/** Drops from the helpers' bounding and inheritable sets first, then from the process. Throws SyscallError. */
export function dropCapabilities(kernel: Pick<Kernel, 'readText' | 'writeFile' | 'dropCapabilities'>, numbers: readonly number[]): void {
  for (const name of ['bset', 'inheritable']) {
    const path = `${HELPER_DIRECTORY}/${name}`
    try {
      kernel.writeFile(path, maskWithout(kernel.readText(path), numbers))
    } catch (error) {
      // A kernel without sysctl has no helpers that could be limited.
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
  kernel.dropCapabilities(numbers)
}
