// Where `npm run bench -- spawn` runs its driver: in a guest that counts instructions, and on this machine.
// On both it stands in the same root (spawn-root.ts). On this machine that is a mount and a PID namespace of their own, in
// a cgroup of their own: whatever a peer leaves behind goes with them.
// unshare(1), pivot_root(8), cgroups(7)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { diskImage } from '../../qemu-tests/harness/disk-images.ts'
import { ownPath } from '../../qemu-tests/harness/own-files.ts'
import { scratchFolder, writeTree } from '../../qemu-tests/harness/tree.ts'
import type { Tree } from '../../qemu-tests/harness/tree.ts'
import type { Kernel } from '../setup/kernel.ts'
import { saveConsole } from './common.ts'
import { busyboxImage } from './images.ts'
import { runMachine } from './run-machine.ts'
import { BENCH, ENVIRONMENT } from './spawn-cases.ts'
import type { PeersRoot } from './spawn-root.ts'

/** Runs the driver with that plan and returns all that it wrote. */
export interface Place {
  readonly name: string
  /** Whether its nanoseconds are instructions. */
  readonly counts: boolean
  /** Linux 7.0 and newer. */
  readonly hasOpenTreeNamespace: boolean
  readonly run: (plan: string) => string
  /** Removes what was made for it. */
  readonly close: () => void
}

const BUSYBOX = `${BENCH}/root0/bin/busybox`
const DRIVE = (plan: string): string => `${BUSYBOX} env -i ${ENVIRONMENT.join(' ')} ${BENCH}/driver ${plan}`

const INIT = `#!${BUSYBOX} sh
b=${BUSYBOX}
$b mount -t proc proc /proc
$b mount -o remount,rw /
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
$b mount -t cgroup2 cgroup /sys/fs/cgroup
$b mount -t tmpfs run /run
$b mount -t tmpfs tmp /tmp
${BENCH}/guest-init script > /run/plan
${DRIVE('/run/plan')} 2>&1
$b poweroff -f
`

function isSeven(release: string): boolean {
  return Number.parseInt(release, 10) >= 7
}

/** A guest of that kernel, made anew for each plan. */
export function guestPlace(kernel: Kernel, peers: PeersRoot, bench: Tree, options: { readonly timeoutSeconds: number; readonly console: string | undefined }): Place {
  const disk = diskImage({
    fileSystem: 'ext4', sizeMiB: 640, base: { folder: peers.tree, key: peers.key },
    tree: { ...bench, 'usr/sbin/init': { type: 'text', text: INIT, mode: 0o755 } },
  })
  // It holds our programs as they are now: nobody will ask for it again, so it goes with this process.
  const own = ownPath('images', 'spawn-disk', '.img')
  fs.renameSync(disk.path, own)
  const initrd = busyboxImage(kernel).path
  let runs = 0
  return {
    name: `guest of Linux ${kernel.release}`,
    counts: true,
    hasOpenTreeNamespace: isSeven(kernel.release),
    run: (plan) => {
      const script = ownPath('scratch', 'spawn-plan')
      fs.writeFileSync(script, plan)
      const output = runMachine({
        kernel: kernel.vmlinuz, initrd, memoryMiB: 2048, disks: [{ path: own, bus: 'virtio' }], script,
        append: `console=ttyS0 quiet panic=-1 initramfs_async=0 root=UUID=${disk.uuid ?? ''} ro`,
      }, false, options.timeoutSeconds)
      saveConsole(options.console, `spawn-${++runs}`, output)
      return output
    },
    close: () => fs.rmSync(own, { force: true }),
  }
}

// $1 is the peers' tree, $2 the folder for /bench, $3 the cgroup's directory.
const ENTER = `set -e
echo $$ > "$3/cgroup.procs"
exec unshare --mount --propagation private --pid --fork --kill-child --cgroup sh -c '
set -e
mount --bind "$1" "$1"
cd "$1"
mount --bind "$2" .${BENCH}
mount -t proc proc proc
mount -t sysfs sys sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount --bind /dev dev
mount -t tmpfs run run
mount -t tmpfs tmp tmp
mount -t tmpfs old mnt
mkdir mnt/old
pivot_root . mnt/old
cd /
${BUSYBOX} umount -l /mnt
exec ${DRIVE(`${BENCH}/plan`)}
' sh "$1" "$2"`

function cgroup2Directory(): string {
  const line = fs.readFileSync('/proc/self/mounts', 'utf8').split('\n').map((text) => text.split(' ')).find(([, , fstype]) => fstype === 'cgroup2')
  if (line?.[1] === undefined) throw new Error(`Cannot measure on this machine: cgroup2 is not mounted; see 'mount -t cgroup2'`)
  return line[1]
}

/** Directories of cgroup2, the deepest first: nobody is in them any more. */
function removeCgroup(directory: string): void {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) removeCgroup(path.join(directory, entry.name))
  fs.rmdirSync(directory)
}

/** This machine, in namespaces that end with each plan. Needs root. */
export function hostPlace(peers: PeersRoot, bench: Tree): Place {
  const folder = scratchFolder('spawn-bench')
  writeTree(bench, path.join(folder))
  const place = path.join(folder, BENCH.slice(1))
  return {
    name: 'this machine',
    counts: false,
    hasOpenTreeNamespace: isSeven(os.release()),
    run: (plan) => {
      fs.writeFileSync(path.join(place, 'plan'), plan)
      const cgroup = path.join(cgroup2Directory(), `fulcrum-bench-${process.pid}`)
      fs.mkdirSync(cgroup)
      try {
        const { stdout, status, error } = spawnSync('sh', ['-c', ENTER, 'sh', peers.tree, place, cgroup], {
          encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20,
        })
        if (error !== undefined) throw new Error(`Cannot measure on this machine: ${error.message}`)
        if (status !== 0) throw new Error(`Cannot measure on this machine: status ${status}: ${stdout.slice(-2000)}`)
        return stdout
      } finally {
        removeCgroup(cgroup)
      }
    },
    close: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
}
