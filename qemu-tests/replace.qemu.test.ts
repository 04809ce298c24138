// fulcrum replace in guests: /usr from images, twice in a row, under readers in four namespaces, beside unmount and
// mount; a submount carried, the old one kept, lifted by a service, rolled back, layers, "/". 6.1 refuses.
import t from 'tap'
import { join } from 'node:path'
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
const hook = join(import.meta.dirname, 'hooks/replace-on-initramfs')
ensureDebianPackages(TEST_PACKAGES)

function version(marker: string, more: Tree = {}): string {
  return diskImage({ fileSystem: 'squashfs', tree: { marker: { type: 'text', text: `${marker}\n` }, local: { type: 'directory' }, ...more } }).path
}
const file = (source: string): Tree[string] => ({ type: 'file', source })
const extension = diskImage({ fileSystem: 'squashfs', tree: { 'usr/from-extension': { type: 'text', text: 'yes\n' } } }).path
const root: Tree = {
  ...smallRoot(), ...fulcrumInRoot(),
  'bin/marker-reader': { type: 'file', source: guestProgram('marker-reader'), mode: 0o755 },
  'usr/marker': { type: 'text', text: 'below\n' }, srv: { type: 'directory' },
  'srv/1': file(version('1')), 'srv/2': file(version('2')), 'srv/3': file(version('3')), 'srv/4': file(version('4')), 'srv/extension': file(extension),
}

const BEGIN = `
mount --make-rshared /
mount -t squashfs -o loop /srv/1 /usr
mount -t tmpfs local /usr/local; echo local > /usr/local/file
is_ready() { for try in $(busybox seq 600); do grep -q ready /run/reader-$1 && break; busybox usleep 200000; done; }
start() {
  readers=""
  for mode in host peer slave pivot; do
    marker-reader $mode /usr/marker > /run/reader-$mode & readers="$readers $!"
  done
  for mode in host peer slave pivot; do is_ready $mode; done
  echo "# readers run"
}
stop() { kill $readers; wait $readers; cat /run/reader-* | grep reads | sed 's/^/# /'; }
field() { cat /run/reader-* | awk -v f="$1" '{ for (i = 1; i < NF; i++) if ($i == f) n += $(i + 1) } END { print n + 0 }'; }
newest() { for mode in host peer slave pivot; do awk '/reads/ { for (i = 1; i < NF; i++) if ($i == "newest") print $(i + 1) }' /run/reader-$mode; done | tr '\\n' ' '; }
loops() { cat /sys/block/loop*/loop/backing_file 2> /dev/null | wc -l; }
`

const SWAPS = `${BEGIN}
# As it is done without fulcrum: the readers must see it, or they prove nothing.
start
umount /usr/local
for i in 2 3 4 2 3 1; do umount -l /usr; mount -t squashfs -o loop /srv/$i /usr; busybox usleep 100000; done
mount -t tmpfs local /usr/local; echo local > /usr/local/file
stop
yes "unmount and mount: $(( $(field below) + $(field errors) )) wrong of $(field reads) reads" test $(( $(field below) + $(field errors) )) -gt 0

start
slave=$(echo $readers | cut -d ' ' -f 3)
fulcrum replace /srv/2 /usr > /run/out 2>&1; is "status of the first" $? 0; sed 's/^/# /' /run/out
is "all four flipped" "$(grep -c '^  flipped' /run/out)" 4
fulcrum replace --keep-for-rollback /srv/3 /usr > /run/out 2>&1; is "status of the second" $? 0
busybox sleep 2
stop
yes "at least 100,000 reads: $(field reads)" test "$(field reads)" -ge 100000
is "wrong reads: what lies below, errors, steps back" "$(field below) $(field errors) $(field back)" "0 0 0"
is "all have seen the last one" "$(newest)" "3 3 3 3 "
is "the submount came along" "$(cat /usr/local/file) $(mounted_on /usr/local)" "local 1"
is "one mount on /usr" "$(mounted_on /usr)" 1
is "the first image is free, the second is kept" "$(loops)" 2
fulcrum replace --rollback /usr > /run/out 2>&1; is "status of the rollback" $? 0
is "the second is back" "$(cat /usr/marker) $(cat /usr/local/file) $(mounted_on /usr)" "2 local 1"
is "the third is free" "$(loops)" 1

rm /run/reader-host; marker-reader slave /usr/marker > /run/reader-host & service=$!
is_ready host
fulcrum replace --keep-old /srv/4 /usr > /run/out 2>&1; is "status with the old one kept" $? 0
like "both wait" "$(grep -c '^  pending' /run/out)" '^[2-9]$'
is "the old one is to be seen" "$(cat /usr/marker)" 2
busybox nsenter -t $service -m fulcrum replace --finish /usr > /run/out 2>&1
is "the service has lifted it, the host has not" "$(cat /proc/$service/root/usr/marker) $(cat /usr/marker)" "4 2"
fulcrum replace --finish /usr > /run/out 2>&1; is "status of finish" $? 0
is "and now the host" "$(cat /usr/marker) $(cat /usr/local/file) $(mounted_on /usr)" "4 local 1"
kill $service; wait $service

fulcrum replace --layer /srv/extension /usr > /run/out 2>&1; is "status of a layer" $? 0; sed 's/^/# /' /run/out
is "the extension lies over the base" "$(cat /usr/from-extension) $(cat /usr/marker) $(cat /usr/local/file) $(type_of /usr)" "yes 4 local overlay"

yes "the root can be written to" touch /srv/x
fulcrum replace --read-only / / > /run/out 2>&1; is "status for /" $? 0; sed 's/^/# /' /run/out
no "for this shell it is another now" touch /srv/y
is "with all that was on it" "$(cat /usr/from-extension) $(cat /usr/local/file) $(mounted_on /) $(mounted_on /proc)" "yes local 1 1"
`

const REFUSED = `${BEGIN}
fulcrum replace /srv/2 /usr > /run/out 2>&1; is "status on a kernel that cannot" $? 112
like "the reason" "$(cat /run/out)" 'Linux 6\\.5.*allow-window.*\\[beneath-impossible\\]'
is "nothing was done" "$(cat /usr/marker) $(loops)" "1 1"
fulcrum replace --allow-window /srv/2 /usr > /run/out 2>&1; is "status with a window" $? 0; sed 's/^/# /' /run/out
like "it was said before" "$(head -n 1 /run/out)" 'readers see what lies below'
is "done" "$(cat /usr/marker) $(cat /usr/local/file) $(mounted_on /usr) $(loops)" "2 local 1 1"
`

/** What the hook found on the initramfs, as an extended regular expression. */
const refusedThere = "directly on the initramfs.*\\[beneath-impossible\\]"
const rows = [
  { series: '6.1', engine: 'pivot', checks: REFUSED, there: 'Linux 6[.]5' },
  // Nothing was bound: the initramfs is the root of the namespace.
  { series: '6.12', engine: 'move', checks: SWAPS, there: refusedThere },
  { series: '7.x', engine: 'pivot', checks: SWAPS, there: 'status 0 new' },
] as const
for (const { series, engine, checks, there } of rows) {
  await t.test(`${series}: ${series === '6.1' ? 'refused, and with a window' : '/usr and / under readers'}`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: root, label: 'replace', sizeMiB: 192 })
    await bootScenario(t, {
      name: `replace-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel, { load: ['loop', 'squashfs', 'overlay'], features: ['shell'], include: [{ source: hook, destination: '/etc/fulcrum/hooks/pre-mount/50-replace' }] }), memoryMiB: 512,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} rw fulcrum.switch=${engine} fulcrum.keep=none`,
        disks: [{ path: disk.path, bus: 'virtio' }],
      },
      script: tapScript(`like "on the initramfs" "$(cat /run/on-initramfs)" '${there}'`, checks),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/] },
    })
  })
}
