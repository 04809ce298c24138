// What a kernel gives an init that it starts itself: the measure for every hand-over. The same machine, image and
// kernel command line as a boot by fulcrum, but its /init is not to be found, so that the kernel mounts the root.
// Documentation/admin-guide/kernel-parameters.txt (rdinit=); init/main.c kernel_init().
import type { Test } from 'tap'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { diskImage } from './disk-images.ts'
import type { Fingerprint } from './fingerprint.ts'
import { BASE_APPEND, bootScenario, fingerprint, specifier } from './scenario.ts'
import { smallRoot } from './small-root.ts'
import { tapScript } from './tap-shell.ts'

export interface ReferenceMachine {
  readonly initrd: string
  readonly memoryMiB: number
  /** Words of the kernel command line that reach init. */
  readonly initWords: string
}

/** Boots as a subtest of `t` and returns the fingerprint. NVMe and ext4 are built into every test kernel. */
export async function kernelReference(t: Test, kernel: Kernel, machine: ReferenceMachine): Promise<Fingerprint> {
  const disk = diskImage({ fileSystem: 'ext4', table: 'gpt', tree: smallRoot(), label: 'small root' })
  let found: Fingerprint = new Map()
  await t.test(`reference: ${kernel.release} starts init itself`, async (t) => {
    const result = await bootScenario(t, {
      name: `reference-${kernel.series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: machine.initrd, memoryMiB: machine.memoryMiB,
        append: `${BASE_APPEND} rdinit=/none ${specifier(disk, 'PARTUUID')} ro ${machine.initWords}`,
        disks: [{ path: disk.path, bus: 'nvme' }],
      },
      script: tapScript('is "init runs in the root" "$(cat /usr/share/marker)" "real root"'),
    })
    found = fingerprint(result)
    t.ok(found.size > 60, `a fingerprint of ${found.size} values`)
  })
  return found
}
