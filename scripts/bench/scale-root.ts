// The guest of `npm run bench -- scale`: an initramfs with busybox, our program, peers and the tool that fills and times.
// It is all that the guest has. What is measured stands in the initramfs, where the boot stands, and in the end the
// guest's PID 1 becomes `fulcrum switch` to a root on a tmpfs, whose init says when it began.
// proc(5), ldd(1)

import fs from 'node:fs'
import path from 'node:path'
import { elfClosure } from '../../qemu-tests/harness/elf-closure.ts'
import { busybox } from '../../qemu-tests/harness/small-root.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { SWITCH, SWITCH_BOOT } from './scale-cases.ts'
import type { Case, Subject } from './scale-cases.ts'
import { scaleTool } from './scale-tool.ts'

const FILL: Readonly<Record<Subject, string>> = {
  mounts: 'mount -t tmpfs run /run\n[ $n = 0 ] || tool mounts /run/fill $n',
  carried: 'tool stand /run/fill $n',
  processes: 'mount -t tmpfs run /run\ntool processes $n',
}

/**
 * PID 1 of the guest.
 * @param times how often each command runs
 * @param asBoot the switch is that of a boot's end
 */
export function initScript(subject: Subject, count: number, cases: readonly Case[], times: number, asBoot: boolean): string {
  const timed = cases.filter((it) => it.of.includes(subject))
  return `#!/bin/sh
export PATH=/bin:/usr/bin TERM=dumb
n=${count}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec < /dev/console > /dev/console 2>&1
${FILL[subject]}
# What the kernel still does after a boot is not to be in anybody's time; an idle guest's seconds cost none.
sleep 3
${timed.some((it) => it.words.includes('.json')) ? 'fulcrum mounts --json > /one.json\nmount -t tmpfs more /mnt\nfulcrum mounts --json > /two.json\numount /mnt' : ''}
${timed.map((it) => `tool time '${it.name}' ${times} ${it.words}`).join('\n')}
mount -t tmpfs root /sysroot
for name in dev proc sys run sbin; do mkdir -p /sysroot/$name; done
cp /bin/tool /sysroot/sbin/init
tool stamp '${asBoot ? SWITCH_BOOT : SWITCH}'
exec fulcrum switch ${asBoot ? '--boot ' : ''}/sysroot /sbin/init
`
}

/** Path of a program that the guest gets from this machine. */
function program(name: string): string {
  const found = ['/usr/bin', '/bin'].map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file))
  if (found === undefined) throw new Error(`Cannot measure '${name}': this machine has none; install util-linux and procps`)
  return found
}

/** The initramfs with this init. `fulcrum` is our executable, its addon beside it. */
export function scaleTree(fulcrum: string, init: string): Tree {
  const [findmnt, ps] = [program('findmnt'), program('ps')]
  const tree: Record<string, TreeEntry> = {
    ...elfClosure([fulcrum, findmnt, ps]),
    init: { type: 'text', text: init, mode: 0o755 },
    'bin/busybox': { type: 'file', source: busybox(), mode: 0o755 },
    'bin/tool': { type: 'file', source: scaleTool(), mode: 0o755 },
    'bin/fulcrum': { type: 'file', source: fulcrum, mode: 0o755 },
    'lib/fulcrum/koffi.node': { type: 'file', source: path.join(path.dirname(fulcrum), 'koffi.node'), mode: 0o755 },
    'usr/bin/findmnt': { type: 'file', source: findmnt, mode: 0o755 },
    'usr/bin/ps': { type: 'file', source: ps, mode: 0o755 },
  }
  for (const applet of ['sh', 'cp', 'mkdir', 'mount', 'sleep', 'umount']) tree[`bin/${applet}`] = { type: 'link', target: 'busybox' }
  for (const name of ['dev', 'proc', 'sys', 'run', 'mnt', 'sysroot', 'etc']) tree[name] = { type: 'directory' }
  return tree
}
