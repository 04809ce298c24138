// Verity, overlays, image files and resuming, as far as the model kernel goes: what is asked of the kernel and the
// tools, and what a person reads when it does not work. With real devices: qemu-tests/{verity,live,resume}.qemu.test.ts.

import t from 'tap'
import { MS_BIND } from '../../abi/mount.ts'
import { SyscallError } from '../../kernel/errors.ts'
import { createBootedModel } from '../../kernel/model/booted.ts'
import type { ModelKernel } from '../../kernel/model/model-kernel.ts'
import { dir, executable, file, populate } from '../../kernel/model/vfs.ts'
import { play, plugDisk } from '../scripted-boot-for-tests.ts'
import type { Played } from '../scripted-boot-for-tests.ts'
import { parseLive } from './image-root.ts'
import { hasImage } from './resume.ts'
import { readInitWholly } from './verified-init.ts'
import { verityArguments } from './verity.ts'

const HASH = 'ab'.repeat(32)

function calls({ model }: Played, name: string): unknown[][] {
  return model.calls.filter((c) => c.syscall === name).map((c) => [...c.args])
}

t.test('options of veritytab(5) as those of veritysetup; one that would be lost is refused', async (t) => {
  const written: string[] = []
  const of = (...options: string[]): string[] => verityArguments(options, (spec) => `/dev/${spec}`, (bytes) => {
    written.push(Buffer.from(bytes).toString())
    return '/signature'
  })
  t.strictSame(of('panic-on-corruption', 'hash-offset=4096', 'x-initrd.attach', 'superblock=no', 'fec-device=LABEL=f', 'fec-roots=2'),
    ['--panic-on-corruption', '--hash-offset=4096', '--no-superblock', '--fec-device=/dev/LABEL=f', '--fec-roots=2'])
  t.strictSame(of('root-hash-signature=/etc/sig', 'root-hash-signature=base64:aGVsbG8='), ['--root-hash-signature=/etc/sig', '--root-hash-signature=/signature'])
  t.strictSame(written, ['hello'])
  t.strictSame(of('superblock=yes', ''), [])
  t.throws(() => of('panic-on-coruption'), /Cannot use option 'panic-on-coruption'/)
})

t.test('a verity root: what the tool is asked, a hash that is none, a tool that is missing or fails', async (t) => {
  const boot = (words: string, arrange: (k: ModelKernel) => void = () => undefined): Played => play({
    commandLine: `${words} rd.timeout=1`, files: { '/bin/veritysetup': executable('') }, arrange: (k) => {
      plugDisk(k, { name: 'vdb', minor: 16 })
      k.world.programs.set('/bin/veritysetup', () => ({ code: 1, stderr: 'Verity device cannot be activated.\n' }))
      arrange(k)
    },
  })
  const failed = boot(`root=/dev/vda roothash=${HASH.toUpperCase()} systemd.verity_root_hash=/dev/vdb`)
  t.match(failed.output, /Cannot veritysetup open [^]*cannot be activated[^]*\[verity-failed\]/)
  t.strictSame(calls(failed, 'run'), [['/bin/veritysetup', 'open', '/dev/vda', 'root', '/dev/vdb', HASH]])
  t.strictSame(calls(failed, 'mount').filter(([, target]) => target === '/sysroot'), [], 'nothing is mounted')
  t.match(boot('root=/dev/vda roothash=nonsense').output, /it is no hash \[verity-failed\]/)
  t.match(boot(`roothash=${HASH}`).output, /PARTUUID=abababab-abab-abab-abab-abababababab did not appear/)
  t.match(boot(`roothash=${HASH} systemd.verity_root_data=/dev/vda systemd.verity_root_hash=/dev/vdb`, (k) => k.unlink('/bin/veritysetup')).output, /the image has no 'veritysetup'/)
  t.equal(boot(`root=/dev/vda roothash=${HASH} systemd.verity=0`).execs.length, 1)
})

t.test('init, interpreter and libraries are read; the first that cannot be is told', async (t) => {
  const { k, files } = await booted()
  t.equal(readInitWholly(k, '/sysroot', '/sbin/init'), null)
  t.match(files, ['/sysroot/usr/lib/systemd/systemd', '/sysroot/usr/lib64/ld-linux-x86-64.so.2'])
  t.equal(readInitWholly(k, '/sysroot', '/bin/script'), null, 'what is not there is no matter of this')
  const broken = await booted('/sysroot/usr/lib64/ld-linux-x86-64.so.2')
  t.match(readInitWholly(broken.k, '/sysroot', '/sbin/init'), { path: '/usr/lib64/ld-linux-x86-64.so.2', error: { code: 'EIO' } })

  async function booted(bad = ''): Promise<{ readonly k: ModelKernel; readonly files: string[] }> {
    const k = createBootedModel()
    const files: string[] = []
    const { readFile } = k
    Object.assign(k, { readFile: (path: string) => {
      files.push(path)
      if (path === bad) throw new SyscallError('read', [path], 5)
      return readFile(path)
    } })
    return { k, files }
  }
})

/** The model has no overlay: what lies below is bound there instead. */
function withOverlay(k: ModelKernel): void {
  k.world.diskFsTypes.add('overlay')
  const { mount } = k
  const replaced: ModelKernel['mount'] = (source, target, fstype, flags, data) =>
    fstype === 'overlay' ? mount('/run/fulcrum/overlay/lower', target, null, MS_BIND, null) : mount(source, target, fstype, flags, data)
  Object.assign(k, { mount: replaced, mountSetattr: () => undefined })
}

t.test('an overlay in memory and on a disk', async (t) => {
  const boot = (words: string): Played => play({
    commandLine: `root=/dev/vda rw ${words}`, arrange: (k) => {
      plugDisk(k, { name: 'vdb', minor: 16, files: { '/a': dir() } })
      withOverlay(k)
    },
  })
  const memory = boot('overlay=tmpfs:size=10%')
  t.equal(memory.execs.length, 1, memory.output)
  t.match(JSON.parse(memory.execs[0]?.record ?? ''), {
    root: { type: 'overlay', options: 'rw,lowerdir=/run/fulcrum/overlay/lower,upperdir=/run/fulcrum/overlay/rw/upper,workdir=/run/fulcrum/overlay/rw/work' },
  })
  t.strictSame(calls(memory, 'mount').filter(([, target]) => target === '/sysroot' || String(target).startsWith('/run/fulcrum/overlay')).map(([source, target, type]) => [source, target, type]), [
    ['/dev/vda', '/sysroot', 'ext4'], ['overlay', '/run/fulcrum/overlay/rw', 'tmpfs'], ['/sysroot', '/run/fulcrum/overlay/lower', null],
    ['/run/fulcrum/overlay/lower', '/sysroot', null],
  ])
  const disk = boot('overlay=/dev/vdb:/a/upper')
  t.match(JSON.parse(disk.execs[0]?.record ?? ''), { root: { options: /upperdir=\/run\/fulcrum\/overlay\/rw\/a\/upper,workdir=\/run\/fulcrum\/overlay\/rw\/a\/ovlwork$/ } })
  t.match(boot('overlay=/dev/vdc rd.timeout=1').output, /Cannot find the device of overlay=: \/dev\/vdc did not appear/)
})

t.test('a retry begins anew: what the failed try had mounted is taken away', async (t) => {
  const played = play({
    commandLine: 'root=/dev/vda overlay=/dev/vdb rd.timeout=1 init=/nosuch', typed: ['overlay=tmpfs', 'init=/sbin/init', 'retry'], arrange: (k) => {
      plugDisk(k, { name: 'vdb', minor: 16, files: {} })
      withOverlay(k)
    },
  })
  t.match(played.output, /\[init-missing\]/)
  t.equal(played.execs.length, 1, played.output)
  const record: unknown = JSON.parse(played.execs[0]?.record ?? '')
  t.match(record, { root: { options: /upperdir=\/run\/fulcrum\/overlay\/rw\/upper/ } })
  t.strictSame(calls(played, 'umount2').map(([target]) => target).filter((target) => String(target).startsWith('/run/fulcrum/overlay')), ['/run/fulcrum/overlay/lower', '/run/fulcrum/overlay/rw'])
})

t.test('root=live:', async (t) => {
  t.strictSame(parseLive('live:CDLABEL=A B'), { spec: 'LABEL=A B', path: null })
  t.strictSame(parseLive('live:/dev/sr0:/images/a.img'), { spec: '/dev/sr0', path: '/images/a.img' })
  for (const other of ['live:http://x/y', 'live:', '/dev/vda', 'live:UUID=']) t.equal(parseLive(other), null, other)
  t.match(play({ commandLine: 'root=live:http://x/y.img' }).output, /behind 'live:' a device is needed[^]*\[root-invalid\]/)
  const empty = play({ commandLine: 'root=live:/dev/vda rd.live.dir=live' })
  t.match(empty.output, /there is no '\/live\/squashfs.img' \[image-not-found\]/)
  t.match(empty.output, /^ *\/: .*sbin/m, 'what is there is listed')
})

function swap(signature: string, at = 4086): Uint8Array {
  const bytes = new Uint8Array(256 * 1024)
  bytes.set(Buffer.from(signature), at)
  bytes.set([1, 0, 0, 0, 10, 0, 0, 0], 1024)
  bytes.set(Buffer.from('22222222222233334444555555555555', 'hex'), 1036)
  return bytes
}

t.test('resuming: only where there is an image, and never in the way of a boot', async (t) => {
  const boot = (words: string, data: Uint8Array, arrange: (k: ModelKernel) => void = () => undefined): Played => play({
    commandLine: `root=/dev/vda ${words}`, arrange: (k) => {
      plugDisk(k, { name: 'vdb', minor: 16, data })
      populate(k.world.sys, { '/power/resume': file('0:0\n'), '/power/resume_offset': file('0\n') })
      arrange(k)
    },
  })
  const spec = 'resume=UUID=22222222-2222-3333-4444-555555555555'
  const resumed = boot(spec, swap('S1SUSPEND'))
  t.equal(resumed.model.readText('/sys/power/resume'), '254:16')
  t.match(resumed.output, /resuming from \/dev\/vdb[^]*Cannot resume from \/dev\/vdb: the kernel did not take the image: .*; booting without it/)
  t.equal(resumed.execs.length, 1)
  const inFile = boot('resume=/dev/vdb resume_offset=16', swap('S1SUSPEND', 17 * 4096 - 10))
  t.strictSame([inFile.model.readText('/sys/power/resume'), inFile.model.readText('/sys/power/resume_offset')], ['254:16', '16'])
  const byImage = (words: string): Played => play({
    commandLine: `root=/dev/vda ${words}`, files: { '/etc/fulcrum/image.json': file('{"resume":{"spec":"/dev/vdb","offsetPages":16}}') }, arrange: (k) => {
      plugDisk(k, { name: 'vdb', minor: 16, data: swap('S1SUSPEND', 17 * 4096 - 10) })
      populate(k.world.sys, { '/power/resume': file('0:0\n'), '/power/resume_offset': file('0\n') })
    },
  })
  t.strictSame([byImage('').model.readText('/sys/power/resume'), byImage('').model.readText('/sys/power/resume_offset')], ['254:16', '16'], 'as the image says')
  t.equal(byImage('noresume').model.readText('/sys/power/resume'), '0:0\n')
  for (const words of [spec, 'resume=/dev/vdb noresume', 'resume=/dev/vdb hibernate=noresume', '']) {
    const played = boot(words, swap(words === spec ? 'SWAPSPACE2' : 'S1SUSPEND'))
    t.equal(played.model.readText('/sys/power/resume'), '0:0\n', `'${words}' without an image, or unwanted`)
    t.notMatch(played.output, /resum/)
  }
  const missing = boot('resume=/dev/vdx rd.timeout=3', swap('S1SUSPEND'))
  t.match(missing.output, /Cannot resume: Cannot find the swap to resume from: \/dev\/vdx did not appear; booting without it/)
  t.equal(missing.execs.length, 1)
  t.match(boot(spec, swap('S1SUSPEND'), (k) => k.world.sys.root.content.kind === 'dir' && k.world.sys.root.content.entries.delete('power')).output, /this kernel has no hibernation/)
})

t.test('where the signature of an image is', async (t) => {
  const on = (bytes: Uint8Array, offset: number): boolean => hasImage({
    ...createBootedModel(),
    read: (_fd, into, position) => {
      const part = bytes.subarray(Number(position), Number(position) + into.length)
      into.set(part)
      return part.length
    },
  }, '/dev/vda', offset)
  t.ok(on(swap('S1SUSPEND'), 0))
  t.ok(on(swap('S1SUSPEND', 65_526), 0), 'pages of 64 KiB')
  t.notOk(on(swap('ULSUSPEND'), 0), 'of a program')
  t.notOk(on(swap('S1SUSPEND'), 1))
  t.notOk(on(new Uint8Array(5), 0))
})
