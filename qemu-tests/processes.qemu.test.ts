// The zoo of processes across a real switch: origin, policy and killing, by each engine on every kernel.
// `fulcrum ps` and `fulcrum kill` run in the root, where they are after a switch; what they say is checked there.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { fulcrumInRoot } from './harness/fulcrum-in-root.ts'
import { guestProgram } from './harness/guest-programs.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const ALL = ['plain', 'mntns', 'userns', 'chroot', 'deleted', 'run', 'user', 'parent', 'marked', 'memfd', 'script', 'zombie']

/** Shell functions: `list` runs fulcrum ps, `field NAME KEY` reads from what it said. */
const FUNCTIONS = `
list() { fulcrum ps -a --json "$@" > /run/ps.json 2> /run/ps.err; is "fulcrum ps $*" "$?$(cat /run/ps.err)" 0; }
field() { awk -F'"' -v c="$1" -v f="$2" '$2 == "comm" { n = $4 } $2 == f && n == c { print $4 }' /run/ps.json; }
pid_of() { awk -F'"' -v c="$1" '$2 == "pid" { split($3, n, /[^0-9]+/); p = n[2] } $2 == "comm" && $4 == c { print p }' /run/ps.json; }
zoo() { awk -F'"' '$2 == "comm" && $4 ~ /^zoo-/ { print $4 }' /run/ps.json; }
`

/** What holds for every engine. */
const LOOK = `${FUNCTIONS}
list
for a in ${ALL.join(' ')}; do is "origin of zoo-$a" "$(field zoo-$a origin)" initramfs; done
is "origin of init" "$(field init origin | head -n 1)" root
is "origin of a kernel thread" "$(field kthreadd origin)" kernel
sleep 100 &
list
is "origin of a process of the root" "$(field sleep origin)" root
is "what is kept by systemd's mark" "$(field zoo-marked reason)" "its argv[0] begins with '@'"
`

const kernels = ['6.1', '6.12', '7.x'] as const
for (const series of kernels) {
  const kernel = ensureKernel(series)
  // A root with a systemd that heeds cgroups, as far as the boot looks.
  const systemd: Tree = { 'usr/lib/systemd/libsystemd-shared-257.so': { type: 'text', text: '' } }
  const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: { ...smallRoot(), ...fulcrumInRoot(), ...systemd }, label: 'zoo', sizeMiB: 192 })
  const boot = async (name: string, append: string, checks: string): Promise<void> => {
    await t.test(`${series}: ${name}`, async (t) => {
      const zoo = guestProgram('process-zoo')
      const include = [{ source: zoo, destination: '/bin/process-zoo' }, { source: zoo, destination: '/etc/fulcrum/hooks/pre-mount/10-zoo' }]
      await bootScenario(t, {
        name: `processes-${series}-${name.replace(/\W+/g, '-')}`,
        machine: {
          kernel: kernel.vmlinuz, initrd: await testImage(kernel, { include }), memoryMiB: 768,
          append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro ${append}`,
          disks: [{ path: disk.path, bus: 'virtio' }],
        },
        script: tapScript(checks),
        expectation: { report: 'tap', end: 'poweroff', consoleHas: [/^fulcrum: version /m], consoleLacks: [/rescue/, /Cannot end process/] },
      })
    })
  }
  await boot('pivot, kept', 'fulcrum.switch=pivot', `${LOOK}
is "one that ignores SIGTERM was kept too" "$(field zoo-deaf origin)" initramfs
like "a reason" "$(field zoo-plain reason)" 'initramfs is kept'
fulcrum kill --dry-run > /run/dry; is "status of a dry run" $? 0
is "it would kill nothing" "$(tail -n 1 /run/dry)" "nothing to kill"
fulcrum ps --pins > /run/pins; like "bytes that are pinned" "$(tail -n 1 /run/pins)" '^pinned of the initramfs: [0-9.]+ [KM]iB in [0-9]+ files'
fulcrum kill --default kill --timeout 5000 > /run/killed; is "status of kill" $? 0
like "one that ignores SIGTERM" "$(cat /run/killed)" 'zoo-deaf: ended by SIGKILL'
like "one that does not" "$(cat /run/killed)" 'zoo-plain: ended by SIGTERM'
list
is "what is left of the zoo" "$(zoo)" zoo-marked
is "a process of the root was left alone" "$(field sleep origin)" root
`)
  await boot('move, freed, with rules', 'fulcrum.switch=move fulcrum.process=kill:zoo-deaf,keep:zoo-*', `${LOOK}
is "the boot has killed what a rule named" "$(field zoo-deaf origin)" ""
like "and recorded it" "$(cat /run/fulcrum/boot.json)" '"what": "killed [0-9]+ zoo-deaf"'
like "its reason" "$(cat /run/fulcrum/boot.json)" '"reason": "rule fulcrum.process=keep:zoo-[*]"'
# Kept by a rule, so marked for systemd. Of another user only the cgroup counts.
is "cgroup2 is mounted once, and carried along" "$(mounted_on /sys/fs/cgroup) $(type_of /sys/fs/cgroup)" "1 cgroup2"
for a in plain mntns userns chroot deleted run parent memfd; do
  pid=$(pid_of zoo-$a)
  is "mark of zoo-$a" "$(field zoo-$a survives) $(head -c 1 /proc/$pid/cmdline) $(cat /proc/$pid/cgroup) $(cat /proc/$pid/oom_score_adj)" "cgroup @ 0::/fulcrum -1000"
done
pid=$(pid_of zoo-user)
is "mark of zoo-user" "$(field zoo-user survives) $(head -c 1 /proc/$pid/cmdline) $(cat /proc/$pid/cgroup)" "cgroup / 0::/fulcrum"
is "init is where it was" "$(cat /proc/1/cgroup)" "0::/"
like "the marks in the record" "$(cat /run/fulcrum/boot.json)" '"what": "mark [0-9]+ /bin/process-zoo"'
rm /run/fulcrum/boot.json
list
# Its own mountinfo still begins with the rootfs, on kernels without statmount(2) as well.
is "origin without the record of the boot" "$(field zoo-plain origin)" initramfs
`)
  await boot('pivot, freed, without rules', 'fulcrum.switch=pivot fulcrum.keep=none', `${FUNCTIONS}
list
no "nobody to mark, no cgroups" test -e /sys/fs/cgroup/cgroup.procs
is "only the marked one is left" "$(zoo)" zoo-marked
is "its origin" "$(field zoo-marked origin)" initramfs
fulcrum shutdown poweroff 2> /run/refused; is "there is nothing to return to" $? 112
like "and why" "$(cat /run/refused)" 'freed at the switch .keep=none.'
`)
}
