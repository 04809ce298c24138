// Runs the contract table on the running kernel and prints what was observed, one line of JSON a case.
//
// Started by contract.ns.test.ts. Each case gets a fresh copy of the mount namespace with propagation private,
// so whatever it does to mounts and roots ends with it; setns(2) leads back. Argument: an empty directory.

import { MNT_DETACH, MS_PRIVATE, MS_REC } from '../../abi/mount.ts'
import { CLONE_FS, CLONE_NEWNS, O_RDONLY } from '../../abi/process.ts'
import { errorLine } from '../errors.ts'
import { toFd, type Fd, type Kernel } from '../kernel.ts'
import { createKoffiKernel } from '../koffi-kernel.ts'
import { makeBed, observe, type ContractCase } from './case.ts'
import { mountCases } from './mount-cases.ts'
import { pivotCases } from './pivot-cases.ts'

/** A private tmpfs as "/", nothing else of the host in sight. */
function mountBed(k: Kernel, directory: string): void {
  k.mount('bed', directory, 'tmpfs', 0, null)
  k.mkdir(`${directory}/host`, 0o755)
  k.chdir(directory)
  k.pivotRoot('.', 'host')
  k.chdir('/')
  k.umount2('/host', MNT_DETACH)
  k.rmdir('/host')
  makeBed(k, '')
}

/**
 * The absolute root as "/". SAFETY: the namespace is a copy; once its visible root is lazily unmounted in it,
 * setns(2) to the namespace itself lands on the bottom. Nothing is ever written there: the bed lies on its /dev.
 */
function absoluteBed(k: Kernel): void {
  const namespace = k.open('/proc/self/ns/mnt', O_RDONLY)
  k.umount2('/', MNT_DETACH)
  k.setns(namespace, CLONE_NEWNS)
  k.close(namespace)
  k.mount('bed', '/dev', 'tmpfs', 0, null)
  makeBed(k, '/dev')
}

function runCase(k: Kernel, home: Fd, c: ContractCase, directory: string): string {
  try {
    k.unshare(CLONE_NEWNS)
    k.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
    if (c.bed === 'absolute') absoluteBed(k)
    else mountBed(k, directory)
    return JSON.stringify({ name: c.name, observed: observe(k, c) })
  } catch (error) {
    return JSON.stringify({ name: c.name, error: errorLine(error) })
  } finally {
    k.setns(home, CLONE_NEWNS)
  }
}

const [, , directory] = process.argv
if (directory === undefined) throw new Error('Cannot run: the argument is an empty DIRECTORY')
const kernel = createKoffiKernel()
const home = kernel.open('/proc/self/ns/mnt', O_RDONLY)
// setns(2) to a mount namespace wants a file system state that no other thread shares.
kernel.unshare(CLONE_FS)
for (const c of [...pivotCases, ...mountCases]) kernel.write(toFd(1), `${runCase(kernel, home, c, directory)}\n`)
