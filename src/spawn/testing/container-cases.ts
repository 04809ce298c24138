// What containers are like from inside, as cases: a request, a script, and what it has to print.
//
// The same cases on this machine (container.ns.test.ts) and in the guests (qemu-tests/containers.qemu.test.ts).

import type { Bind } from '../../facts/run/run-types.ts'
import { MAP } from './container-room.ts'
import type { ContainerRoom, Wish } from './container-room.ts'

export interface ContainerCase {
  readonly name: string
  readonly wish?: Wish
  /** With a terminal. */
  readonly terminal?: boolean
  /** With bindsOf(). */
  readonly bindsOfRoom?: boolean
  readonly script: string
  /** The whole output without the last newline, or its lines. */
  readonly output: string | readonly string[]
  readonly code?: number
}

/** The command may be faster than PID 1, which becomes init when the command is one already. */
const INIT = 'until grep -q init /proc/1/comm; do sleep 0.01; done'
/** A command that an attacker would try: "name: refused" unless it works. */
const TRY = 'try() { n=$1; shift; if "$@" > /dev/null 2>&1; then echo "$n: done"; else echo "$n: refused"; fi; };'
const ATTACKS = `${TRY}
try 'root off' umount -l /
try 'devices off' umount /dev
try 'read-only off' mount -o remount,rw,bind /
try 'bind read-write' mount -o remount,rw,bind /mnt
try 'bind off' umount -l /mnt
try 'memory device' mknod /tmp/mem c 1 1
try 'disk device' mknod /dev/disk b 254 0
try 'write to proc' sh -c 'echo 1 > /proc/sys/kernel/printk'
try 'write to sysrq' sh -c 'echo h > /proc/sysrq-trigger'
try 'write to sys' sh -c 'echo 1 > /sys/kernel/profiling'
try 'host by nsenter' nsenter -t 1 -m true
${INIT}
try 'program of init' sh -c ': >> /proc/1/exe'
`
const refused = ['root off', 'devices off', 'read-only off', 'bind read-write', 'bind off', 'memory device', 'disk device', 'write to proc', 'write to sysrq', 'write to sys', 'host by nsenter', 'program of init'].map((name) => `${name}: refused`)
const NESTED = 'umount /proc/keys || echo keys locked; mount -o remount,rw,bind / || echo root read-only; mknod /tmp/n c 1 1 || echo no device; mount -t proc proc /mnt || echo no proc'
const TERMINAL = 'tty; stat -c %u:%g /dev/pts/0; echo to the console > /dev/console; [ /dev/console -ef /dev/pts/0 ] && echo same; (: > /dev/tty) && echo controlling; echo $(cut -d" " -f5 /proc/self/mountinfo | grep -e ^/dev/console -e ^/dev/pts | sort)'
/** Of /proc/self/mountinfo: mount points in the order of their names. */
const MOUNTS = "cut -d' ' -f5 /proc/self/mountinfo | grep -v -e ^/proc/ -e ^/sys/ | sort"
const OWN = ['/', '/dev', '/dev/mqueue', '/dev/pts', '/dev/shm', '/proc', '/run', '/sys', '/tmp']
const LIMITED = { name: 'limited', cgroupParent: '/fulcrum-test', limits: { memoryMax: 64 << 20, pidsMax: 7, cpuMaxUs: 50_000, cpuWeight: 50 } } as const

const identity = `${INIT}; id -u; hostname; cat /proc/1/comm; cat /proc/self/uid_map | tr -s ' '; cut -d: -f3 /proc/self/cgroup | tail -n1; ls /sys/class/net; stat -c '%u:%g %A' / /dev/null /dev/shm /run`

export const CASES: readonly ContainerCase[] = [
  { name: 'no user namespace', script: identity.replace('tail', 'busybox tail'), output: ['0', 'room', 'init', ' 0 0 4294967295', '/', 'lo', '0:0 drwxr-xr-x', '0:0 crw-rw-rw-', '0:0 drwxrwxrwt', '0:0 drwxr-xr-x'] },
  { name: 'a user namespace', wish: { idMap: MAP }, script: identity.replace('tail', 'busybox tail'), output: ['0', 'room', 'init', ' 0 100000 65536', '/', 'lo', '0:0 drwxr-xr-x', '0:0 crw-rw-rw-', '0:0 drwxrwxrwt', '0:0 drwxr-xr-x'] },
  { name: 'mounts', script: MOUNTS, output: OWN },
  { name: 'mounts with a user namespace', wish: { idMap: MAP }, script: MOUNTS, output: OWN },
  { name: 'mounts of an overlay', wish: { volatile: 'overlay', idMap: MAP }, script: `${MOUNTS}; [ / -ef /.. ] && echo same`, output: [...OWN, 'same'] },
  { name: 'mounts of an empty root', wish: { volatile: 'yes' }, script: `${MOUNTS}; [ / -ef /.. ] && echo same`, output: [...OWN, '/usr', 'same'] },
  { name: 'no pid but its own; nothing open but 0, 1, 2; a session of its own', script: 'echo $$; set /proc/[0-9]*; echo $*; set /proc/$$/fd/*; echo $(($# - 1)); cut -d" " -f6 /proc/$$/stat', output: ['2', '/proc/1 /proc/2', /* and that of the directory */ '3', '2'] },
  { name: 'what PID 1 is', script: `${INIT}; readlink /proc/1/exe; ls /proc/1/fd | wc -l; grep -E "^(CapEff|NoNewPrivs)" /proc/1/status | tr -s '\\t' ' '`, output: ['/memfd:init (deleted)', '0', 'CapEff: 0000000000000020', 'NoNewPrivs: 1'] },
  { name: 'capabilities and privileges', script: 'grep -E "^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)" /proc/self/status | cut -f2', output: ['0000000000000000', '00000000800405fb', '00000000800405fb', '00000000800405fb', '0000000000000000', '1'] },
  { name: 'the environment is what was asked for', script: 'env | sort', wish: { env: { PATH: '/bin', A: 'b c' } }, output: ['A=b c', 'PATH=/bin', 'PWD=/', 'SHLVL=1'] },
  { name: 'without init the command is PID 1', wish: { init: false }, script: 'echo $$', output: '1' },
  { name: 'without init, with a user namespace', wish: { init: false, idMap: MAP }, script: 'echo $$', output: '1' },
  { name: 'the status', script: 'exit 3', output: '', code: 3 },
  { name: 'a signal as a shell says it', script: 'kill -9 $$', output: '', code: 137 },
  { name: 'another user', wish: { idMap: MAP, user: { uid: 1000, gid: 100, groups: [5, 20] }, workingDirectory: '/data' }, script: 'echo $(id -u) $(id -g) $(id -G); readlink /proc/self/cwd; touch /data/x 2> /dev/null || echo no; grep ^CapEff /proc/self/status | cut -f2', output: ['1000 100 100 5 20', '/data', 'no', '0000000000000000'] },
  { name: 'the loopback device is up', script: 'cat /sys/class/net/lo/flags', output: '0x9' },
  { name: 'the network of the host', wish: { network: 'host', idMap: MAP }, script: 'ls /sys/class/net | grep -x lo; touch /sys/x 2> /dev/null || echo read-only', output: ['lo', 'read-only'] },
  { name: 'a device node of the root', script: 'echo x > /data/null || true', output: 'sh: can\'t create /data/null: Permission denied' },
  { name: 'binds', wish: { idMap: MAP }, bindsOfRoom: true, script: 'cat /mnt/new/place/hosts; cat /run/file; stat -c %u:%s /run/by /run/by/link; cat /mnt/other; touch /mnt/new/place/x 2> /dev/null || echo read-only; stat -c %u /mnt/mapped /mnt/new/place; touch /mnt/mapped/x && stat -c %u /mnt/mapped/x; rm /mnt/mapped/x', output: ['of the root', 'of the root', '0:60', '65534:12', 'of the root', 'read-only', '0', '65534', '0'] },
  { name: 'a terminal', terminal: true, script: TERMINAL, output: ['/dev/pts/0', '0:5', 'to the console', 'same', 'controlling', '/dev/console /dev/pts'] },
  { name: 'a terminal in a user namespace', terminal: true, wish: { idMap: MAP, user: { uid: 7, gid: 7, groups: [5] } }, script: TERMINAL, output: ['/dev/pts/0', '7:5', 'to the console', 'same', 'controlling', '/dev/console /dev/pts'] },
  { name: 'the /dev of the host', wish: { idMap: MAP, capabilities: null, binds: [{ source: '/dev', target: '/dev', readOnly: true, recursive: false }] }, script: '[ -c /dev/null ] && [ ! -e /dev/stdin/x ] && cut -d" " -f5 /proc/self/mountinfo | grep ^/dev', output: '/dev' },
  { name: 'read-only', wish: { readOnly: true, idMap: MAP }, script: 'for f in /x /data/x /tmp/x /run/x /dev/x /var/x; do touch $f 2> /dev/null && echo $f; done; true', output: ['/tmp/x', '/run/x', '/dev/x'] },
  { name: 'volatile: state', wish: { volatile: 'state', idMap: MAP }, script: 'for f in /x /data/x /var/x; do touch $f 2> /dev/null && echo $f; done', output: '/var/x' },
  { name: 'volatile: yes', wish: { volatile: 'yes', idMap: MAP }, script: 'for f in /x /usr/x /var/x; do touch $f 2> /dev/null && echo $f; done; cat /etc/hosts 2> /dev/null; ls /; stat -c %u / /usr', output: ['/x', 'bin', 'dev', 'lib', 'lib64', 'proc', 'run', 'sbin', 'sys', 'tmp', 'usr', 'x', '0', '0'] },
  { name: 'volatile: overlay', wish: { volatile: 'overlay' }, script: 'rm /etc/hosts; echo new > /data/x; cat /data/x; ls /etc', output: 'new' },
  { name: 'volatile: overlay, with a user namespace', wish: { volatile: 'overlay', idMap: MAP }, script: 'rm /etc/hosts; echo new > /data/y; cat /data/y; ls /etc; stat -c %u / /data /data/y /usr/bin/busybox', output: ['new', '0', '0', '0', '0'] },
  { name: 'nothing of it is in the root', script: 'cat /etc/hosts; ls /data', output: ['of the root', 'null'] },
  { name: 'default capabilities: nothing can be undone', wish: { readOnly: true, binds: [{ source: '/etc', target: '/mnt', readOnly: true, recursive: false }] }, script: ATTACKS, output: refused },
  { name: 'a user namespace with all capabilities: what the host made is locked', wish: { idMap: MAP, capabilities: null, readOnly: true, noNewPrivileges: false, binds: [{ source: '/etc', target: '/mnt', readOnly: true, recursive: false }] }, script: ATTACKS.replace(/^try 'write to .*$/gm, '').replace(/^try '(host|program).*$/gm, ''), output: refused.slice(0, 7) },
  { name: 'no way to the host by the root or the working directory', wish: { idMap: MAP, capabilities: null }, script: `${TRY} cat /proc/1/root/etc/hosts; ls /proc/1/cwd/ | head -n 1; cd /; cd ../../../..; ls -d data; mkdir /tmp/c; chroot /tmp/c ../../../../bin/true 2> /dev/null || echo no`, output: ['of the root', 'bin', 'data', 'no'] },
  { name: 'hidden files of proc and sys', wish: { idMap: MAP }, script: 'for f in /proc/kcore /proc/keys /proc/kmsg /proc/timer_list; do [ ! -e $f ] || busybox wc -c < $f; done | sort -u; ls -A /sys/firmware 2> /dev/null', output: '0' },
  { name: 'a nested user namespace cannot see them either', wish: { idMap: MAP, noNewPrivileges: false }, script: 'unshare -U -r true && echo possible; mkdir /tmp/p; unshare -U -r -m -p -f mount -t proc proc /tmp/p 2> /dev/null || echo refused; unshare -U -r -m umount /proc/keys 2> /dev/null || echo locked', output: ['possible', 'refused', 'locked'] },
  { name: 'without CAP_SYS_ADMIN it need not', wish: { idMap: MAP }, script: 'readlink /proc/self/ns/user | tr -d 0-9; mkdir /tmp/p; mount -t proc proc /tmp/p 2> /dev/null || echo refused', output: ['user:[]', 'refused'] },
  { name: 'nor undo anything, without one around it', wish: { readOnly: true }, script: `unshare -U -r -m sh -c '${NESTED}' 2> /dev/null`, output: ['keys locked', 'root read-only', 'no device', 'no proc'] },
  { name: 'a pid namespace that belongs to the user namespace: its proc can be mounted again', wish: { idMap: MAP, capabilities: null }, script: 'mkdir /tmp/p; mount -t proc proc /tmp/p && ls /tmp/p/1 | grep comm', output: 'comm' },
]

/** What is bound from the room itself: it is there on every machine. */
export const bindsOf = (root: string): readonly Bind[] => [
  { source: `${root}/etc`, target: '/mnt/new/place', readOnly: true, recursive: false },
  { source: `${root}/etc/hosts`, target: '/run/file', readOnly: true, recursive: false },
  { source: `${root}/etc/hosts`, target: '/mnt/other', readOnly: false, recursive: false },
  { source: `${root}/etc/hosts`, target: '/var/run/by/link', readOnly: true, recursive: false },
  { source: `${root}/data`, target: '/mnt/mapped', readOnly: false, recursive: true, idMapped: true },
]

/** What needs a machine with cgroup controllers. */
export const CGROUP_CASES: readonly ContainerCase[] = [
  { name: 'limits', wish: LIMITED, script: 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpu.weight; cat /proc/self/cgroup; n=0; while read -r pid; do n=$((n + 1)); done < cgroup.procs; echo $n', output: [String(64 << 20), '7', '50000 100000', '50', '0::/', '2'] },
  { name: 'limits with a user namespace', wish: { ...LIMITED, idMap: MAP }, script: 'cd /sys/fs/cgroup; cat memory.max pids.max; cat /proc/self/cgroup; echo max 2> /dev/null > pids.max || echo no', output: [String(64 << 20), '7', '0::/', 'no'] },
  { name: 'no more processes than that', wish: LIMITED, script: 'for i in 1 2 3 4 5 6 7 8 9; do sleep 100 & done 2> /dev/null; echo not reached', output: '', code: 2 },
]

/** Runs a case; what it printed as lines, and its code. */
export function outcomeOf(room: ContainerRoom, { wish = {}, script, bindsOfRoom, terminal }: ContainerCase): { lines: readonly string[]; code: number | null | undefined } {
  const whole = bindsOfRoom === true ? { ...wish, binds: bindsOf(room.root) } : wish
  const { status, output } = terminal === true ? room.shInTerminal(script, whole) : room.sh(script, whole)
  return { lines: output.replace(/\n$/, '').split('\n'), code: status?.code }
}

export function wantedOf({ output, code = 0 }: ContainerCase): { lines: readonly string[]; code: number } {
  return { lines: typeof output === 'string' ? output.split('\n') : output, code }
}

/** One of each shape, for failures at every step. */
export const FAILING_PLANS: Readonly<Record<string, Wish>> = {
  'one child': { volatile: 'yes', terminal: true },
  'one child, a user namespace': { idMap: MAP, readOnly: true, terminal: true },
  'two children': { idMap: MAP, capabilities: null, binds: [{ source: '/etc', target: '/mnt/etc', readOnly: true, recursive: false }], terminal: true },
  'two children, without init': { idMap: MAP, capabilities: null, init: false, volatile: 'overlay', network: 'host' },
}
