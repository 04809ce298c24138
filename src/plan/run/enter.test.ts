// The plans of enter, bind and unbind: which calls, by whom, in which order.
import t from 'tap'
import { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER } from '../../abi/process.ts'
import { planEnter } from './enter.ts'
import type { EnterRequest } from './enter.ts'
import { planLiveBind, planLiveUnbind } from './live-bind.ts'
import type { TargetFacts } from './target-facts.ts'

const request: EnterRequest = {
  name: 'web', command: ['ls', '-l'], env: { PATH: '/a:relative::/b' }, workingDirectory: '/tmp', user: { uid: 5, gid: 6, groups: [7] }, capabilities: ['chown'],
  noNewPrivileges: true, stdio: [0, 1, 2], terminalPeer: null,
}
const container: TargetFacts = { pid: 42, pidfd: 20, root: 21, namespaces: CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER, cgroup: '/sys/fs/cgroup/fulcrum/web' }
const service: TargetFacts = { ...container, namespaces: CLONE_NEWNS, cgroup: null }
const shown = (plan: { readonly calls: readonly { readonly shown: string }[] }): string[] => plan.calls.map((it) => it.shown)

t.test('enter a container', async (t) => {
  const plan = planEnter(request, container)
  t.match(plan, { name: 'enter-two-children', main: 'inner', clone: 0, intoCgroup: { handle: 'cgroup' }, host: [{ op: 'open', path: container.cgroup }] })
  t.match(shown(plan).slice(0, 6), ['setns(pidfd of 42, CLONE_NEWNS|CLONE_NEWUSER|CLONE_NEWPID)', 'fchdir(21)', 'chroot(".")', /^clone\(.*CLONE_PARENT/, 'exit_group(0)', 'setsid()'])
  t.equal(plan.calls.find(({ ifZero }) => ifZero !== undefined)?.ifZero, plan.calls[5]?.label)
  t.match(plan.calls.slice(-2), [{ shown: /^execve\("\/a\/ls"/, goOn: true }, { shown: /^execve\("\/b\/ls"/, role: 'command' }], 'relative directories are left out')
  const lines = shown(plan)
  const at = (what: RegExp): number => lines.findIndex((it) => what.test(it))
  t.ok(at(/PR_CAPBSET_DROP/) < at(/setresuid/) && at(/setresuid\(5, 5, 5\)/) < at(/PR_SET_NO_NEW_PRIVS/) && at(/NO_NEW_PRIVS/) < at(/^chdir\("\/tmp"\)/))
})

t.test('enter a service', async (t) => {
  const plan = planEnter({ ...request, command: ['/bin/x'], terminalPeer: 30 }, service)
  t.match(plan, { name: 'enter', main: null, intoCgroup: null, host: [] })
  t.notOk(plan.calls.some(({ call }) => call === 'clone' || call === 'exit_group'))
  t.ok(shown(plan).some((it) => it.startsWith('ioctl(30, ')), 'the terminal')
  t.strictSame(plan.calls.filter(({ call }) => call === 'execve').map(({ role }) => role), ['command'])
})

t.test('bind and unbind', async (t) => {
  const bind = { source: '/srv/x', target: '/run/a/b', readOnly: false, recursive: false, makeTarget: false, sourceIsDirectory: false }
  t.strictSame(shown(planLiveBind(bind, container)), ['setns(pidfd of 42, CLONE_NEWNS)', 'fchdir(21)', 'chroot(".")', 'move_mount(tree, "", AT_FDCWD, "/run/a/b", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_SYMLINKS)', 'exit_group(0)'])
  const made = planLiveBind({ ...bind, readOnly: true, recursive: true, makeTarget: true, idMapped: true }, container)
  t.match(made, { name: 'bind-idmapped', host: [{ op: 'open-tree' }, { op: 'open', path: '/proc/42/ns/user' }, { op: 'set-attributes', recursive: true, set: 1, userNamespace: { handle: 'user-namespace' } }] })
  t.match(shown(made).slice(0, 8), [
    'setns(pidfd of 42, CLONE_NEWNS|CLONE_NEWUSER)', 'fchdir(21)', 'chroot(".")', 'setresgid(0, 0, 0)', 'setresuid(0, 0, 0)', /^mkdirat\(.*"\/run"/, /^mkdirat\(.*"\/run\/a"/, /^mknodat\(.*"\/run\/a\/b"/,
  ])
  t.equal(planLiveBind({ ...bind, idMapped: true }, service).name, 'bind', 'there is no user namespace to map to')
  t.strictSame(shown(planLiveUnbind('/x', container)), ['setns(pidfd of 42, CLONE_NEWNS)', 'fchdir(21)', 'chroot(".")', 'umount2("/x", MNT_DETACH)', 'exit_group(0)'])
})
