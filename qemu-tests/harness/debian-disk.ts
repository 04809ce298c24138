// The disk with a real Debian: the fetched root, plus a unit that waits until systemd has finished starting, runs
// the scenario's script with the virtio port as its output, and powers off.
// The unit is not part of what start-up waits for, so it changes nothing of what it reports about.
// Man pages: systemd.service(5), systemctl(1), fstab(5).
import { diskImage } from './disk-images.ts'
import type { DiskImage } from './disk-images.ts'
import { guestProgram } from './guest-programs.ts'
import type { Tree } from './tree.ts'
import { ensureDebianRoot } from '../../scripts/setup/debian-root.ts'

const LABEL = 'debian-root'

const REPORT_UNIT = `[Unit]
Description=Report of the fulcrum tests
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target

[Service]
Type=simple
ExecStart=/usr/local/sbin/fulcrum-report
KillMode=process
`

const REPORT_SCRIPT = `#!/bin/sh
# Waits for the end of start-up and for the login prompt, reports, powers off.
port=/dev/virtio-ports/org.fulcrum.tap
until [ -e "$port" ]; do sleep 0.2; done
systemctl is-system-running --wait > /run/fulcrum-report.state
# The prompt belongs to no job: a getty that waits for somebody to type has written it. read(0), poll, select, pselect6, ppoll
has_prompt() {
  pid=$(systemctl show -P MainPID serial-getty@ttyS0)
  { read -r comm < "/proc/$pid/comm" && read -r call first rest < "/proc/$pid/syscall"; } 2> /dev/null || return
  [ "$comm" = agetty ] && case "$call $first" in "0 0x0" | "7 "* | "23 "* | "270 "* | "271 "*) ;; *) false ;; esac
}
if systemctl is-active --quiet serial-getty@ttyS0; then
  for try in $(seq 600); do has_prompt && break; sleep 0.2; done
fi
exec > "$port"
/usr/local/sbin/guest-init script > /run/fulcrum-report.sh
sh /run/fulcrum-report.sh
echo "{\\"record\\":\\"done\\",\\"scriptStatus\\":$?}"
exec > /dev/null
systemctl poweroff
`

/** What a Debian tree needs to report: a name, an fstab, and the unit that runs the scenario's script. */
export function debianOverlay(): Tree {
  return {
    'etc/fstab': { type: 'text', text: `LABEL=${LABEL} / ext4 errors=remount-ro 0 1\n` },
    'etc/hostname': { type: 'text', text: 'fulcrum\n' },
    // Newer than /usr, as on every system that has been booted before: nobody makes the caches of /usr again. systemd-update-done.service(8)
    'etc/.updated': { type: 'text', text: '' },
    'var/.updated': { type: 'text', text: '' },
    // A machine that is slow is not one whose devices or services fail.
    'etc/systemd/system.conf.d/patience.conf': { type: 'text', text: '[Manager]\nDefaultTimeoutStartSec=900\nDefaultDeviceTimeoutSec=900\n' },
    // Any fixed one: an empty one would make every boot a first boot.
    'etc/machine-id': { type: 'text', text: '0f0c0f0c0f0c4f0c8f0c0f0c0f0c0f0c\n', mode: 0o444 },
    'etc/systemd/system/fulcrum-report.service': { type: 'text', text: REPORT_UNIT },
    'etc/systemd/system/multi-user.target.wants/fulcrum-report.service': {
      type: 'link', target: '/etc/systemd/system/fulcrum-report.service',
    },
    'usr/local/sbin/fulcrum-report': { type: 'text', text: REPORT_SCRIPT, mode: 0o755 },
    'usr/local/sbin/guest-init': { type: 'file', source: guestProgram('guest-init'), mode: 0o755 },
  }
}

/** The disk with Debian and systemd, ext4 with UUID and label: in a GPT partition, or with `more` files and the table of it. */
export function debianDisk(variant: { readonly table?: 'none' | 'gpt'; readonly more?: Tree } = {}): DiskImage {
  const root = ensureDebianRoot()
  return diskImage({
    fileSystem: 'ext4', table: variant.table ?? 'gpt', label: LABEL, sizeMiB: 1024, tree: { ...debianOverlay(), ...variant.more },
    base: { folder: root.tree, key: root.key },
  })
}
