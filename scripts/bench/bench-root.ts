// The root that is booted when boots are measured: bench-init on ext4 on virtio-blk, and what peers want to see in a
// root. And the same init started by the kernel itself, from a disk that it needs no initramfs for: what it inherits
// there is what every hand-over is compared with. Documentation/admin-guide/kernel-parameters.txt (rdinit=)

import fs from 'node:fs'
import path from 'node:path'
import { diskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { DiskImage } from '../../qemu-tests/harness/disk-images.ts'
import type { Fingerprint } from '../../qemu-tests/harness/fingerprint.ts'
import { fingerprintOf } from '../../qemu-tests/harness/fingerprint.ts'
import { parseGuestReport } from '../../qemu-tests/harness/guest-report.ts'
import type { Machine } from '../../qemu-tests/harness/qemu-arguments.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { projectRoot } from '../../bundle/project.ts'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import type { Kernel } from '../setup/kernel.ts'
import { runTool } from '../setup/run-tool.ts'
import type { BenchImage } from './images.ts'
import { runMachine } from './run-machine.ts'

/** A root that every peer accepts as one: dracut looks for os-release and a loader, initramfs-tools for an fstab. */
function rootTree(): Tree {
  const guest = path.join(projectRoot, 'qemu-tests/guest')
  const sources = [path.join(import.meta.dirname, 'bench-init.c'), path.join(guest, 'fingerprint.c'), path.join(guest, 'json.c')]
  const init = makeAtomically(path.join(cacheDirectory('bench'), 'bench-init-2'), (temporary) =>
    runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', temporary, ...sources]))
  const tree: Record<string, TreeEntry> = {
    'sbin/init': { type: 'file', source: init, mode: 0o755 },
    'etc/fstab': { type: 'text', text: '' },
    'etc/os-release': { type: 'text', text: 'ID=bench\n' },
    'lib64/ld-linux-x86-64.so.2': { type: 'text', text: '', mode: 0o755 },
  }
  for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'usr', 'var', 'bin']) tree[name] = { type: 'directory' }
  return tree
}

export function benchDisk(): DiskImage {
  return diskImage({ fileSystem: 'ext4', tree: rootTree() })
}

const BASE = 'console=ttyS0 quiet panic=-1 initramfs_async=0'

/** The machine that boots this image from that disk. */
export function bootMachine(image: BenchImage, kernel: Kernel, disk: DiskImage): Machine {
  return {
    kernel: kernel.vmlinuz, initrd: image.path, memoryMiB: 1024, disks: [{ path: disk.path, bus: 'virtio' }],
    append: `${BASE} root=UUID=${disk.uuid ?? ''} ro ${image.append ?? ''}`.trimEnd(),
  }
}

/** What the kernel hands an init that it starts itself. NVMe and ext4 are built into Debian's cloud kernels. */
export function kernelsOwn(kernel: Kernel, disk: DiskImage): Fingerprint {
  const copy = { path: disk.path, bus: 'nvme' as const }
  const output = runMachine({ kernel: kernel.vmlinuz, memoryMiB: 1024, disks: [copy], append: `${BASE} root=/dev/nvme0n1 ro` })
  const found = fingerprintOf(parseGuestReport(output).records)
  if (found.size === 0) throw new Error(`Cannot measure what the kernel hands over: its own init did not report\n${output.slice(-1000)}`)
  return found
}

/** Size of a file. */
export const bytesOf = (file: string): number => fs.statSync(file).size
