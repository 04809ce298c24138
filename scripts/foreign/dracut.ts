// The test suite of dracut itself: VMs that boot images of dracut, and its parser of the kernel command line.
//
// Its test package and its source of Debian sid, run by chroot in a tree of their own, whatever they write in memory and
// gone afterwards. With fulcrum in place: the module is installed as a user would; for TEST-80 our shell library stands
// in for dracut-util. KVM is hidden, and QEMU is one at a time for the whole machine. dracut(8), chroot(1)

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectory } from '../setup/cache.ts'
import { ensureDebianTree } from '../setup/debian-tree.ts'
import { runTool } from '../setup/run-tool.ts'
import { CPU, ENTER_TREE } from './enter-tree.ts'
import { runLogged } from './run-logged.ts'
import { ensureSource } from './source-package.ts'
import { MACHINE_STARTS, outcomeOf } from './suite.ts'
import type { Outcome, RunOptions, Suite, Way } from './suite.ts'

const PROJECT = join(import.meta.dirname, '../..')
const PACKAGES = ['dracut', 'dracut-test', 'systemd', 'systemd-sysv', 'udev', 'kmod', 'util-linux', 'util-linux-extra', 'e2fsprogs', 'squashfs-tools', 'make',
  'btrfs-progs', 'lvm2', 'mdadm', 'cryptsetup-bin', 'dmsetup', 'parted', 'binutils', 'gawk', 'xxd']
const TESTS = ['TEST-10-BASIC', 'TEST-11-USR-MOUNT', 'TEST-14-HOOKS', 'TEST-20-STORAGE', 'TEST-21-OVERLAYFS', 'TEST-26-ENC-RAID-LVM', 'TEST-80-GETARG']

/** Shell lines: the tree with everything that is written in memory, no KVM, QEMU behind the lock of the machine. */
const IN_TREE = `
set -e
tree=$1 source=$2 lock=$3 test=$4 way=$5 program=$6 seam=$7
${ENTER_TREE}
qemu=$root/usr/bin/qemu-system-x86_64
mv "$(readlink -f "$qemu")" "$root/usr/bin/qemu.real"
rm -f "$qemu"
printf '%s\\n' '#!/bin/sh' 'case " $* " in *" -help "*) exec /usr/bin/qemu.real "$@" ;; esac' \\
  'exec flock --no-fork /run/qemu.lock sh -c '\\''echo "${MACHINE_STARTS}" >&2; exec /usr/bin/qemu.real "$@"'\\'' sh "$@"' > "$qemu"
chmod 755 "$qemu"
# The firmware that QEMU has itself, as where there is no OVMF: which of the two starts the kernel is not tested here.
rm -f "$root"/usr/share/OVMF/OVMF_CODE*
set -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb NO_KVM=1 V=1 QEMU_TIMEOUT=3600 QEMU_CPU=${CPU} DEBUGFAIL=mitigations=off basedir=/usr/lib/dracut testdir=/suite/test
if [ "$way" = fulcrum ] && [ -n "$seam" ]; then
  mkdir "$root/seam"
  cp -a "$seam/." "$root/seam/"
  set -- "$@" PKGLIBDIR=/seam
elif [ "$way" = fulcrum ]; then
  "$program" install --root "$root" dracut
fi
# Without systemd in the initramfs the switch is a program's that can be replaced.
kernel=$(ls "$root/usr/lib/modules" | head -n 1)
# Images that make the disks are made without these arguments, for the kernel that uname(1) names.
mv "$root/usr/bin/uname" "$root/usr/bin/uname.real"
printf '%s\\n' '#!/bin/sh' 'case "$*" in -r) echo '"$kernel"' ;; *) exec /usr/bin/uname.real "$@" ;; esac' > "$root/usr/bin/uname"
chmod 755 "$root/usr/bin/uname"
set -- "$@" "TEST_DRACUT_ARGS=--omit systemd --kver $kernel --compress-level 1" "KVERSION=$kernel"
chroot "$root" sh -c 'cd "/suite/test/$0" && exec "$@" ./test.sh --all' "$test" "$@"
`

/** A directory that looks like dracut's own to TEST-80, with our shell library and its getarg behind their names. */
function makeSeam(): string {
  const seam = mkdtempSync(join(tmpdir(), 'fulcrum-seam-'))
  const base = join(seam, 'modules.d/80base')
  mkdirSync(base, { recursive: true })
  copyFileSync(join(PROJECT, 'initrd-builder/dracut-hooks/dracut-lib.sh'), join(base, 'dracut-lib.sh'))
  writeFileSync(join(base, 'dracut-dev-lib.sh'), '')
  const util = ['#!/bin/sh', '. /seam/modules.d/80base/dracut-lib.sh', `getcmdline() { printf '%s\\n' "$CMDLINE"; }`,
    'case $0 in *getargs) getargs "$@" ;; *) getarg "$@" ;; esac', '']
  writeFileSync(join(seam, 'dracut-util'), util.join('\n'), { mode: 0o755 })
  return seam
}

/** The version of the dracut in the tree: the source has to be the same. */
function versionIn(tree: string): string {
  return runTool('chroot', [tree, 'dpkg-query', '-W', '-f', '${Version}', 'dracut-core'])
}

const ensureTree = (): string => ensureDebianTree('dracut-suite', 'sid', PACKAGES)

async function run(test: string, way: Way, { limitMinutes }: RunOptions): Promise<Outcome> {
  const tree = ensureTree()
  const source = ensureSource('dracut', 'sid', versionIn(tree))
  const program = join(PROJECT, 'dist/fulcrum')
  if (!existsSync(program)) throw new Error(`Cannot find '${program}': run 'npm run build' first`)
  const isGetarg = test === 'TEST-80-GETARG'
  const seam = isGetarg ? makeSeam() : ''
  const lock = process.env['FULCRUM_QEMU_LOCK'] ?? '/tmp/qemu.lock'
  const log = join(cacheDirectory('foreign'), `${test}-${way}.log`)
  try {
    const args = ['sh', '-c', IN_TREE, 'sh', tree, source, lock, test, way, program, seam]
    return outcomeOf({ test, way, log }, await runLogged({ args, log, limitMinutes }), !isGetarg)
  } finally {
    if (seam !== '') rmSync(seam, { recursive: true })
  }
}

export const dracutSuite: Suite = { name: 'dracut', what: "dracut's own tests, of Debian sid", tests: TESTS, version: () => versionIn(ensureTree()), run }
