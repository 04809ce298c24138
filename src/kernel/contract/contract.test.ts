// The contract table on the model kernel. contract.ns.test.ts runs the same table on the running kernel.

import t from 'tap'
import { MNT_DETACH } from '../../abi/mount.ts'
import { createModelKernel, type ModelKernel } from '../model/model-kernel.ts'
import { dir } from '../model/vfs.ts'
import { allCases } from './all-cases.ts'
import { makeBed, observe, type ContractCase } from './case.ts'

/** The beds as case.ts promises them, made of a fresh machine. */
function modelBed(bed: ContractCase['bed'], absoluteRoot: boolean): ModelKernel {
  const k = createModelKernel({ absoluteRoot, files: { '/dev': dir() } })
  if (bed === 'nullfs') {
    const [nullfs] = k.world.mounts.all
    if (nullfs === undefined) throw new Error('a world without mounts')
    k.umount2('/', MNT_DETACH)
    k.proc.root = k.proc.cwd = { mnt: nullfs, node: nullfs.root }
    k.mount('bed', '/', 'tmpfs', 0, null)
    makeBed(k, '/..')
    return k
  }
  k.mount('bed', '/dev', 'tmpfs', 0, null)
  if (bed === 'absolute') {
    makeBed(k, '/dev')
    return k
  }
  k.chdir('/dev')
  k.mount('.', '/', null, 0x2000, null)
  k.chroot('.')
  k.chdir('/')
  makeBed(k, '')
  return k
}

t.test('names are unique', async (t) => {
  const names = allCases.map((c) => c.name)
  t.equal(new Set(names).size, names.length)
})

for (const c of allCases) {
  t.test(c.name, async (t) => {
    t.strictSame(observe(modelBed(c.bed, c.bed !== 'nullfs'), c), c.expect)
    // An ordinary root has to behave alike whether nullfs (Linux 7.0) or the initramfs lies at the bottom.
    if (c.bed === 'mount') t.strictSame(observe(modelBed(c.bed, false), c), c.expect, 'on nullfs')
  })
}
