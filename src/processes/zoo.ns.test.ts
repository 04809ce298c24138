// The zoo of docs/kernel-facts.md B on the running kernel: every kind of process, alive, looked at and killed.
//
// A tmpfs in a mount namespace of its own plays the initramfs, so that all of the zoo is seen from outside, where
// no path leads to it. This file kills by origin, with a switch that never was: it runs itself again in a pid
// namespace, in which there is nothing but the zoo, and does nothing outside of one.
// Needs root, unshare(1) and setpriv(1) of util-linux, and the Debian package busybox-static; never skips.

import { attempt } from '../kernel/errors.ts'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { SIGSTOP } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { killProcesses } from './kill.ts'
import { markForSurvival } from './mark.ts'
import { decideOrigins } from './origin.ts'
import type { Origin, OriginContext, OriginFinding } from './origin.ts'
import { pinnedBytes, readPins } from './pins.ts'
import type { ProcessFacts } from './process-facts.ts'
import { readOriginContext } from './read-origin.ts'
import { readProcesses } from './read-processes.ts'

if (process.env['FULCRUM_ZOO'] === undefined) {
  ensureDebianPackages(['busybox-static'])
  const inside = ['--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', process.execPath, import.meta.filename]
  const { status } = spawnSync('unshare', inside, { stdio: 'inherit', env: { ...process.env, FULCRUM_ZOO: '1' } })
  process.exit(status ?? 1)
}
// SAFETY: what follows may only be seen by processes of this namespace, whose PID 1 this one is.
if (process.pid !== 1) throw new Error('Cannot keep a zoo here: this is not a pid namespace of its own')

const k = createKoffiKernel()
const directory = mkdtempSync(join(tmpdir(), 'fulcrum-zoo-'))
chmodSync(directory, 0o755)
mkdirSync(join(directory, 'z'))
const TMPFS_MIB = 16

/** Starts everything inside; prints "NAME PID" for each animal, then "ready". Ends them when its input ends. */
const KEEPER = `
set -e
mount -t tmpfs -o mode=755,size=${TMPFS_MIB}m zoo "$Z"
mkdir "$Z/bin" "$Z/jail" "$Z/jail/bin" "$Z/lazy" "$Z/gone"
cp "$(command -v busybox)" "$Z/bin/busybox"; cp "$Z/bin/busybox" "$Z/jail/bin/busybox"; cp "$Z/bin/busybox" "$Z/gone/busybox"
b="$Z/bin/busybox"
printf '#!%s sh\nwhile :; do %s sleep 1000; done\n' "$b" "$b" > "$Z/script"; chmod 755 "$Z/script"
animal() { name=$1; shift; "$@" < /dev/null > /dev/null 2>&1 & echo "$name $!"; }
animal plain "$b" sleep 1000
animal own-mount-namespace unshare -m "$b" sleep 1000
animal own-user-namespace unshare -U -r "$b" sleep 1000
animal chrooted chroot "$Z/jail" /bin/busybox sleep 1000
animal deleted "$Z/gone/busybox" sleep 1000
ln -s busybox "$Z/bin/sh"
animal script "$Z/script"
animal other-user setpriv --reuid 65534 --clear-groups "$b" sleep 1000
animal zombie-parent "$b" sh -c "$b true & exec $b sleep 1000"; parent=$!
mount -t tmpfs lazy "$Z/lazy"; cp "$b" "$Z/lazy/busybox"
animal lazily-unmounted "$Z/lazy/busybox" sleep 1000
animal root /bin/sleep 1000
animal deaf "$b" sh -c 'trap "" TERM; '"$b"' sleep 1000; :'; deaf=$!
animal cwd-only sh -c 'cd "$0" && exec /bin/sleep 1000' "$Z/bin"
child() { read -r one rest < "/proc/$1/task/$1/children"; [ -n "$one" ]; }
# Everybody is what it is to be: exec is done, and those have a child that are to have one.
for pid in $(jobs -p); do
  until case $(readlink "/proc/$pid/exe") in */busybox | */sleep) ;; *) false ;; esac; do sleep 0.02; done
done
until child "$parent" && grep -q '^State:.Z' "/proc/$one/status"; do sleep 0.02; done
until child "$deaf"; do sleep 0.02; done
rm "$Z/gone/busybox"
umount -l "$Z/lazy"
echo ready
cat > /dev/null
`

const keeper = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', KEEPER], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', Z: join(directory, 'z') }, stdio: ['pipe', 'pipe', 'inherit'] })
const pids = new Map<string, number>()
/** Never a default: -1 would mean everybody. */
function pidOf(name: string): number {
  const pid = pids.get(name)
  if (pid === undefined || !(pid > 1)) throw new Error(`Cannot find '${name}' in the zoo`)
  return pid
}
for await (const line of createInterface({ input: keeper.stdout })) {
  if (line === 'ready') break
  const [name = '', pid] = line.split(' ')
  pids.set(name, Number(pid))
}

/** A program that is in memory only: its name has to be busybox, or it would not know what it is. */
function startMemfd(): number {
  const fd = k.memfdCreate('memx', 0)
  k.write(fd, readFileSync(`/proc/${pidOf('plain')}/exe`))
  const link = join(directory, 'busybox')
  symlinkSync(`/proc/${process.pid}/fd/${fd}`, link)
  const pid = k.spawn(link, ['sleep', '1000'], {})
  // exec is done once the link has changed.
  while (attempt(() => k.readlink(`/proc/${pid}/exe`).startsWith('/memfd')) !== true) k.sleepMs(2)
  k.close(fd)
  return pid
}
pids.set('memfd', startMemfd())

const zooDevice = k.stat(`/proc/${pidOf('plain')}/exe`).dev
const nodeStart = Number(/^\S+ \(.*\) (?:\S+ ){19}(\d+)/s.exec(readFileSync('/proc/self/stat', 'utf8'))?.[1])
/** As if the switch had been when this test started. */
const context: OriginContext = { ...readOriginContext(k), initramfs: new Set([zooDevice, k.stat(`/proc/${pidOf('lazily-unmounted')}/exe`).dev]), switched: { kind: 'at', us: nodeStart * 10_000 }, mayBeReused: false }

function look(): { byPid: Map<number, ProcessFacts>; origins: Map<number, OriginFinding> } {
  const all = readProcesses(k, context)
  return { byPid: new Map(all.map((p) => [p.pid, p])), origins: decideOrigins(all, context) }
}
const { byPid, origins } = look()
const originOf = (name: string): Origin | undefined => origins.get(pidOf(name))?.origin

t.test('origins, from outside of the mount namespace', async (t) => {
  for (const name of ['plain', 'own-mount-namespace', 'own-user-namespace', 'chrooted', 'deleted', 'script', 'other-user', 'deaf', 'lazily-unmounted']) {
    t.equal(originOf(name), 'initramfs', `${name}: ${byPid.get(pidOf(name))?.exe.link}`)
  }
  t.equal(originOf('root'), 'root')
  t.equal(originOf('cwd-only'), 'root', 'the executable decides')
  t.equal(originOf('memfd'), 'undecidable', 'started after the switch, by PID 1')
  t.equal(byPid.get(pidOf('memfd'))?.exe.dev, context.memfd)
  t.match(byPid.get(pidOf('deleted'))?.exe.link, / \(deleted\)$/)
  t.equal(byPid.get(pidOf('chrooted'))?.exe.link?.startsWith(directory), byPid.get(pidOf('plain'))?.exe.link?.startsWith(directory), 'paths tell nothing of it')
})

t.test('a zombie goes by its parent', async (t) => {
  const zombie = [...byPid.values()].find((p) => p.state === 'Z' && p.ppid === pidOf('zombie-parent'))
  t.ok(zombie, 'there is one')
  t.match(origins.get(zombie?.pid ?? -1), { origin: 'initramfs', evidence: /ended.*its parent/ })
  t.equal(zombie?.exe.errno, 'ENOENT')
})

t.test('before the switch the memfd and the zombie are of the initramfs by their age', async (t) => {
  const found = decideOrigins([...byPid.values()], { ...context, switched: { kind: 'at', us: 1e15 } })
  t.equal(found.get(pidOf('memfd'))?.origin, 'initramfs')
  t.equal(found.get(pidOf('root'))?.origin, 'root', 'a program of the root stays one')
})

t.test("another user's process may not be looked at", async (t) => {
  const asNobody = spawnSync('setpriv', ['--reuid', '65534', '--clear-groups', 'stat', '-L', `/proc/${pidOf('plain')}/exe`], { encoding: 'utf8' })
  t.match(asNobody.stderr, /Permission denied/)
  t.equal(byPid.get(pidOf('other-user'))?.uid, 65534)
})

t.test('what is pinned', async (t) => {
  const pins = readPins(k, pidOf('plain'), context.initramfs)
  t.match(pins, [{ kind: 'exe' }, { kind: 'namespace', what: /^mnt:\[\d+\] / }])
  const { size } = k.stat(`/proc/${pidOf('plain')}/exe`)
  t.equal(pinnedBytes(pins), Number(size))
  const chrooted = readPins(k, pidOf('chrooted'), context.initramfs).map((pin) => pin.kind)
  t.ok(chrooted.includes('root') && chrooted.includes('cwd'))
  t.match(readPins(k, pidOf('cwd-only'), context.initramfs)[0], { kind: 'cwd', bytes: 0 })
})

t.test('statmount shows where "/" lies, or the kernel is older than 6.8', async (t) => {
  try {
    const mount = k.statmount({ id: k.uniqueMountId('/') })
    const line = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((it) => it.split(' ')[4] === '/')
    t.equal(mount.fstype, /- (\S+)/.exec(line ?? '')?.[1])
    t.ok(mount.id > 0x80000000n)
    // The same question as the fallback asks: it ends, whatever lies at the bottom.
    t.ok(readOriginContext(k).root.has(k.stat('/').dev))
  } catch (error) {
    t.match(error, { code: 'ENOSYS' })
    t.match(readFileSync('/proc/version', 'utf8'), /version (5\.|6\.[0-7]\.)/)
  }
})

t.test("'@' is written into a living process, which goes on", async (t) => {
  for (const name of ['plain', 'chrooted', 'own-mount-namespace', 'own-user-namespace', 'script', 'memfd']) {
    const before = look().byPid.get(pidOf(name))?.argv ?? []
    const result = markForSurvival(k, pidOf(name))
    // KERNEL: -1000 is refused to a container without CAP_SYS_RESOURCE; the rest does not depend on it.
    t.match(result, { at: true, cgroup: false, problems: result.oom ? [] : [/OOM/] }, name)
    const after = look().byPid.get(pidOf(name))
    t.strictSame(after?.argv, [`@${before[0]?.slice(1)}`, ...before.slice(1)], name)
    t.equal(after?.startTicks, byPid.get(pidOf(name))?.startTicks)
    if (result.oom) t.equal(k.readText(`/proc/${pidOf(name)}/oom_score_adj`), '-1000\n')
  }
  t.match(markForSurvival(k, pidOf('other-user')), { at: false, problems: [/of user 65534, and systemd heeds the '@' of root only/] })
  t.notMatch(look().byPid.get(pidOf('other-user'))?.argv[0], /^@/)
})

t.test('all of it is killed by pidfd, and nobody else', async (t) => {
  const node = spawn('/bin/sleep', ['1000'])
  k.kill(pidOf('plain'), SIGSTOP)
  const now = look()
  const zoo = [...now.byPid.values()].filter((p) => now.origins.get(p.pid)?.origin === 'initramfs' && p.state !== 'Z')
  t.ok(zoo.length >= 9)
  const reports = killProcesses(k, zoo, { timeoutMs: 3000, killTimeoutMs: 10000 })
  t.strictSame(reports.filter((it) => it.outcome === 'survived' || it.outcome === 'changed'), [])
  const outcome = (name: string): string | undefined => reports.find((it) => it.pid === pidOf(name))?.outcome
  t.equal(outcome('plain'), 'terminated', 'one that was stopped goes on to end')
  t.equal(outcome('deaf'), 'killed', 'one that ignores SIGTERM')
  const left = look()
  t.strictSame([...left.byPid.values()].filter((p) => left.origins.get(p.pid)?.origin === 'initramfs' && p.state !== 'Z').map((p) => p.argv), [], 'nothing of it is left')
  t.ok(left.byPid.has(pidOf('root')))
  const ended = once(node, 'exit')
  node.kill()
  t.strictSame(await ended, [null, 'SIGTERM'], "Node's own child is Node's")
})

t.test('a child of ours that is killed is reaped, by its own pid', async (t) => {
  const pid = pidOf('memfd')
  const facts = look().byPid.get(pid)
  t.ok(facts)
  if (facts === undefined) return
  t.match(killProcesses(k, [facts], { timeoutMs: 10000, killTimeoutMs: 10000 }), [{ pid, outcome: 'terminated' }])
  t.throws(() => k.pidfdOpen(pid), { code: 'ESRCH' })
  t.match(killProcesses(k, [facts], { timeoutMs: 10000, killTimeoutMs: 10000 }), [{ pid, outcome: 'gone' }])
  t.equal(k.reap(pid), null)
})

t.teardown(async () => {
  for (const name of ['root', 'cwd-only']) attempt(() => k.kill(pidOf(name), 9))
  keeper.stdin.end()
  await once(keeper, 'exit')
  rmSync(directory, { recursive: true, force: true })
})
