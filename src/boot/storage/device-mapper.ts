// What every tool that speaks with the device mapper is told.
//
// libdevmapper waits for udev to make the nodes where it thinks that there is one; without it it makes them itself.

import type { Kernel } from '../../kernel/kernel.ts'

/** Environment for cryptsetup, veritysetup, lvm and the like. */
export function deviceMapperEnv(kernel: Pick<Kernel, 'exists'>): Readonly<Record<string, string>> {
  return kernel.exists('/run/udev/control') ? {} : { DM_DISABLE_UDEV: '1' }
}
