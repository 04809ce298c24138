// `fulcrum mounts` on modelled machines. `fulcrum ps` is in processes.test.ts.

import t from 'tap'
import { createBootedModel } from '../kernel/model/booted.ts'
import { capturedIo } from './testing/captured-io.ts'
import { runAs } from './testing/run-as.ts'
import { describeMounts, mountsCommand } from './mounts.ts'

const squeeze = (lines: readonly string[]): string[] => lines.map((l) => l.replace(/(\S) +/g, '$1 ').trimEnd())

t.test('mounts: a tree with stacks, binds and propagation', async (t) => {
  const k = createBootedModel({ absoluteRoot: true })
  k.mount('cover', '/run', 'tmpfs', 1, null)
  k.mount('/sysroot/etc', '/tmp', null, 0x1000, null)
  k.mount('none', '/sysroot', null, 0x100000, null)
  t.strictSame(squeeze(describeMounts(k)), [
    'MOUNT POINT ID TYPE SOURCE OPTIONS PROPAGATION',
    '/ 1 rootfs rootfs rw private (absolute root)',
    '  /dev 2 devtmpfs devtmpfs rw,relatime private',
    '    /dev/pts 7 devpts devpts rw,relatime private',
    '  /proc 4 proc proc rw,relatime private',
    '  /run 6 tmpfs run rw,relatime private (hidden by 8)',
    '    /run 8 tmpfs cover ro,relatime private',
    '  /sys 5 sysfs sysfs rw,relatime private',
    '  /sysroot 3 ext4 /dev/vda rw,relatime shared:1',
    '  /tmp 9 ext4 /dev/vda[/etc] rw,relatime private',
  ])
})

t.test('mounts: JSON, another process, errors', async (t) => {
  const k = createBootedModel()
  const io = capturedIo(k)
  t.equal(runAs(mountsCommand, ['--json', '1'], io), 0)
  const parsed: { mounts: { mountPoint: string; isRoot: boolean; hidden: boolean; dev: string }[] } = JSON.parse(io.out())
  t.match(parsed.mounts.find((m) => m.isRoot), { mountPoint: '/', hidden: false, dev: '3' })
  t.equal(runAs(mountsCommand, ['4711'], io), 111)
  t.match(io.err(), /Cannot read the mounts of process '4711': open\("\/proc\/4711\/mountinfo"\): ENOENT/)
  t.equal(runAs(mountsCommand, ['--bogus'], io), 100)
  t.equal(runAs(mountsCommand, [], capturedIo(createBootedModel({ api: false }))), 111)
})

t.test('mounts: colour as asked, lines where the locale has them', async (t) => {
  const k = createBootedModel()
  const printed = (args: string[], env: Record<string, string> = {}): string => {
    const io = capturedIo(k, env)
    t.equal(runAs(mountsCommand, args, io), 0)
    return io.out()
  }
  t.match(printed(['--color=always']), /\u001b\[1m/)
  t.notMatch(printed(['--color=never']), /\u001b/)
  t.match(printed(['--color=never'], { LANG: 'C.UTF-8' }), /├─\/dev/)
  t.notMatch(printed(['--color=never'], { LANG: 'C.UTF-8', LC_ALL: 'C' }), /├─/)
  t.notMatch(printed([], { NO_COLOR: '1' }), /\u001b/)
})

t.test('mounts diff: two saved ones, exit status as of diff(1)', async (t) => {
  const k = createBootedModel()
  const run = (args: string[]): { status: unknown; out: string; err: string } => {
    const io = capturedIo(k)
    return { status: runAs(mountsCommand, args, io), out: io.out(), err: io.err() }
  }
  k.writeFile('/a', run(['--json']).out)
  k.writeFile('/a2', k.readText('/proc/self/mountinfo'))
  k.mount('new', '/tmp', 'tmpfs', 1, null)
  k.writeFile('/b', run(['--json']).out)
  t.strictSame(run(['diff', '/a', '/a2']), { status: 0, out: '', err: '' })
  t.strictSame(run(['diff', '/a', '/b']), { status: 1, out: '+ /tmp  tmpfs  new  ro,relatime  private\n', err: '' })
  t.match(JSON.parse(run(['diff', '--json', '/b', '/a']).out), { removed: [{ mountPoint: '/tmp' }], added: [] })
  t.match(run(['diff', '/a']), { status: 100, err: /expected two files/ })
  t.match(run(['diff', '/a', '/none']), { status: 111, err: /Cannot read mounts from '\/none': .*ENOENT/ })
  k.writeFile('/empty', '\n')
  k.writeFile('/passwd', 'root:x:0:0::/root:/bin/sh\n')
  t.match(run(['diff', '/empty', '/a']), { status: 100, out: '', err: /Cannot read mounts from '\/empty': expected the output of 'fulcrum mounts --json' .*: it is empty$/m })
  t.match(run(['diff', '/a', '/passwd']), { status: 100, out: '', err: /Cannot read mounts from '\/passwd': expected .*: Cannot parse mountinfo line 'root:x:/ })
})

t.test('mounts: --all-namespaces and --busy say what they cannot be used with', async (t) => {
  const run = (...args: string[]): { status: unknown; out: string; err: string } => {
    const io = capturedIo(createBootedModel())
    return { status: runAs(mountsCommand, args, io), out: io.out(), err: io.err() }
  }
  t.match(run('--all-namespaces', '1'), { status: 100, err: /Cannot do both/ })
  t.match(run('--busy', '/', '--svg'), { status: 100, err: /Cannot do both/ })
  t.match(run('--busy'), { status: 100, err: /expected a value behind it/ })
  t.match(run('--busy', '/none'), { status: 111, err: /Cannot see what keeps '\/none' busy: .*ENOENT/ })
  t.match(run('--svg').out, /^<svg /)
  t.match(run('--html').out, /^<!DOCTYPE html>/)
  t.match(run('--busy=/dev').out, /^\/dev {2}\(mount \d+, devtmpfs\): kept busy by\n {2}mount \d+ {2}\/dev\/pts {2}devpts\n/)
})
