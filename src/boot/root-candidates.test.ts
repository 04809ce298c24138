// The guided choice on whole boots: what is listed, what is left alone, and that the chosen one boots.
//
// On the model kernel (scripted-boot-for-tests.ts); qemu-tests/gpt-root.qemu.test.ts looks at real disks.

import t from 'tap'
import { systemName } from '../facts/block/root-signs.ts'
import { rootFiles } from '../kernel/model/booted.ts'
import { file, symlink } from '../kernel/model/vfs.ts'
import { ext4Disk } from './devices/fake-kernel-for-tests.ts'
import { play, plugDisk } from './scripted-boot-for-tests.ts'
import type { Played } from './scripted-boot-for-tests.ts'

const ids = ['aaaaaaaa-2222-3333-4444-555555555555', 'bbbbbbbb-2222-3333-4444-555555555555', 'cccccccc-2222-3333-4444-555555555555'] as const
const named = (name: string): Record<string, ReturnType<typeof file>> => ({ ...rootFiles, '/etc/os-release': file(`NAME=x\nPRETTY_NAME="${name}"\n`) })

function boot(commandLine: string, typed: readonly string[], more: Partial<Parameters<typeof play>[0]> = {}): Played {
  return play({
    commandLine, typed, disk: false,
    arrange: (k) => {
      plugDisk(k, { name: 'vda', minor: 0, data: ext4Disk(ids[0], 'first'), files: named('First System 1') })
      plugDisk(k, { name: 'vdb', minor: 16, data: ext4Disk(ids[1], 'data'), files: { '/readme': file('x') } })
      plugDisk(k, { name: 'vdc', minor: 32, data: ext4Disk(ids[2], 'other'), files: named('Other System 2') })
      plugDisk(k, { name: 'vdd', minor: 48, data: ext4Disk(ids[2], 'twin'), corrupt: true })
    },
    ...more,
  })
}

/** Every mount and unmount of the place where file systems are looked into, and every write protection. */
function looks({ model }: Played): unknown[] {
  return model.calls.filter((c) => c.args[1] === '/run/fulcrum/look' || (c.syscall === 'umount2' && c.args[0] === '/run/fulcrum/look')).map((c) => [c.syscall, c.args[0], ...(c.syscall === 'mount' ? [c.args[4]] : [])])
}

t.test('the list, and a number that boots', async (t) => {
  const played = boot('rw root=LABEL=nosuch rd.timeout=1', ['2'])
  t.match(played.output, /These look like root file systems; a number boots one:\n {2}1 {2}\/dev\/vda {2}ext4 {2}'First System 1' {2}label first\n {2}2 {2}\/dev\/vdc {2}ext4 {2}'Other System 2' {2}label other\n/)
  t.match(played.output, /\(cannot look into \/dev\/vdd: .*EUCLEAN.*\)/)
  t.notMatch(played.output, /\/dev\/vdb {2}ext4 {2}/)
  t.match(JSON.parse(played.execs[0]?.record ?? ''), { rescues: 1, root: { source: '/dev/vdc', options: 'rw' } }, 'a UUID that two devices have is not used')
  t.same(looks(played), [
    ['mount', '/dev/vda', 'noload'], ['umount2', '/run/fulcrum/look'],
    ['mount', '/dev/vdb', 'noload'], ['umount2', '/run/fulcrum/look'],
    ['mount', '/dev/vdc', 'noload'], ['umount2', '/run/fulcrum/look'],
    ['mount', '/dev/vdd', 'noload'],
  ])
  const flags = played.model.calls.filter((c) => c.syscall === 'mount' && c.args[1] === '/run/fulcrum/look').map((c) => JSON.stringify(c.args[3]))
  t.ok(flags.every((f) => f.includes('MS_RDONLY')))
  const protections = played.model.calls.filter((c) => c.syscall === 'ioctl' && JSON.stringify(c.args).includes('125d'))
  t.equal(protections.length, 8, 'each is write-protected before and open again afterwards')
  t.notOk(played.model.exists('/run/fulcrum/look'), 'and the place is gone')
})

t.test('no root= at all: the same list', async (t) => {
  t.match(JSON.parse(boot('ro', ['1']).execs[0]?.record ?? ''), { root: { source: '/dev/vda', options: 'ro' } })
})

t.test('what is mounted is not touched', async (t) => {
  const played = boot('root=LABEL=data rd.timeout=1', ['roots'])
  t.match(played.output, /\[init-missing\]/)
  t.notOk(looks(played).some((l) => JSON.stringify(l).includes('vdb')))
})

t.test('nothing there', async (t) => {
  t.match(play({ commandLine: 'root=LABEL=x rd.timeout=1', disk: false }).output, /No file system here looks like a root/)
})

t.test('names come from the root itself, and hide nothing', async (t) => {
  const links = { ...rootFiles, '/etc/os-release': symlink('/usr/lib/os-release'), '/usr/lib/os-release': file('PRETTY_NAME=In\\nside\x1b[2J\n') }
  const played = play({ commandLine: 'root=LABEL=x rd.timeout=1', root: links })
  t.match(played.output, /\/dev\/vda {2}ext4 {2}'In\\nside\?\[2J'/)
  t.equal(systemName('NAME=Only\n'), 'Only')
  t.equal(systemName("PRETTY_NAME='A b'\nNAME=c"), 'A b')
  t.equal(systemName(''), null)
})
