// The kept initramfs as a running system sees it: who may look into it, what can be written, what it costs.
// One boot per kernel and way of keeping, into the small root, since nothing here is about the root.
import { writeFileSync } from 'node:fs'
import t from 'tap'
import type { Keep } from '../src/facts/switch-types.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import type { KernelSeries } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4 } from './harness/check-ext4.ts'
import { diskImage } from './harness/disk-images.ts'
import { ownPath } from './harness/own-files.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { freedChecks, keptMountChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const disk = diskImage({
  fileSystem: 'ext4', label: 'good-root',
  tree: { ...smallRoot(), 'etc/passwd': { type: 'text', text: 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' } },
})

/** What another user sees. */
const OTHER_USER = `
as_user() { busybox su -s /bin/sh user -c "$*"; }
yes "another user can look elsewhere" as_user ls /run
for at in /run/rootfs /run/initramfs; do
  no "another user cannot list $at" as_user ls $at
  no "nor read a file in it" as_user cat $at/etc/initrd-release
done
`

/** A process of the initramfs lives on, with its files. */
const ALIVE = `
pid=$(pidof initramfs-sleeper sleeper | cut -d" " -f1)
like "a process from the initramfs is alive" "$pid" '^[0-9]+$'
yes "its program can be read" test -s /proc/$pid/exe
`

const MARKER = `marker-of-a-secret-${process.pid}`
const secret = ownPath('scratch', 'secret')
writeFileSync(secret, `${MARKER}\n`)

/** Nothing of the secret is left in files of up to half a MB, which take a second; the marker is put together so that this script does not hold it. */
const NO_SECRET = `
marker=marker-of-a-secret; marker="$marker-${process.pid}"
is "no file below /run/rootfs has the secret" "$(find /run/rootfs -type f -size -999 -exec grep -l "$marker" {} + 2> /dev/null)" ""
like "it was overwritten" "$(grep -A 5 '"what": "overwrite and delete .*/etc/keys/disk' /run/fulcrum/boot.json | tr -d '\\n')" '"bytes": [1-9]'
`

/**
 * What is held once everything is dropped that can be. Unevictable is what the initramfs, a ramfs, and a file of it
 * below a loop device count as; free memory wanders by 50 MB, because pages wait in lists of the processors.
 */
const MEMORY = `
sync; echo 3 > /proc/sys/vm/drop_caches; sleep 0.5; echo 3 > /proc/sys/vm/drop_caches
echo "{\\"record\\":\\"kept-memory\\",\\"free\\":$(kib MemFree),\\"available\\":$(kib MemAvailable),\\"unevictable\\":$(kib Unevictable)}"
`

const SLIM = `${keptMountChecks()}
is "what is kept is the copy" "$(type_of /run/rootfs)" squashfs
is "the record says so" "$(record keep)" slim
like "and knows its file system" "$(sed -n '/initramfsDevices/,/]/p' /run/fulcrum/boot.json)" "\\"$(stat -c %d /run/rootfs)\\""
for at in proc sys dev run sysroot oldroot tmp; do yes "/$at is in it" test -d /run/initramfs/$at; done
like "the console is in it" "$(stat -c '%F %t %T' /run/initramfs/dev/console)" '^character special file 5 1$'
is "its program can be read" "$(head -c 4 /run/rootfs/bin/fulcrum | tail -c 3)" ELF
no "no modules are in it" test -e /run/rootfs/lib/modules
like "no other rootfs is visible" "$(awk '/ - rootfs /' /proc/self/mountinfo)" '^$'
like "it runs" "$(/run/rootfs/bin/busybox echo yes)" yes
`

interface Row {
  readonly series: KernelSeries
  readonly engine: 'move' | 'pivot'
  readonly keep: Keep
  readonly checks: string
}

const ROWS: readonly Row[] = [
  { series: '6.1', engine: 'pivot', keep: 'none', checks: freedChecks() },
  { series: '6.1', engine: 'pivot', keep: 'slim', checks: SLIM },
  { series: '6.12', engine: 'pivot', keep: 'full', checks: keptMountChecks() },
  { series: '6.12', engine: 'move', keep: 'none', checks: freedChecks() },
  { series: '6.12', engine: 'move', keep: 'slim', checks: SLIM },
  { series: '7.x', engine: 'move', keep: 'full', checks: keptMountChecks() },
  { series: '7.x', engine: 'pivot', keep: 'none', checks: freedChecks() },
  { series: '7.x', engine: 'pivot', keep: 'slim', checks: SLIM },
]

const held = new Map<string, number>()

for (const { series, engine, keep, checks } of ROWS) {
  await t.test(`${series}: keep ${keep} by ${engine}`, async (t) => {
    const kernel = ensureKernel(series)
    // One image for all: the command line is stronger than what it was built with.
    const initrd = await testImage(kernel, {
      keep: 'slim', features: ['shell'], include: keep === 'none' ? [] : sleeperIncludes(), secrets: [{ source: secret, destination: '/etc/keys/disk' }],
    })
    const result = await bootScenario(t, {
      name: `keep-${keep}-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: 384, disks: [{ path: disk.path, bus: 'virtio' }],
        append: `${BASE_APPEND} root=LABEL=good-root ro fulcrum.switch=${engine} ${keep === 'slim' ? '' : `fulcrum.keep=${keep}`}`,
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine }), checks, NO_SECRET, ...(keep === 'none' ? [] : [OTHER_USER, ALIVE]), MEMORY),
      expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/, ignoring/, /Cannot/] },
    })
    const memory = result.report.records.find(({ record }) => record === 'kept-memory')?.fields
    const kib = Number(memory?.get('unevictable'))
    held.set(`${series} ${keep}`, kib)
    const cost = kib - (held.get(`${series} none`) ?? Number.NaN)
    t.comment(`memory: ${JSON.stringify([...(memory ?? [])])}, ${cost} KiB more held than with none`)
    if (keep === 'slim') t.ok(cost <= 40_000, `the copy costs ${cost} KiB`)
  })
}

/** What systemd-shutdown does at its end: the API file systems bound, pivot_root with put_old /oldroot, exec. */
const GO_DOWN = `#!/bin/sh
export PATH=/bin:/sbin
mount -o remount,rw /; echo written > /var/file
cd /run/initramfs
for at in proc sys dev run; do mount --bind /$at /run/initramfs/$at || echo "not ok bind $at"; done
busybox pivot_root . oldroot || echo "not ok pivot_root"
exec busybox chroot . /shutdown poweroff --log-target=console < dev/console > dev/console 2>&1
`

await t.test('6.12: from the compressed copy the root is taken down', async (t) => {
  const kernel = ensureKernel('6.12')
  const root = diskImage({ fileSystem: 'ext4', label: 'way-back', tree: { ...smallRoot(), 'sbin/go-down': { type: 'text', text: GO_DOWN, mode: 0o755 } } })
  await bootScenario(t, {
    name: 'keep-slim-way-back',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel, { keep: 'slim' }), memoryMiB: 384,
      append: `${BASE_APPEND} root=LABEL=way-back ro init=/sbin/go-down`, disks: [{ path: root.path, bus: 'virtio', writable: true }],
    },
    expectation: {
      report: 'none', end: 'poweroff', consoleHas: [/as its compressed copy/, /unmounted \/oldroot \(ext4/, /old root taken down in \d+ ms: /],
      consoleLacks: [/^not ok/m, /rescue/, /not all of it/, /Cannot/],
    },
    afterwards: ([path = '']) => checkExt4(path, { files: [] }),
  })
})
