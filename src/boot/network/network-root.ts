// Roots behind a network: NFS, NBD, iSCSI, and the network itself.
//
// ip= brings interfaces up (static or DHCP), the root's server is asked, and the answer is a mount or a block device.
// Documentation/admin-guide/nfs/nfsroot.rst (ip=, nfsroot=), dracut.cmdline(7)

import type { RootContext, SpecialRoot, Wanted } from '../storage/context.ts'

/** The network, if the command line asks for it whatever the root is (rd.neednet=1). Throws BootFailure. */
export function connectNetwork(_context: RootContext): void {
  // Nothing asks for it yet.
}

/** The root, if root= or netroot= names a server; else null. Throws BootFailure. */
export function networkRoot(_context: RootContext, _wanted: Wanted): SpecialRoot | null {
  return null
}
