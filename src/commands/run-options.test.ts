// The command line of `fulcrum run`: what each option becomes, and what makes no sense.
import t from 'tap'
import { CAPABILITY_NAMES } from '../abi/capabilities.ts'
import { UsageError } from './option-list.ts'
import { CONTAINER_CAPABILITIES, parseRunOptions } from './run-options.ts'
import type { RunWish } from './run-options.ts'

const parse = (...args: string[]): RunWish => parseRunOptions([...args, '/root', 'true'])

t.test('defaults', async (t) => {
  t.strictSame(parseRunOptions(['/srv/x', 'ls', '-l']), {
    kind: 'container', name: null, root: '/srv/x', command: ['ls', '-l'], workingDirectory: null, env: [], mapping: { from: 'none' }, engine: 'auto',
    binds: [], readOnly: false, volatile: 'no', user: null, clearEnv: false, hostname: null, network: 'none',
    limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: null }, capabilities: CONTAINER_CAPABILITIES, noNewPrivileges: true,
    terminal: 'auto', init: true, detach: false, output: null, json: false, dryRun: false, cgroupParent: '/fulcrum', cgroupGiven: false,
  } satisfies RunWish)
  t.match(parse('--service'), { kind: 'service', capabilities: null, noNewPrivileges: false, network: 'host' })
  t.notOk(CONTAINER_CAPABILITIES.some((name) => ['sys_admin', 'mknod', 'sys_ptrace', 'sys_module', 'dac_read_search'].includes(name)))
})

t.test('what each becomes', async (t) => {
  const rows: readonly (readonly [string, Partial<RunWish>])[] = [
    ['--name=a.b-c_1', { name: 'a.b-c_1' }],
    ['--engine=namespace', { engine: 'namespace' }],
    ['--bind=/a', { binds: [{ source: '/a', target: '/a', readOnly: false, recursive: true }] }],
    ['--bind=/a:/b:ro,norbind', { binds: [{ source: '/a', target: '/b', readOnly: true, recursive: false }] }],
    ['--bind-ro=/a\\:b:/c:idmap', { binds: [{ source: '/a:b', target: '/c', readOnly: true, recursive: true, idMapped: true }] }],
    ['--bind-ro=/a:/c:rw', { binds: [{ source: '/a', target: '/c', readOnly: false, recursive: true }] }],
    ['--volatile', { volatile: 'yes' }],
    ['--volatile=state', { volatile: 'state' }],
    ['-unobody:games', { user: 'nobody:games' }],
    ['--env=A=b=c', { env: [['A', 'b=c']] }],
    ['--setenv=A', { env: [['A', null]] }],
    ['-EA=', { env: [['A', '']] }],
    ['--chdir=/x', { workingDirectory: '/x' }],
    ['--private-users', { mapping: { from: 'automatic' } }],
    ['--private-users=no', { mapping: { from: 'none' } }],
    ['--private-users=5000', { mapping: { from: 'given', uids: [{ inside: 0, outside: 5000, count: 65536 }], gids: [{ inside: 0, outside: 5000, count: 65536 }] } }],
    ['--private-users=5:6', { mapping: { from: 'given', uids: [{ inside: 0, outside: 5, count: 6 }], gids: [{ inside: 0, outside: 5, count: 6 }] } }],
    ['--map-users=1:2:3', { mapping: { from: 'given', uids: [{ inside: 1, outside: 2, count: 3 }], gids: [{ inside: 1, outside: 2, count: 3 }] } }],
    ['--network=host', { network: 'host' }],
    ['--memory=1.5G', { limits: { memoryMax: 1_610_612_736, pidsMax: null, cpuMaxUs: null, cpuWeight: null } }],
    ['--memory=4096', { limits: { memoryMax: 4096, pidsMax: null, cpuMaxUs: null, cpuWeight: null } }],
    ['--memory=64MiB', { limits: { memoryMax: 67_108_864, pidsMax: null, cpuMaxUs: null, cpuWeight: null } }],
    ['--pids=10', { limits: { memoryMax: null, pidsMax: 10, cpuMaxUs: null, cpuWeight: null } }],
    ['--cpus=0.5', { limits: { memoryMax: null, pidsMax: null, cpuMaxUs: 50_000, cpuWeight: null } }],
    ['--cpu-weight=10000', { limits: { memoryMax: null, pidsMax: null, cpuMaxUs: null, cpuWeight: 10_000 } }],
    ['--no-new-privileges=no', { noNewPrivileges: false }],
    ['-t', { terminal: 'yes' }],
    ['--tty=no', { terminal: 'no' }],
    ['--no-init', { init: false }],
    ['--cgroup-parent=/a/b', { cgroupParent: '/a/b', cgroupGiven: true }],
    ['--cgroup-parent=none', { cgroupParent: null, cgroupGiven: true }],
  ]
  for (const [option, wanted] of rows) {
    const wish = parse(option)
    t.strictSame(Object.fromEntries(Object.entries(wish).filter(([key]) => key in wanted)), wanted, option)
  }
  t.match(parse('--map-users=0:1:1', '--map-users=1:5:2', '--map-groups=0:9:1').mapping, { uids: [{ outside: 1 }, { outside: 5 }], gids: [{ outside: 9 }] })
  t.match(parseRunOptions(['/r', '-d', '--', 'x', '-d']), { detach: true, command: ['x', '-d'] })
})

t.test('the API mounts of a service', async (t) => {
  const targets = (...args: string[]): string[] => parseRunOptions(['--service', ...args, 'true']).binds.map(({ source, target, recursive }) => `${source}>${target}${recursive ? ' all' : ''}`)
  t.strictSame(targets('--mount-api', '/r'), ['/dev>/dev all', '/proc>/proc all', '/sys>/sys all'])
  t.strictSame(targets('--mount-api', '--bind=/x:/proc/y', '--bind=/d:/dev', '/r'), ['/proc>/proc all', '/sys>/sys all', '/x>/proc/y all', '/d>/dev all'])
  t.strictSame(targets('--mount-api', '/'), [])
})

t.test('capabilities, in order', async (t) => {
  t.strictSame(parse('--cap-add=all').capabilities, null)
  t.strictSame(parse('--cap-drop=all', '--cap-add=CAP_NET_RAW,mknod').capabilities, ['net_raw', 'mknod'])
  t.strictSame(parse('--cap-add=mknod', '--cap-drop=all').capabilities, [])
  t.ok(parse('--cap-add=sys_admin').capabilities?.includes('sys_admin'))
  t.strictSame(parse('--service', '--cap-drop=sys_boot').capabilities, CAPABILITY_NAMES.filter((name) => name !== 'sys_boot'))
})

t.test('mistakes', async (t) => {
  const wrong: readonly (readonly string[])[] = [
    [], ['/root'], ['/root', '--'], ['/root', ''], ...[
      ['--name=a/b'], ['--name=.x'], [`--name=${'x'.repeat(64)}`], ['--name='], ['--engine=fast'], ['--bind=a'], ['--bind=/a:b'], ['--bind=/a:/b:zz'], ['--bind=/a:/b:ro:x'],
      ['--volatile=maybe'], ['--env==x'], ['--chdir=x'], ['--private-users=x'], ['--map-users=1:2'], ['--map-users=0:0:0'], ['--map-users=4294967295:0:1'], ['--map-groups=0:1:1'],
      ['--private-users', '--map-users=0:1:1'], ['--network=bridge'], ['--memory=0'], ['--memory=x'], ['--memory=9999999T'], ['--pids=0'], ['--cpus=0'], ['--cpu-weight=10001'],
      ['--cap-add=none'], ['--no-new-privileges=maybe'], ['--tty=maybe'], ['--hostname', 'a b'], ['--hostname='], ['--hostname', '-a'], ['--hostname', `${'a'.repeat(65)}`], ['--service', '--container'], ['--service', '--hostname=x'], ['--service', '--network=none'],
      ['--service', '--no-init'], ['--mount-api'], ['--service', '--private-users'], ['--engine=move'], ['-d', '-t'], ['--output=/x'], ['--json'], ['--cgroup-parent=x'], ['--cgroup-parent=/'],
      ['--cgroup-parent=/a/../b'], ['--cgroup-parent=/a/'],
    ].map((options) => [...options, '/root', 'true']),
  ]
  for (const args of wrong) {
    let thrown: unknown = null
    try {
      parseRunOptions(args)
    } catch (error) {
      thrown = error
    }
    t.ok(thrown instanceof UsageError && /^Cannot .*[^.]$/.test(thrown.message), `${args.join(' ')}: ${String(thrown)}`)
  }
})
