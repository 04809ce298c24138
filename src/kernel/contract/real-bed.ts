// Runs the contract table on the running kernel: on this machine by run-real.ts, in guests by qemu-tests/oracles.guest.ts.
//
// Cases of the other kind of bottom are left out. Each case gets a fresh copy of the mount namespace with propagation
// private, so whatever it does to mounts and roots ends with it; setns(2) leads back.

import { MNT_DETACH, MS_PRIVATE, MS_REC, NULL_FS_MAGIC } from '../../abi/mount.ts'
import { CLONE_FS, CLONE_NEWNS, O_RDONLY } from '../../abi/process.ts'
import { errorLine } from '../errors.ts'
import type { Fd, Kernel } from '../kernel.ts'
import { allCases } from './all-cases.ts'
import { BED_ROOTS, makeBed, observe, type Bottom, type ContractCase, type Observation } from './case.ts'

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
 * Goes to the bottom of the namespace, and says what lies there. SAFETY: the namespace is a copy; once its visible
 * root is lazily unmounted in it, setns(2) to the namespace itself lands on the bottom.
 */
function toBottom(k: Kernel): Bottom {
  const namespace = k.open('/proc/self/ns/mnt', O_RDONLY)
  k.umount2('/', MNT_DETACH)
  k.setns(namespace, CLONE_NEWNS)
  k.close(namespace)
  return k.statfs('/').type === NULL_FS_MAGIC ? 'nullfs' : 'absolute'
}

/** The bottom as "/". Nothing is ever written there: the bed lies on its /dev, or on nullfs itself. */
function bottomBed(k: Kernel, bottom: Bottom): void {
  const found = toBottom(k)
  if (found !== bottom) throw new Error(`Cannot make the bed '${bottom}': '${found}' is at the bottom`)
  k.mount('bed', bottom === 'nullfs' ? '/' : '/dev', 'tmpfs', 0, null)
  makeBed(k, BED_ROOTS[bottom])
}

/** A copy of the mount namespace in which everything is private, left again afterwards. */
function inNamespace<T>(k: Kernel, home: Fd, body: () => T): T {
  k.unshare(CLONE_NEWNS)
  k.mount('none', '/', null, MS_REC | MS_PRIVATE, null)
  try {
    return body()
  } finally {
    k.setns(home, CLONE_NEWNS)
  }
}

function runCase(k: Kernel, home: Fd, c: ContractCase, directory: string): RealAnswer {
  try {
    return inNamespace(k, home, () => {
      if (c.bed === 'mount') mountBed(k, directory)
      else bottomBed(k, c.bed)
      return { case: c, observed: observe(k, c) }
    })
  } catch (error) {
    return { case: c, error: errorLine(error) }
  }
}

/** What runs on this machine, and what was observed of each case that its kernel can show, in the order of the table. */
export interface RealAnswers {
  readonly bottom: Bottom
  readonly answers: readonly RealAnswer[]
}

/** What was observed, or why the case could not be run. */
export interface RealAnswer {
  readonly case: ContractCase
  readonly observed?: string | Observation
  readonly error?: string
}

/** Runs the table; the thread that calls shares its file system state with no other one afterwards. `directory` is an empty one. */
export function runContract(k: Kernel, directory: string): RealAnswers {
  const home = k.open('/proc/self/ns/mnt', O_RDONLY)
  // setns(2) to a mount namespace wants a file system state that no other thread shares.
  k.unshare(CLONE_FS)
  const bottom = inNamespace(k, home, () => toBottom(k))
  const answers = allCases.filter((c) => c.bed === 'mount' || c.bed === bottom).map((c) => runCase(k, home, c, directory))
  k.close(home)
  return { bottom, answers }
}
