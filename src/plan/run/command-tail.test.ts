// The tail of a child's table as text: the order is what matters.
//
// What it does on a running kernel is src/spawn/spawner.ns.test.ts.

import t from 'tap'
import { requestFor } from '../../spawn/testing/plans.ts'
import { handle } from './calls.ts'
import { commandTail, withInit } from './command-tail.ts'

const names = (list: ReturnType<typeof commandTail>): string[] => list.map(({ shown }) => shown)

t.test('root, everything kept', async (t) => {
  t.strictSame(names(commandTail(requestFor(['a', 'b'], { env: { A: '1' }, workingDirectory: '/srv' }), '/bin/a')), [
    'fcntl(0, F_SETFD, 0)', 'fcntl(1, F_SETFD, 0)', 'fcntl(2, F_SETFD, 0)',
    'close_range(3, ~0, CLOSE_RANGE_CLOEXEC)', 'umask(022)', 'prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1024}, NULL)',
    'setgroups(0, [])', 'setresgid(0, 0, 0)', 'setresuid(0, 0, 0)',
    'prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)', 'capset({_LINUX_CAPABILITY_VERSION_3, 0}, {kept ones})',
    'chdir("/srv")', 'rt_sigaction(SIGPIPE, SIG_DFL, NULL, 8)', 'rt_sigaction(SIGXFSZ, SIG_DFL, NULL, 8)',
    'rt_sigprocmask(SIG_SETMASK, [], NULL, 8)', 'execve("/bin/a", ["a","b"], [1 variables])',
  ])
})

t.test('descriptors in the way of others go aside first', async (t) => {
  t.strictSame(names(commandTail(requestFor(['a'], { stdio: [1, 7, 0] }), '/bin/a')).slice(0, 5), [
    'fcntl(1, F_DUPFD_CLOEXEC, 10)', 'fcntl(0, F_DUPFD_CLOEXEC, 10)', 'dup3(stdio-0, 0, 0)', 'dup3(7, 1, 0)', 'dup3(stdio-2, 2, 0)',
  ])
})

t.test('another user: the bounding set while it may, groups before gid before uid, no capability after it', async (t) => {
  const list = commandTail(requestFor(['a'], { user: { uid: 5, gid: 6, groups: [7, 8] }, capabilities: ['CAP_CHOWN', 'kill'], noNewPrivileges: true }), '/bin/a')
  const dropped = list.filter(({ shown }) => shown.startsWith('prctl(PR_CAPBSET_DROP'))
  t.equal(dropped.length, 62)
  t.strictSame(dropped.filter(({ args }) => args[1] === 0 || args[1] === 5), [])
  t.strictSame(dropped.filter(({ args, goOn }) => (Number(args[1]) > 40) !== (goOn === true)), [], 'only those that a kernel may not know')
  t.strictSame(names(list).filter((it) => /^(setg|setr|capset|prctl\((?!PR_CAPBSET))/.test(it)), [
    'setgroups(2, [7, 8])', 'setresgid(6, 6, 6)', 'setresuid(5, 5, 5)', 'prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)',
    'capset({_LINUX_CAPABILITY_VERSION_3, 0}, {0})', 'prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)',
  ])
  t.ok(names(list).indexOf('setgroups(2, [7, 8])') > names(list).findLastIndex((it) => it.startsWith('prctl(PR_CAPBSET')))
})

t.test('a terminal: session, controlling terminal, all three descriptors', async (t) => {
  t.strictSame(names(commandTail(requestFor(['a']), '/bin/a', { terminal: handle('peer') })).slice(0, 5), [
    'setsid()', 'ioctl(peer, 0x540e, 0)', 'dup3(peer, 0, 0)', 'dup3(peer, 1, 0)', 'dup3(peer, 2, 0)',
  ])
})

t.test('with an init: the command waits for it, signals blocked', async (t) => {
  const list = withInit(requestFor(['a']), '/bin/a', handle('init'), { session: true })
  t.match(list[0], { shown: 'clone(CLONE_VM|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID|SIGCHLD, 0, &word, &word, 0)', label: 'main-child', ifZero: 'command' })
  const init = list.findIndex(({ role }) => role === 'init')
  t.equal(list[init]?.shown, 'execveat(init, "", ["init"], [], AT_EMPTY_PATH)')
  t.match(list[init + 1], { shown: 'setsid()', label: 'command' })
  t.strictSame(names(list).slice(-3), ['rt_sigtimedwait([SIGRTMAX], NULL, NULL, 8)', 'rt_sigprocmask(SIG_SETMASK, [], NULL, 8)', 'execve("/bin/a", ["a"], [1 variables])'])
})

t.test('with an init: what neither keeps is taken from both at once', async (t) => {
  const list = withInit(requestFor(['a'], { capabilities: ['chown', 'kill', 'setuid'] }), '/bin/a', handle('init'))
  const clone = list.findIndex(({ label }) => label === 'main-child')
  const command = list.findIndex(({ label }) => label === 'command')
  const dropped = (from: number, to: number): number[] => list.slice(from, to).filter(({ shown }) => shown.startsWith('prctl(PR_CAPBSET')).map(({ args }) => Number(args[1]))
  t.equal(dropped(0, clone).length, 61)
  t.strictSame([dropped(clone, command), dropped(command, list.length)], [[0, 7], []])
  const without = withInit(requestFor(['a'], { capabilities: [] }), '/bin/a', handle('init'))
  t.strictSame(without.filter(({ args, call }) => call === 'prctl' && args[0] === 24 && args[1] === 5).length, 1, 'CAP_KILL is taken from the command only')
})
