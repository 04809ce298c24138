// The real kernel through the FFI door: errors, files, limits, children, the end of the process.
//
// Everything happens in a temporary directory or in a child process. What the contract table compares with the
// model (mounts, roots, paths) is in contract/.

import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { O_CREAT, O_EXCL, O_NONBLOCK, O_RDWR, POLLIN, RLIMIT_NOFILE, SCHED_FLAG_RESET_ON_FORK, SCHED_OTHER, S_IFIFO } from '../abi/process.ts'
import { errorOf } from './error-of-for-tests.ts'
import { SyscallError } from './errors.ts'
import { toFd, type RunOptions } from './kernel.ts'
import { createKoffiKernel } from './koffi-kernel.ts'

const k = createKoffiKernel()
const F_GETFD = 1
const F_SETFD = 2
const F_GETFL = 3
const F_SETFL = 4
const directory = mkdtempSync(join(tmpdir(), 'fulcrum-koffi-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const at = (name: string): string => join(directory, name)

t.test('every failure is a SyscallError that reads like strace', async (t) => {
  const none = at('none')
  const cases: readonly (readonly [() => void, string, string])[] = [
    [(): void => void k.readText(none), 'ENOENT', `open("${none}"): ENOENT (No such file or directory)`],
    [(): void => void k.open(none, O_RDWR), 'ENOENT', `open("${none}", O_RDWR): ENOENT (No such file or directory)`],
    [(): void => k.mkdir(directory, 0o700), 'EEXIST', `mkdir("${directory}", 0700): EEXIST (File exists)`],
    [(): void => k.rmdir(none), 'ENOENT', `rmdir("${none}"): ENOENT (No such file or directory)`],
    [(): void => k.mount('x', none, null, 0x2000, null), 'ENOENT', `mount("x", "${none}", NULL, MS_MOVE, NULL): ENOENT (No such file or directory)`],
    [(): void => k.umount2(none, 2), 'ENOENT', `umount2("${none}", MNT_DETACH): ENOENT (No such file or directory)`],
    [(): void => k.close(toFd(999)), 'EBADF', 'close(999): EBADF (Bad file descriptor)'],
    [(): void => k.dup2(toFd(999), toFd(1)), 'EBADF', 'dup2(999, 1): EBADF (Bad file descriptor)'],
    [(): void => k.fchdir(toFd(999)), 'EBADF', 'fchdir(999): EBADF (Bad file descriptor)'],
    [(): void => void k.read(toFd(999), new Uint8Array(1), null), 'EBADF', 'read(999): EBADF (Bad file descriptor)'],
    [(): void => k.write(toFd(999), 'x'), 'EBADF', 'write(999): EBADF (Bad file descriptor)'],
    [(): void => k.execve(none, ['a'], {}), 'ENOENT', `execve("${none}", ["a"]): ENOENT (No such file or directory)`],
    [(): void => void k.spawn(none, [], {}), 'ENOENT', `execve("${none}"): ENOENT (No such file or directory)`],
    [(): void => k.kill(2 ** 30, 0), 'ESRCH', 'kill(1073741824, 0): ESRCH (No such process)'],
    [(): void => void k.getLimit(99), 'EINVAL', 'prlimit64(0, 99): EINVAL (Invalid argument)'],
  ]
  for (const [body, code, message] of cases) t.match(errorOf(body), { code, message, name: 'SyscallError' })
})

t.test('files: modes, whole contents, exclusive creation', async (t) => {
  const umask = process.umask(0o022)
  for (const mode of [0o700, 0o755, 0o555]) {
    k.mkdir(at(`dir-${mode}`), mode)
    t.equal(k.stat(at(`dir-${mode}`)).mode & 0o7777, mode)
  }
  process.umask(umask)
  k.writeFile(at('file'), 'x'.repeat(300_000), 0o600)
  t.equal(k.lstat(at('file')).size, 300_000n)
  t.equal(k.stat(at('file')).mode & 0o777, 0o600)
  k.appendFile(at('file'), 'end')
  t.equal(k.readText(at('file')).slice(-4), 'xend')
  k.symlink('file', at('link'))
  t.equal(k.readlink(at('link')), 'file')
  t.equal(k.realpath(at('link')), k.realpath(at('file')))
  t.equal(errorOf(() => void k.open(at('file'), O_CREAT | O_EXCL | O_RDWR)).code, 'EEXIST')
  k.rename(at('file'), at('renamed'))
  t.strictSame([k.exists(at('file')), k.exists(at('link')), k.exists(at('renamed'))], [false, false, true], 'a dangling link does not exist')
})

t.test('descriptors: positions, flags, duplicates, memfd', async (t) => {
  const fd = k.memfdCreate('test', 1)
  k.write(fd, 'hello')
  k.write(fd, new Uint8Array([33]))
  const into = new Uint8Array(10)
  t.equal(k.read(fd, into, 1), 5)
  t.equal(Buffer.from(into.subarray(0, 5)).toString(), 'ello!')
  t.equal(k.read(fd, into, null), 0, 'a positioned read moves nothing')
  t.equal(k.fcntl(fd, F_GETFD, 0), 1)
  k.fcntl(fd, F_SETFD, 0)
  t.equal(k.fcntl(fd, F_GETFD, 0), 0)
  k.fcntl(fd, F_SETFL, k.fcntl(fd, F_GETFL, 0) | O_NONBLOCK)
  t.ok(k.fcntl(fd, F_GETFL, 0) & O_NONBLOCK)
  const other = k.open(`/proc/self/fd/${fd}`, 0)
  t.equal(k.fcntl(other, F_GETFD, 0), 1, 'what is opened is close-on-exec')
  t.equal(k.read(other, into, null), 6, 'a new opening stands at 0')
  k.dup2(other, fd)
  t.equal(k.fstat(fd).ino, k.fstat(other).ino)
  t.equal(k.tcgetattr(fd), null, 'no terminal')
  k.close(fd)
  k.close(other)
  t.equal(errorOf(() => k.close(other)).code, 'EBADF')
})

t.test('poll tells which descriptor is ready, and which not', async (t) => {
  for (const name of ['empty', 'full']) k.mknod(at(name), S_IFIFO | 0o600, 0n)
  const empty = k.open(at('empty'), O_RDWR | O_NONBLOCK)
  const full = k.open(at('full'), O_RDWR | O_NONBLOCK)
  k.write(full, 'x')
  t.strictSame(k.poll([empty, full], 1000), [{ fd: empty, revents: 0 }, { fd: full, revents: POLLIN }])
  t.strictSame(k.poll([empty], 1), [{ fd: empty, revents: 0 }])
  t.equal(errorOf(() => void k.read(empty, new Uint8Array(1), null)).code, 'EAGAIN')
  k.close(empty)
  k.close(full)
})

t.test('limits: the soft one is set, at most to the hard one, which stays', async (t) => {
  const before = k.getLimit(RLIMIT_NOFILE)
  k.setSoftLimit(RLIMIT_NOFILE, 512n)
  t.strictSame(k.getLimit(RLIMIT_NOFILE), { soft: 512n, hard: before.hard })
  k.setSoftLimit(RLIMIT_NOFILE, before.hard + 1n)
  t.strictSame(k.getLimit(RLIMIT_NOFILE), { soft: before.hard, hard: before.hard })
  k.setSoftLimit(RLIMIT_NOFILE, before.soft)
})

t.test('scheduling: what is set is read, and what is started does not inherit it', async (t) => {
  if (k.getuid() !== 0) return
  const before = k.getSchedule()
  const nice = (): string => k.run('/bin/sh', ['-c', 'nice'], { env: { PATH: '/usr/bin:/bin' } }).stdout.trim()
  k.setSchedule({ policy: SCHED_OTHER, flags: 0, nice: -6 })
  t.strictSame([k.getSchedule(), nice()], [{ policy: SCHED_OTHER, flags: 0, nice: -6 }, '-6'])
  k.setSchedule({ policy: SCHED_OTHER, flags: SCHED_FLAG_RESET_ON_FORK, nice: -6 })
  t.strictSame([k.getSchedule(), nice()], [{ policy: SCHED_OTHER, flags: SCHED_FLAG_RESET_ON_FORK, nice: -6 }, '0'])
  k.setSchedule({ policy: SCHED_OTHER, flags: 0, nice: before.nice })
  t.equal(k.getSchedule().nice, before.nice)
})

/** Runs a shell script with nothing in its environment. */
const sh = (script: string, more: Partial<RunOptions> = {}): ReturnType<typeof k.run> => k.run('/bin/sh', ['-c', script], { env: {}, ...more })
const openFds = (): string[] => k.readdir('/proc/self/fd').sort()

t.test('run: output, exit code, signal, and what cannot be started', async (t) => {
  const before = openFds()
  t.strictSame(sh('echo out; echo err >&2; exit 3'), { code: 3, signal: null, stdout: 'out\n', stderr: 'err\n', error: undefined })
  t.match(sh('kill -TERM $$'), { code: null, signal: 'SIGTERM', error: undefined })
  t.match(sh('kill -USR2 $$'), { code: null, signal: 'signal 12' })
  t.match(k.run(at('none'), [], { env: {} }), { code: null, signal: null, error: /execve\(.*none"\): ENOENT/ })
  t.match(k.run(directory, [], { env: {} }), { code: null, error: /EACCES/ })
  const big = sh('i=0; while [ $i -lt 20000 ]; do echo 0123456789; echo 0123456789 >&2; i=$((i+1)); done')
  t.strictSame([big.stdout.length, big.stderr.length], [220_000, 220_000], 'more than two pipes hold')
  t.strictSame(sh('read -r line; echo "$?"').stdout, '1\n', 'the input is empty')
  t.strictSame(openFds(), before, 'no descriptor is left')
})

t.test('run: the child is as clean as one of init', async (t) => {
  const env = { A: '1', PATH: '/usr/bin:/bin' }
  t.equal(k.run('/usr/bin/env', [], { env }).stdout, 'A=1\nPATH=/usr/bin:/bin\n')
  const before = k.getLimit(RLIMIT_NOFILE)
  t.equal(sh('ulimit -n').stdout, '1024\n')
  t.strictSame(k.getLimit(RLIMIT_NOFILE), before, 'ours is as it was')
  const status = sh('while read -r key value; do case $key in SigBlk:|SigIgn:) echo "$key $value";; esac; done < /proc/self/status').stdout
  t.equal(status, 'SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n')
  k.fcntl(toFd(1), F_SETFD, 1)
  t.equal(sh('for fd in /proc/self/fd/*; do echo "${fd##*/}"; done | sort -n', { env }).stdout.split('\n').slice(0, 3).join(' '), '0 1 2')
  t.equal(sh('[ -e /proc/$$/fd/3 ] && echo open; exit 0').stdout, '', 'nothing but 0, 1 and 2')
})

t.test('run: a time-out kills; without one a process that stays behind does not hold it up', async (t) => {
  t.equal(sh('cat; readlink /proc/self/fd/0', { input: Buffer.from('secret\0word') }).stdout, 'secret\0word/memfd:input (deleted)\n', 'its input is in memory only')
  t.equal(sh('cat').stdout, '', 'without input: end of file')
  t.match(k.run('/bin/sleep', ['60'], { env: {}, timeoutMs: 20 }), { code: null, signal: 'SIGKILL', error: 'timed out after 20 ms' })
  t.match(sh('exec >&- 2>&-; exec sleep 60', { env: { PATH: '/bin:/usr/bin' }, timeoutMs: 20 }), { signal: 'SIGKILL', error: /timed out/ }, 'also when the pipes are closed')
  t.match(sh('exit 4', { timeoutMs: 60_000 }), { code: 4, error: undefined })
  const daemon = sh('sleep 60 & echo $!', { env: { PATH: '/bin:/usr/bin' } })
  const pid = Number(daemon.stdout)
  t.match(k.readText(`/proc/${pid}/stat`), /^\d+ \((sh|sleep)\) [^Z] /, 'the program has ended, its daemon with the same output has not')
  k.kill(pid, 9)
})

t.test('run: a terminal of its own', async (t) => {
  const master = k.open('/dev/ptmx', O_RDWR | 0o400)
  const number = new Uint8Array(4)
  k.ioctl(master, 0x40045431, new Uint8Array(4)) // TIOCSPTLCK: unlock
  k.ioctl(master, 0x80045430, number) // TIOCGPTN
  const terminal = `/dev/pts/${number[0]}`
  const result = sh('echo controlling > /dev/tty; echo "session $(cut -d" " -f6 /proc/self/stat) $$"', { terminal, env: { PATH: '/bin:/usr/bin' } })
  t.match(result, { code: 0, error: undefined })
  let text = ''
  const into = new Uint8Array(200)
  try {
    for (;;) text += Buffer.from(into.subarray(0, k.read(master, into, null))).toString()
  } catch (error) {
    // The end of a terminal that nobody has open any more.
    t.match(error, { code: 'EIO' })
  }
  t.match(text, /^controlling\r\nsession (\d+) \1\r\n/)
  k.close(master)
  t.match(sh('exit', { terminal: '/dev/nosuchtty' }), { code: null, error: /ENOENT/ })
})

t.test('spawn does not wait; reapOrphan finds what ended, once', async (t) => {
  const pid = k.spawn('/bin/sh', ['-c', `set -- $(cat /proc/self/stat); echo "$6" > ${at('session')}; exit 7`], { PATH: '/bin:/usr/bin' })
  let found = k.reapOrphan()
  while (found === null) {
    k.sleepMs(2)
    found = k.reapOrphan()
  }
  t.strictSame(found, { pid, code: 7, signal: null })
  t.equal(k.reapOrphan(), null)
  t.equal(k.readText(at('session')).trim(), String(pid), 'in a session of its own')
  const killed = k.spawn('/bin/sleep', ['60'], {})
  k.kill(killed, 15)
  for (found = null; found === null; found = k.reapOrphan()) k.sleepMs(2)
  t.strictSame(found, { pid: killed, code: null, signal: 15 })
})

t.test('pidfd: signals reach one process, poll tells its end, reap takes its status only', async (t) => {
  const other = k.spawn('/bin/sleep', ['60'], {})
  const pid = k.spawn('/bin/sleep', ['60'], {})
  const pidfd = k.pidfdOpen(pid)
  t.strictSame(k.poll([pidfd], 0), [{ fd: pidfd, revents: 0 }])
  t.equal(k.reap(pid), null, 'it runs')
  k.pidfdSendSignal(pidfd, 15)
  t.strictSame(k.poll([pidfd], 5000), [{ fd: pidfd, revents: POLLIN }])
  k.pidfdSendSignal(pidfd, 0)
  t.strictSame(k.reap(pid), { pid, code: null, signal: 15 })
  t.match(errorOf(() => k.pidfdSendSignal(pidfd, 0)), { code: 'ESRCH', message: /^pidfd_send_signal\(\d+, 0\): ESRCH/ })
  t.equal(k.reap(pid), null, 'once')
  k.close(pidfd)
  t.equal(k.reapOrphan(), null, 'the other runs on')
  k.kill(other, 9)
  for (let found = k.reap(other); ; found = k.reap(other)) {
    if (found !== null) {
      t.strictSame(found, { pid: other, code: null, signal: 9 })
      break
    }
    k.sleepMs(2)
  }
  t.match(errorOf(() => k.pidfdOpen(2 ** 22 + 1)), { code: 'ESRCH' })
})

t.test('getxattr: none is null, no file is an error', async (t) => {
  t.equal(k.getxattr(directory, 'user.fulcrum'), null)
  t.equal(k.getxattr('/proc/self/stat', 'user.fulcrum'), null, 'a file system without any')
  t.match(errorOf(() => k.getxattr(at('none'), 'user.fulcrum')), { code: 'ENOENT', message: /^getxattr\(".*", "user.fulcrum"\)/ })
})

t.test('clocks and sleep', async (t) => {
  const before = k.monotonicUs()
  k.sleepMs(3)
  t.ok(k.monotonicUs() - before >= 3000n, 'never shorter than asked')
  const uptime = BigInt(Math.floor(Number(k.readText('/proc/uptime').split(' ')[0]) * 1e6))
  t.ok(k.monotonicUs() <= uptime + 1_000_000n, 'CLOCK_MONOTONIC starts with the kernel')
  t.ok(k.realtimeUs() > 1_600_000_000_000_000n)
})

/** Plays a scenario of koffi-child-for-tests.ts in a process of its own. */
function child(scenario: string, script: string, ...more: string[]): SpawnSyncReturns<string> {
  const heap = scenario === 'out-of-memory' ? ['--max-old-space-size=40'] : []
  return spawnSync(process.execPath, [...heap, join(import.meta.dirname, 'koffi-child-for-tests.ts'), scenario, script, ...more], {
    encoding: 'utf8', timeout: 60_000, env: { NODE_NO_WARNINGS: '1', STRAY: 'x' }, stdio: ['ignore', 'pipe', 'pipe'],
  })
}

const STATUS = 'while read -r key value; do case $key in Sig[BI]*|Threads:) echo "$key $value";; esac; done < /proc/self/status'
const CLEAN = ['Threads: 1', 'SigBlk: 0000000000000000', 'SigIgn: 0000000000000000']

t.test('hand-over: the next program inherits three descriptors, its environment, and nothing of Node', async (t) => {
  const result = child('hand-over', `${STATUS}; [ -e /proc/$$/fd/3 ] && echo open; ulimit -n; /usr/bin/env; grep flags /proc/$$/fdinfo/0; echo $$`)
  const lines = result.stdout.trim().split('\n')
  t.strictSame(lines.slice(0, 4), [...CLEAN, '1024'], result.stderr)
  t.strictSame(lines.slice(4, -2).filter((line) => !/^(PWD|SHLVL|_)=/.test(line)).sort(), ['FULCRUM_TEST=given', 'HOME=/'])
  t.notOk(Number(`0o${lines.at(-2)?.split(/\s+/)[1]}`) & O_NONBLOCK, 'descriptor 0 blocks')
  t.equal(lines.at(-1), String(result.pid), 'it is the same process')
})

t.test('hand-over to systemd: one descriptor more, at its beginning', async (t) => {
  k.writeFile(at('systemd'), `#!/bin/sh
echo "$@"
for fd in /proc/$$/fd/*; do echo "open \${fd##*/}"; done
while [ "$1" != --deserialize ]; do shift; done
grep pos /proc/$$/fdinfo/$2
cat /proc/$$/fd/$2
`, 0o755)
  const result = child('systemd', at('systemd'))
  const [args = '', ...lines] = result.stdout.split('\n')
  t.match(args, /^--switched-root --system --deserialize (\d+) 3$/, result.stderr)
  const open = lines.filter((line) => line.startsWith('open '))
  // The shell's own: 10 is its script, 3 the directory that it lists.
  t.strictSame(open.filter((line) => !['open 3', 'open 10'].includes(line)).sort(), ['0', '1', '2', args.split(' ')[3]].map((fd) => `open ${fd}`))
  t.strictSame(lines.slice(open.length), ['pos:\t0', 'initrd-timestamp=12 3', '', ''])
})

t.test('a fatal signal execs the program that was armed, with no signal blocked', async (t) => {
  for (const [scenario, ...more] of [['abort'], ['kill', '11'], ['kill', '7'], ['kill', '4'], ['abort-after-exec'], ['out-of-memory']] as const) {
    const result = child(scenario, `${STATUS}; echo "alive $FULCRUM_TEST $STRAY"; [ -e /proc/$$/fd/0 ] && [ -e /proc/$$/fd/1 ] && [ -e /proc/$$/fd/2 ] && echo standard; echo $$`, ...more)
    const lines = result.stdout.trim().split('\n')
    t.equal(result.status, 0, `${[scenario, ...more].join(' ')}: ${result.signal}`)
    t.strictSame(lines.filter((line) => line.startsWith('SigBlk')), ['SigBlk: 0000000000000000'])
    t.strictSame(lines.slice(-3), ['alive given ', 'standard', String(result.pid)])
  }
})

t.test('an execve that failed leaves a process that works', async (t) => {
  t.equal(child('alive-after-exec', '').stdout, 'true "still here\\n"\n')
})
