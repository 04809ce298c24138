// The shell side of scenarios: a few functions for busybox sh that print TAP, and common checks as text.
// The plan comes last, so that a script that dies in the middle has none and is red.

const PRELUDE = `
count=0
point() { # ok|not\\ ok, name
  count=$((count + 1)); echo "$1 $count - $2"
}
is() { # name, got, wanted
  if [ "$2" = "$3" ]; then point ok "$1"; else point "not ok" "$1"; echo "# got '$2', wanted '$3'"; fi
}
like() { # name, got, extended regular expression
  if echo "$2" | grep -Eq -- "$3"; then point ok "$1"; else point "not ok" "$1"; echo "# got '$2', wanted /$3/"; fi
}
yes() { # name, command...
  name=$1; shift
  if "$@"; then point ok "$name"; else point "not ok" "$name"; echo "# failed: $*"; fi
}
no() { # name, command...
  name=$1; shift
  if "$@"; then point "not ok" "$name"; echo "# did not fail: $*"; else point ok "$name"; fi
}
mounted_on() { awk -v at="$1" '$5 == at { n++ } END { print n + 0 }' /proc/self/mountinfo; }
type_of() { awk -v at="$1" '$5 == at { for (i = 6; i <= NF; i++) if ($i == "-") t = $(i + 1) } END { print t }' /proc/self/mountinfo; }
options_of() { awk -v at="$1" '$5 == at { print $6 }' /proc/self/mountinfo; }
record() { sed -n 's/^ "'"$1"'": "\\{0,1\\}\\([^",]*\\).*/\\1/p' /run/fulcrum/boot.json | head -n 1; }
kib() { awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo; }
`

/** A whole script: the functions, the checks, the plan. */
export function tapScript(...checks: readonly string[]): string {
  return [PRELUDE, ...checks, 'echo "1..$count"'].join('\n')
}

/** What every good switch to the small root must show, whoever did it. */
export function mountChecks(fileSystem: string): string {
  return `
is "the marker of the real root" "$(cat /usr/share/marker)" "real root"
is "type of the root" "$(type_of /)" "${fileSystem}"
is "one mount on /" "$(mounted_on /)" 1
for at in /proc /sys /dev /run; do is "one mount on $at" "$(mounted_on $at)" 1; done
is "type of /dev" "$(type_of /dev)" devtmpfs
is "no mount is shared" "$(grep shared: /proc/self/mountinfo)" ""
`
}

/** What every good boot by fulcrum into the small root must show. */
export function rootChecks(expected: { readonly fileSystem: string; readonly engine: 'move' | 'pivot' }): string {
  return `${mountChecks(expected.fileSystem)}
is "engine in the record" "$(record engine)" "${expected.engine}"
`
}

/** The kept layout: at two places, for root only, not to be written to, ready for systemd-shutdown. */
export function keptMountChecks(): string {
  return `
for at in /run/rootfs /run/initramfs; do
  is "one mount on $at" "$(mounted_on $at)" 1
  is "$at is for root only" "$(stat -c %a $at)" 700
  like "$at is read-only" "$(options_of $at)" '^ro(,|$)'
  no "nothing can be written below $at" touch $at/tmp/written
done
is "both are the same" "$(stat -c %d:%i /run/initramfs)" "$(stat -c %d:%i /run/rootfs)"
yes "the binary is visible" test -x /run/rootfs/bin/fulcrum
yes "systemd-shutdown finds its successor" test -x /run/initramfs/shutdown
yes "and a place for the real root" test -d /run/initramfs/oldroot
`
}

/** The initramfs is visible at /run/rootfs, and a process that it started says so. */
export function keptChecks(): string {
  return `${keptMountChecks()}
# Not by pidof: a process that was marked for systemd has another argv[0].
pid=$(for at in /proc/[0-9]*; do case $(readlink $at/exe) in */initramfs-sleeper) echo \${at#/proc/};; esac; done | head -n 1)
like "a process from the initramfs is alive" "$pid" '^[0-9]+$'
is "its executable is seen below /run/rootfs" "$(readlink /proc/$pid/exe)" /run/rootfs/bin/initramfs-sleeper
is "it and /run/rootfs are one file system" "$(stat -L -c %d /proc/$pid/exe)" "$(stat -c %d /run/rootfs)"
`
}

/** Nothing of the initramfs is left, in the tree or in memory. Its pages are unevictable (ramfs) or shmem (tmpfs). */
export function freedChecks(): string {
  return `
for at in /run/rootfs /run/initramfs; do is "nothing on $at" "$(mounted_on $at)" 0; done
is "rootfs is not visible" "$(awk '/ - rootfs /' /proc/self/mountinfo)" ""
try=0
until left=$(( $(kib Unevictable) + $(kib Shmem) )); [ $left -lt 2048 ] || [ $try -ge 120 ]; do try=$((try + 1)); sleep 0.5; done
yes "the memory of the initramfs is free, $left KiB left" test $left -lt 2048
`
}
