// Runs a TypeScript program in a guest of one of the test kernels and reports its TAP as points of the test:
//
//     await nodeGuest(t, { name: 'oracles-6.1', kernel: ensureKernel('6.1'), entry: join(import.meta.dirname, 'oracles.guest.ts') })
//
// The program is bundled as fulcrum itself is and started by Node as root. Its standard output is the TAP
// (guest-tap.ts), its standard error the console, its exit status has to be 0. The file's name ends in `.guest.ts`
// (or lies in a folder `testing`), and it makes its own kernel: createKoffiKernel() of src/kernel/koffi-kernel.ts.
//
// The machine: no initramfs, unless `initrd` names one; the kernel itself mounts "/", an ext4 that can be written to and forgets it afterwards;
// busybox in /bin; /proc, /sys, /dev with pts and shm, /sys/fs/cgroup (cgroup2), /run and /tmp as tmpfs; everything
// shared as on a host with systemd, unless `propagation` says 'private'. About 6 s.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { bundleMain } from '../../bundle/bundle-main.ts'
import { prepareNode } from '../../bundle/prepare-node.ts'
import { koffiAddon, pinnedNode } from '../../bundle/project.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { diskImage } from './disk-images.ts'
import { elfClosure } from './elf-closure.ts'
import { guestModules } from './guest-modules.ts'
import type { Expectation } from './judge.ts'
import { ownPath } from './own-files.ts'
import { shellQuote } from './qemu-arguments.ts'
import type { GuestResult, GuestSpec } from './run-guest.ts'
import { BASE_APPEND, bootScenario, specifier } from './scenario.ts'
import { smallRoot } from './small-root.ts'
import { scratchFolder, writeTree } from './tree.ts'
import type { Tree } from './tree.ts'

export interface NodeGuestSpec {
  /** Names the artifacts of a bad run. */
  readonly name: string
  readonly kernel: Kernel
  /** Absolute path of the program. */
  readonly entry: string
  /** Its arguments, process.argv from 2 on. */
  readonly args?: readonly string[]
  /** Modules that are loaded first, with what they need: 'loop', 'overlay', 'erofs'. Built-in ones are no mistake. */
  readonly modules?: readonly string[]
  /** Files that are there beside the small root's, at any path; `fulcrumInRoot()` for the packed program. */
  readonly files?: Tree
  /** How the mounts are when the program starts: 'shared' is the default. */
  readonly propagation?: 'shared' | 'private'
  /** An initramfs of fulcrum that switches to the root: testImage(); `append` may say how (fulcrum.switch=move). */
  readonly initrd?: string
  /** 512 by default. */
  readonly memoryMiB?: number
  readonly timeoutMs?: number
  /** Added to the kernel command line. */
  readonly append?: string
  readonly icount?: boolean
  /** What else is demanded, as of any guest: by default complete, good TAP and a power-off. */
  readonly expectation?: Expectation
}

const DISK_MIB = 448
const PAYLOAD = 'payload'

/** The root with Node: the same for every program, so that the cache has it once. */
function nodeRoot(): Tree {
  return {
    ...smallRoot(),
    ...elfClosure([pinnedNode]),
    'bin/node': { type: 'file', source: prepareNode(pinnedNode).strippedNode, mode: 0o755 },
    'lib/fulcrum/koffi.node': { type: 'file', source: koffiAddon },
    sys: { type: 'directory' },
  }
}

/** What changes from run to run, as a tar archive that is the bytes of a disk. Gone when this process ends. */
function archive(tree: Tree, name: string): string {
  const folder = scratchFolder(`payload-${name}`)
  const path = ownPath('images', `payload-${name}`, '.tar')
  try {
    writeTree(tree, folder)
    runTool('tar', ['--create', '--file', path, '--owner=0', '--group=0', '-C', folder, ...readdirSync(folder)])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return path
}

/** The shell around the program. The disk is known by its serial number: NVMe devices are numbered as they are found. */
function script(spec: NodeGuestSpec): string {
  return `
for try in $(busybox seq 1200); do
  for at in /sys/block/*/device/serial; do
    case $(cat $at 2> /dev/null) in ${PAYLOAD}*) at=\${at#/sys/block/}; disk=/dev/\${at%%/*};; esac
  done
  [ -n "$disk" ] && [ -e $disk ] && break; sleep 0.1
done
busybox tar -x -f "$disk" -C / || exit 10
missing() { mkdir -p $1; ! awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo; }
missing /dev/pts && mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
missing /dev/shm && mount -t tmpfs tmpfs /dev/shm
missing /run && mount -t tmpfs tmpfs /run
missing /tmp && mount -t tmpfs -o mode=1777 tmpfs /tmp
missing /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup
for at in /guest/load/*.ko; do [ ! -e $at ] || busybox insmod $at || exit 11; done
busybox ip link set lo up
mount --make-r${spec.propagation ?? 'shared'} /
cd /
exec env -i PATH=/bin:/sbin HOME=/root TERM=linux FULCRUM_KERNEL_SERIES=${spec.kernel.series} /bin/node /guest/program.cjs ${(spec.args ?? []).map(shellQuote).join(' ')}
`
}

/** The guest as runGuest() takes it. */
export async function nodeGuestSpec(spec: NodeGuestSpec): Promise<GuestSpec> {
  const root = diskImage({ fileSystem: 'ext4', table: 'gpt', tree: nodeRoot(), sizeMiB: DISK_MIB, label: 'node root' })
  const program = await bundleMain(spec.entry)
  const modules = Object.entries(guestModules(spec.kernel, spec.modules ?? []))
  const payload = archive({
    'guest/program.cjs': { type: 'bytes', base64: program.toString('base64') },
    ...Object.fromEntries(modules.map(([name, entry]) => [`guest/load/${name}`, entry])),
    ...spec.files,
  }, spec.name)
  return {
    name: spec.name,
    machine: {
      kernel: spec.kernel.vmlinuz, memoryMiB: spec.memoryMiB ?? 512,
      ...(spec.initrd === undefined ? {} : { initrd: spec.initrd }),
      append: `${BASE_APPEND} ${specifier(root, 'PARTUUID')} rootwait rw ${spec.append ?? ''}`,
      disks: [{ path: root.path, bus: 'nvme', serial: 'root' }, { path: payload, bus: 'nvme', serial: PAYLOAD }],
      ...(spec.icount === undefined ? {} : { icount: spec.icount }),
    },
    script: script(spec),
    ...(spec.timeoutMs === undefined ? {} : { timeoutMs: spec.timeoutMs }),
    ...(spec.expectation === undefined ? {} : { expectation: spec.expectation }),
  }
}

/** Boots the guest, runs the program and reports into `t`; the result is for further checks (records, times). */
export async function nodeGuest(t: Test, spec: NodeGuestSpec): Promise<GuestResult> {
  return bootScenario(t, await nodeGuestSpec(spec))
}
