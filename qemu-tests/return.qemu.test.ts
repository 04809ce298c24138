// The way back and forward again. Ten rounds of switch and return on the small root with nothing that grows: no mount,
// hidden or not, no descriptor, no process, no memory; PID 1 returns by exec in some rounds, a child replaces it in
// others. Then busybox's init: a person in between, and a power-off from a shell, with the disk judged from the host.
// The small root has no fulcrum of its own: the kept one is called.
import t from 'tap'
import { KERNEL_SERIES, ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, PARTITION_OFFSET, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import { debianDisk } from './harness/debian-disk.ts'
import { diskImage } from './harness/disk-images.ts'
import { guestProgram } from './harness/guest-programs.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

/** PID 1 of each round; `rounds` comes from the kernel command line. What it writes down is one KEY VALUE per line. */
const ROUNDS_INIT = `#!/bin/sh
export PATH=/bin:/sbin
round=$(($(cat /rounds/count 2>/dev/null) + 1)); echo $round > /rounds/count
# Pages in the lists of the processors are free as well: up to 80 MB.
free() { awk '$1 == "count:" { sum += $2 * 4 } $1 == "MemFree:" { sum += $2 } END { print sum }' /proc/zoneinfo /proc/meminfo; }
kib() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }
sync; echo 3 > /proc/sys/vm/drop_caches; sleep 0.2; echo 3 > /proc/sys/vm/drop_caches
{
  echo "mounts $(wc -l < /proc/self/mountinfo)"
  echo "hidden $(mount-count)"
  # Ids are given out lowest first: one more for each mount that is left over, on kernels that cannot count them too.
  mkdir /run/probe; mount -t tmpfs probe /run/probe
  echo "free-id $(awk '$5 == "/run/probe" { print $1 }' /proc/self/mountinfo)"
  umount /run/probe; rmdir /run/probe
  # By PID 1 itself: in $(…) a child counts, at times before PID 1 has closed the child's end of the pipe.
  set -- /proc/1/fd/*; echo "fds $#"
  echo "children $(wc -w < /proc/1/task/1/children)"
  echo "programs $(for p in /proc/[0-9]*; do readlink $p/exe; done | grep -v busybox | sort | tr '\\n' ' ')"
  echo "files $(find /run | sort | tr '\\n' ' ')"
  echo "free $(free)"
  for key in Unevictable Shmem SUnreclaim PageTables; do echo "$key $(kib $key)"; done
  echo "umask $(umask)"
  echo "state $(grep -E '^(Sig(Blk|Ign|Cgt)|CapBnd|NoNewPrivs)' /proc/1/status | tr '\\n\\t' '  ')"
  echo "limits $(md5sum < /proc/1/limits)"
} > /rounds/$round
echo "round $round"
if [ $round -lt $rounds ]; then
  # By exec; by a child of PID 1, which is replaced by it while it waits for it.
  [ $((round % 3)) = 1 ] && exec chroot /run/rootfs /bin/fulcrum return
  chroot /run/rootfs /bin/fulcrum return --timeout 2
  echo "not-replaced $?" >> /rounds/$round
  exec chroot /run/rootfs /bin/fulcrum return
fi
exec /sbin/guest-init
`

const APPLETS: Tree = Object.fromEntries(['chroot', 'md5sum', 'sort', 'rmdir', 'seq'].map((name) => [`bin/${name}`, { type: 'link', target: 'busybox' }]))

const roundsRoot: Tree = {
  ...smallRoot(), ...APPLETS,
  'sbin/guest-init': { type: 'file', source: guestProgram('guest-init'), mode: 0o755 },
  'sbin/init': { type: 'text', text: ROUNDS_INIT, mode: 0o755 },
  'bin/mount-count': { type: 'file', source: guestProgram('mount-count'), mode: 0o755 },
  rounds: { type: 'directory' },
}

/** Kinds of kernel memory come and go a little; a round may keep at most this much, in KiB, and all of them together this much more. */
const DRIFT = 300
const WANDERS = 2048

const ROUNDS_CHECKS = `
of() { awk -v key="$2" '$1 == key { $1 = ""; print substr($0, 2) }' /rounds/$1; }
is "rounds" "$(cat /rounds/count)" $rounds
# The first round differs: before it nothing had been mounted, loaded and left.
for key in mounts hidden free-id fds children programs files umask state limits not-replaced; do
  for round in $(seq 3 $rounds); do is "$key, round $round" "$(of $round $key)" "$(of 2 $key)"; done
done
like "one sleeper, not one of each round" "$(of $rounds programs)" '^[^ ]*/initramfs-sleeper *$'
for key in free Unevictable Shmem SUnreclaim PageTables; do
  echo "# $key: $(for round in $(seq 1 $rounds); do of $round $key; done | tr '\\n' ' ')"
  echo "$key: $(for round in $(seq 1 $rounds); do of $round $key; done | tr '\\n' ' ')" >&2
done
for key in Unevictable Shmem SUnreclaim PageTables; do
  yes "$key does not grow" test $(( $(of $rounds $key) - $(of 2 $key) )) -lt $(( ${DRIFT} * (rounds - 2) + ${WANDERS} ))
done
yes "free memory does not shrink" test $(( $(of 2 free) - $(of $rounds free) )) -lt $(( ${DRIFT} * (rounds - 2) + ${WANDERS} ))
is "returns in the record" "$(record returns)" $((rounds - 1))
`

async function rounds(series: (typeof KERNEL_SERIES)[number], engine: 'move' | 'pivot', keep: 'full' | 'slim', count: number): Promise<void> {
  await t.test(`${series}: ${count} rounds by ${engine}, ${keep} initramfs`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: roundsRoot, label: 'rounds', sizeMiB: 64 })
    await bootScenario(t, {
      name: `rounds-${series}-${engine}-${keep}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel, { include: sleeperIncludes(), keep }), memoryMiB: 768,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} rw fulcrum.switch=${engine} fulcrum.keep=${keep} rounds=${count}`,
        disks: [{ path: disk.path, bus: 'virtio' }],
      },
      script: tapScript(`rounds=${count}`, ROUNDS_CHECKS),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /Cannot/] },
    })
  })
}

const LEFT: readonly KnownFile[] = [
  { path: '/var/closed', word: 'closed', lines: 20_000 },
  { path: '/var/synced', word: 'synced', lines: 500, isSynced: true },
  // By a process that is told to end, and finds its files: it is before the root is left.
  { path: '/var/saved', word: 'saved', lines: 1 },
]

/** busybox's init with what a machine has: a start script, something that is started again and again, a shell. */
const busyboxRoot: Tree = {
  ...smallRoot(), ...APPLETS,
  'sbin/init': { type: 'link', target: '../bin/busybox' },
  'etc/inittab': { type: 'text', text: '::sysinit:/etc/start\n::respawn:/etc/daemon\n::respawn:/bin/sleep 2\n::once:/etc/leave\n' },
  'etc/start': { type: 'text', mode: 0o755, text: '#!/bin/sh\nmount -o remount,rw /\nmkdir -p /mnt/inner; mount -t tmpfs inner /mnt/inner\n' },
  'etc/daemon': {
    type: 'text', mode: 0o755,
    text: `#!/bin/sh\ntrap 'test -e /etc/inittab && echo "saved 1" > /var/saved; exit' TERM\nwhile :; do sleep 1; done\n`,
  },
  'etc/leave': {
    type: 'text', mode: 0o755,
    text: `#!/bin/sh
export PATH=/bin
cd /var
if [ ! -e /var/returned ]; then
  touch /var/returned
  echo "leaving for a shell"
  exec chroot /run/rootfs /bin/fulcrum return --shell --timeout 3
fi
echo "back again, $(sed -n 's/^ "returns": \\([0-9]*\\).*/\\1/p' /run/fulcrum/boot.json)"
rm -f /var/saved
${writeKnownFiles(LEFT.slice(0, 2))}
chroot /run/rootfs /bin/fulcrum shutdown --dry-run poweroff
echo "leaving for good"
exec chroot /run/rootfs /bin/fulcrum shutdown poweroff --timeout 3
`,
  },
}

async function withBusyboxInit(series: (typeof KERNEL_SERIES)[number], engine: 'move' | 'pivot'): Promise<void> {
  await t.test(`${series}: busybox's init, by ${engine}: a person in between, then power-off`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', table: 'none', tree: busyboxRoot, label: 'busybox', sizeMiB: 64 })
    let told = ''
    let mounts = ''
    await bootScenario(t, {
      name: `busybox-init-${series}-${engine}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro fulcrum.switch=${engine} fulcrum.keep=full fulcrum.panic=0`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      converse: async (console) => {
        const talk = new RescueTalk(console)
        told = await talk.prompt()
        mounts = await talk.command('mounts')
        talk.last('continue')
      },
      expectation: {
        report: 'none', end: 'poweroff', consoleLacks: [/Cannot/],
        consoleHas: [/leaving for a shell[^]*back again, 1[^]*pivot_root\("\.", "oldroot"\)[^]*leaving for good/, /old root taken down/],
      },
      afterwards: ([path = '']) => checkExt4(path, { files: LEFT }),
    })
    t.match(told, /Stopped at 'pre-mount', as asked/)
    t.notMatch(mounts, /oldroot|sysroot|\/run\/rootfs|\/dev\/vda/, 'the root is not mounted while a person looks at it')
  })
}

/** systemd is asked to reboot, comes back through /run/initramfs/shutdown, and finds itself started again. */
async function withSystemd(series: (typeof KERNEL_SERIES)[number]): Promise<void> {
  await t.test(`${series}: Debian with systemd returns and starts again`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = debianDisk()
    await bootScenario(t, {
      name: `systemd-return-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 1024,
        append: `${BASE_APPEND} ${specifier(disk, 'UUID')} ro`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      // A service's credentials are a mount for as long as the service runs, and getty starts when nothing else does: before or after this.
      script: tapScript(`
settled_mounts() { cut -d' ' -f5 /proc/self/mountinfo | grep -v '^/run/credentials/' | sort; }
if [ "$(record returns)" = 0 ]; then
  settled_mounts > /run/mounts-before; systemctl --failed --no-legend --plain > /run/failed-before
  chroot /run/rootfs /bin/fulcrum return > /dev/console 2>&1; sleep 300
fi
is "returns" "$(record returns)" 1
like "systemd finished starting" "$(cat /run/fulcrum-report.state)" '^(running|degraded)$'
is "units that failed" "$(systemctl --failed --no-legend --plain)" "$(cat /run/failed-before)"
settled_mounts > /run/mounts-now
is "other mounts than before" "$(diff /run/mounts-before /run/mounts-now | grep '^[<>]')" ""
for at in / /proc /sys /dev /run /run/rootfs /run/initramfs /sys/fs/cgroup; do is "one mount on $at" "$(mounted_on $at)" 1; done
no "nobody may not log in" test -e /run/nologin
`),
      expectation: {
        report: 'tap', end: 'poweroff', consoleLacks: [/Cannot (?!feed the watchdog)/],
        consoleHas: [/old root taken down[^]*fulcrum: version[^]*login: [^]*old root taken down/],
      },
      afterwards: ([path = '']) => checkExt4(path, { offset: PARTITION_OFFSET }),
    })
  })
}

/** systemd itself is replaced while it runs, by ptrace(2), and is not asked. */
async function forced(series: (typeof KERNEL_SERIES)[number]): Promise<void> {
  await t.test(`${series}: a running systemd is replaced, and the root is clean`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = debianDisk()
    await bootScenario(t, {
      name: `systemd-forced-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 1024,
        append: `${BASE_APPEND} ${specifier(disk, 'UUID')} ro`,
        disks: [{ path: disk.path, bus: 'virtio', writable: true }],
      },
      script: tapScript('chroot /run/rootfs /bin/fulcrum shutdown --force poweroff > /dev/console 2>&1; sleep 300'),
      expectation: { report: 'none', end: 'poweroff', consoleHas: [/login: [^]*unmounted \/oldroot \(ext4[^]*old root taken down in \d+ ms: /], consoleLacks: [/systemd-shutdown/, /fulcrum: Cannot/] },
      afterwards: ([path = '']) => checkExt4(path, { offset: PARTITION_OFFSET }),
    })
  })
}

await rounds('6.12', 'pivot', 'full', 10)
await rounds('6.1', 'move', 'full', 6)
await rounds('7.x', 'pivot', 'full', 6)
await rounds('6.12', 'pivot', 'slim', 4)
await withBusyboxInit('6.12', 'pivot')
await withBusyboxInit('7.x', 'move')
await withSystemd('6.12')
await forced('6.12')
