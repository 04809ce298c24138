// Real input: a Debian root with systemd, made from Debian's packages, boots to its login prompt by both engines,
// with no failed unit that the same root does not also have under the initramfs that Debian itself makes.
import t from 'tap'
import type { Test } from 'tap'
import { ensureDebianInitramfs, ensureDebianRoot } from '../scripts/setup/debian-root.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { debianDisk } from './harness/debian-disk.ts'
import type { GuestResult, GuestSpec } from './harness/run-guest.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { keptChecks, tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const REPORT = `
point ok "systemd finished starting: $(cat /run/fulcrum-report.state)"
for unit in $(systemctl --failed --no-legend --plain | cut -d" " -f1); do
  echo "{\\"record\\":\\"failed-unit\\",\\"unit\\":\\"$unit\\"}"
done
is "type of the root" "$(type_of /)" ext4
is "one mount on /" "$(mounted_on /)" 1
is "systemd has remounted the root" "$(options_of / | cut -d, -f1)" rw
echo "{\\"record\\":\\"analyze\\",\\"text\\":\\"$(systemd-analyze time | head -n 1)\\"}"
`

const FULCRUM_REPORT = `
like "systemd knows when the initramfs ran" "$(systemd-analyze time)" '\\(initrd\\)'
no "the root is not marked as an initramfs" test -e /etc/initrd-release
is "/run is from the initramfs, and kept" "$(record version | grep -c .)" 1
no "no unit of an initrd is active" systemctl is-active --quiet initrd.target
`

// Behind keptChecks(), which sets $pid.
const MARK_CHECKS = `
is "what a rule keeps has its mark" "$(head -c 1 /proc/$pid/cmdline)" @
is "and stays in the cgroup that systemd spares" "$(cat /proc/$pid/cgroup)" 0::/fulcrum
is "systemd uses the cgroups that it found" "$(mounted_on /sys/fs/cgroup) $(cat /proc/1/cgroup)" "1 0::/init.scope"
like "mounted as it would have done it" "$(grep ' cgroup2 ' /proc/mounts)" nsdelegate,memory_recursiveprot
`

/** Services have mount namespaces of their own, and the kept initramfs is in none of them. */
const HIDDEN = `
host=$(readlink /proc/1/ns/mnt)
others=0; seeing=""
for process in /proc/[0-9]*; do
  [ "$(readlink $process/ns/mnt)" = "$host" ] && continue
  grep -q . $process/mountinfo || continue
  others=$((others + 1))
  grep -q " /run/\\(rootfs\\|initramfs\\) " $process/mountinfo && seeing="$seeing $(cat $process/comm)"
done
yes "there are $others processes in a mount namespace of their own" test "$others" -gt 1
is "none of them has the initramfs in it" "$seeing" ""
systemd-run --quiet --wait -p PrivateMounts=yes sh -c 'grep -c " /run/rootfs " /proc/self/mountinfo > /run/probe'
is "nor has one that is started now" "$(cat /run/probe)" 0
yes "the unit that hides it is done" systemctl is-active --quiet fulcrum-hide.service
`

/** The names of the units that failed in a guest. */
function failedUnits(result: GuestResult): string[] {
  return result.report.records.filter(({ record }) => record === 'failed-unit').map(({ fields }) => String(fields.get('unit'))).sort()
}

/** As dracut's own is, but for what it does when it stops: that would unpack an initramfs. dracut-shutdown.service(8) */
const DRACUT_SHUTDOWN = `[Unit]
DefaultDependencies=no
ConditionPathExists=!/run/initramfs/bin/sh
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sh -c 'echo dracut would unpack > /dev/console'
[Install]
WantedBy=sysinit.target
`

const disk = debianDisk({ more: {
  'etc/systemd/system/dracut-shutdown.service': { type: 'text', text: DRACUT_SHUTDOWN },
  'etc/systemd/system/sysinit.target.wants/dracut-shutdown.service': { type: 'link', target: '/etc/systemd/system/dracut-shutdown.service' },
} })
const root = ensureDebianRoot()

function spec(name: string, machine: GuestSpec['machine'], script: string): GuestSpec {
  return {
    name,
    machine,
    script,
    converse: async (console) => { await console.waitFor(/login: /) },
  }
}

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  const machine = { kernel: kernel.vmlinuz, memoryMiB: 1024, disks: [{ path: disk.path, bus: 'virtio' as const }] }
  const append = `${BASE_APPEND} ${specifier(disk, 'UUID')} ro`
  /** Units that fail under the initramfs that Debian itself makes: asked only if one fails under ours. */
  let baseline: string[] | undefined
  const failedByDebian = async (t: Test): Promise<string[]> => {
    await t.test(`${series}: Debian by its own initramfs, to compare with`, async (t) => {
      const initrd = ensureDebianInitramfs(root, kernel)
      baseline = failedUnits(await bootScenario(t, spec(`debian-own-${series}`, { ...machine, initrd, append }, tapScript(REPORT))))
      t.comment(`failed units: ${baseline.join(' ') || 'none'}`)
    })
    return baseline ?? []
  }
  for (const engine of ['move', 'pivot'] as const) {
    await t.test(`${series}: Debian by engine ${engine} to the login prompt`, async (t) => {
      const initrd = await testImage(kernel, { include: sleeperIncludes() })
      const checks = tapScript(REPORT, FULCRUM_REPORT, `is "engine" "$(record engine)" ${engine}`, engine === 'pivot' ? `${keptChecks()}${MARK_CHECKS}${HIDDEN}` : '', `
is "dracut's restore service has something to do" "$(systemctl is-active dracut-shutdown.service)" ${engine === 'pivot' ? 'inactive' : 'active'}`)
      const result = await bootScenario(t, spec(`debian-${engine}-${series}`,
        { ...machine, initrd, append: `${append} fulcrum.switch=${engine}${engine === 'pivot' ? ' fulcrum.process=keep:/bin/initramfs-sleeper' : ''}` }, checks))
      const failed = failedUnits(result)
      const expected = failed.length === 0 ? [] : baseline ?? await failedByDebian(t)
      const worse = failed.filter((unit) => !expected.includes(unit))
      t.same(worse, [], 'no unit fails that does not fail under Debian\'s own initramfs')
    })
  }
}
