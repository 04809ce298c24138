// What the demo's guest runs once it is up: a shell script that reports, over the virtio port, what there is to see.
// It decides nothing: every fact goes out as a line of JSON and evidence.ts judges them on this side. Runs in
// busybox (small root) and in Debian's sh; the words of the records are the contract between the two files. They
// begin with 'demo-': the init of the small root sends records of its own.

const COMMON = `
quote() { tr '\\t\\n' '  ' | sed -e 's/[\\\\"]/\\\\&/g' -e 's/ *$//'; }
say() { printf '{"record":"demo-%s","text":"%s"}\\n' "$1" "$(quote)"; }

printf '{"record":"demo-boot","data":'; tr '\\n' ' ' < /run/fulcrum/boot.json; echo '}'
uname -r | say kernel
dmesg | grep -E 'Run /[^ ]+ as init|Freeing initrd memory|Unpacking initramfs|unpack rootfs' | while read -r line; do echo "$line" | say dmesg; done
awk '$5 == "/" || $5 == "/run/rootfs"' /proc/self/mountinfo | while read -r line; do echo "$line" | say mountinfo; done
stat -c %d / | say device
if [ -e /run/rootfs/bin/fulcrum ]; then ls /run/rootfs | say rootfs; fi
awk '$1 == "Shmem:" || $1 == "Unevictable:" { n += $2 } END { print n }' /proc/meminfo | say pinned
for process in /proc/[0-9]*; do
  exe=$(readlink "$process/exe") || continue
  printf '{"record":"demo-process","pid":%d,"device":%d,"exe":"%s","command":"%s"}\\n' "\${process#/proc/}" \\
    "$(stat -L -c %d "$process/exe")" "$(echo "$exe" | quote)" "$(tr '\\0' ' ' < "$process/cmdline" | quote)"
done
`

const SYSTEMD = `
for property in InitRDTimestampMonotonic UserspaceTimestampMonotonic FinishTimestampMonotonic; do
  systemctl show -p "$property" | say systemd
done
try=0
until systemctl -q is-active serial-getty@ttyS0.service || [ $try -ge 100 ]; do sleep 0.2; try=$((try + 1)); done
systemctl show -p ActiveEnterTimestampMonotonic serial-getty@ttyS0.service | say getty
systemd-analyze | say analyze
systemctl --failed --plain --no-legend | say failed
cat /run/fulcrum-report.state | say state
`

/** The script. TAP's plan is there for the harness, which takes silence for failure. */
export function guestScript(hasSystemd: boolean): string {
  return `${COMMON}${hasSystemd ? SYSTEMD : ''}echo "ok 1 - reported"\necho 1..1\n`
}
