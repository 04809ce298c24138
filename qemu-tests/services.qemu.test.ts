// Services on 6.1, 6.12 and 7.x: one copy of each mount event by pivot and by OPEN_TREE_NAMESPACE, two by move, counted
// in the whole namespace. What is checked is in src/spawn/testing/service-checks.ts; the host's kernel runs it as well.
import { join } from 'node:path'
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { fulcrumInRoot } from './harness/fulcrum-in-root.ts'
import { nodeGuest } from './harness/node-guest.ts'
import { plainInitramfs } from './harness/plain-initramfs.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { tapScript } from './harness/tap-shell.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

for (const series of ['6.1', '6.12', '7.x'] as const) {
  await t.test(series, async (t) => {
    await nodeGuest(t, { name: `services-${series}`, kernel: ensureKernel(series), entry: join(import.meta.dirname, 'testing/services.guest.ts') })
  })
}

/** No namespace can be pivoted away from the absolute root, so that there is no template: what is left is move. */
const IN_INITRAMFS = `
mount -t tmpfs tmpfs /tmp
mount --make-rshared /
mkdir -p /tmp/root/bin /tmp/root/mnt /tmp/other
cp /bin/busybox /tmp/root/bin/sleep
like "pivot is refused" "$(/bin/fulcrum run --service --engine pivot /tmp/root -- /bin/sleep 0 2>&1)" 'in the initramfs, which pivot_root.2. cannot move before Linux 7.0.*--engine move'
/bin/fulcrum run --service --name inside /tmp/root -- /bin/sleep 1000 2> /tmp/error &
for try in $(busybox seq 240); do pid=$(pidof sleep | cut -d ' ' -f 1); [ -n "$pid" ] && break; busybox sleep 0.5; done
is "auto works" "$(cat /tmp/error)" ""
is "its root" "$(readlink /proc/$pid/root) $(ls /proc/$pid/root | tr '\\n' ' ')" "/ bin mnt "
mount -t tmpfs event /tmp/root/mnt
is "an event arrives" "$(grep -c ' /mnt .* tmpfs event ' /proc/$pid/mountinfo)" 1
umount /tmp/root/mnt
is "and goes" "$(grep -c ' /mnt ' /proc/$pid/mountinfo)" 0
kill -9 $pid
wait
`

await t.test('6.12: in the initramfs', async (t) => {
  const initrd = plainInitramfs({ ...smallRoot(), ...fulcrumInRoot(), init: { type: 'link', target: 'sbin/init' } }, { forThisRun: true })
  await bootScenario(t, {
    name: 'services-initramfs', machine: { kernel: ensureKernel('6.12').vmlinuz, initrd, memoryMiB: 768, append: BASE_APPEND },
    script: tapScript(IN_INITRAMFS), expectation: { report: 'tap', end: 'poweroff' },
  })
})
