// The tests of initramfs-tools itself: VMs that boot images of mkinitramfs(8) to a small root, with and without network.
//
// Its source package of Debian, run by chroot in a tree with its packages; what they write is in memory and gone
// afterwards. With fulcrum in place: the hook is installed as a user would, and stands in for run-init. KVM is hidden,
// and QEMU is one at a time for the whole machine: the lock is taken outside of the tests' own time limit.  chroot(1)

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '../setup/cache.ts'
import { ensureDebianTree } from '../setup/debian-tree.ts'
import { runTool } from '../setup/run-tool.ts'
import { CPU, ENTER_TREE } from './enter-tree.ts'
import { runLogged } from './run-logged.ts'
import { ensureSource } from './source-package.ts'
import { outcomeOf } from './suite.ts'
import type { Outcome, RunOptions, Suite, Way } from './suite.ts'

const PROJECT = join(import.meta.dirname, '../..')
const RELEASE = 'trixie'
/** What debian/tests/control of the source names for these tests. */
const PACKAGES = ['initramfs-tools', 'busybox', 'dnsmasq', 'e2fsprogs', 'genext2fs', 'ipxe-qemu', 'iproute2', 'klibc-utils', 'linux-image-amd64', 'open-iscsi',
  'procps', 'python3', 'qemu-system-x86', 'tgt', 'udev', 'zstd']
const TESTS = ['qemu-klibc', 'qemu-busybox', 'qemu-virtio-only', 'qemu-ata-only', 'qemu-separate-usr', 'qemu-panic-shell', 'qemu-net', 'qemu-net-iscsi']

/** Shell lines. The wrapper of timeout(1) waits for the lock; the server, in the background, is beside the one machine. */
const IN_TREE = `
set -e
tree=$1 source=$2 lock=$3 test=$4 way=$5 program=$6
${ENTER_TREE}
printf '%s\\n' '#!/bin/sh' 'exec flock --no-fork /run/qemu.lock /usr/bin/timeout "$@"' > "$root/usr/local/bin/timeout"
printf '%s\\n' '#!/bin/sh' 'for word; do shift; [ "$word" != max ] || word=${CPU}; set -- "$@" "$word"; done' \\
  'exec /usr/bin/qemu-system-amd64 "$@"' > "$root/usr/local/bin/qemu-system-amd64"
chmod 755 "$root/usr/local/bin/timeout" "$root/usr/local/bin/qemu-system-amd64"
# What it grants other slow machines: two minutes are for KVM.
sed -i 's/QEMU_TIMEOUT=120$/QEMU_TIMEOUT=600/' "$root/suite/debian/tests/test-common"
[ "$way" = original ] || "$program" install --root "$root" --prefix /usr initramfs-tools
ip link set lo up
chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb sh -c 'cd /suite && exec "debian/tests/$0"' "$test"
`

const ensureTree = (): string => ensureDebianTree('initramfs-tools-suite', RELEASE, PACKAGES)
const versionIn = (tree: string): string => runTool('chroot', [tree, 'dpkg-query', '-W', '-f', '${Version}', 'initramfs-tools'])

async function run(test: string, way: Way, { limitMinutes }: RunOptions): Promise<Outcome> {
  const tree = ensureTree()
  const source = ensureSource('initramfs-tools', RELEASE, versionIn(tree))
  const program = join(PROJECT, 'dist/fulcrum')
  if (!existsSync(program)) throw new Error(`Cannot find '${program}': run 'npm run build' first`)
  const lock = process.env['FULCRUM_QEMU_LOCK'] ?? '/tmp/qemu.lock'
  const log = join(cacheDirectory('foreign'), `initramfs-tools-${test}-${way}.log`)
  // The network of the tests is theirs alone.
  const args = ['-n', 'sh', '-c', IN_TREE, 'sh', tree, source, lock, test, way, program]
  return outcomeOf({ test, way, log }, await runLogged({ args, log, limitMinutes }), true)
}

export const initramfsToolsSuite: Suite = {
  name: 'initramfs-tools', what: "the tests of Debian's initramfs-tools, of its source package", tests: TESTS, version: () => versionIn(ensureTree()), run,
}
