// What the contract table cannot show of the model: injected failures, devices, the clock, memory, namespaces.

import t from 'tap'
import { parseMountInfo } from '../../facts/mountinfo.ts'
import { isErrno } from '../errors.ts'
import { createBootedModel, initramfsFiles } from './booted.ts'
import { elfFile } from './exec.ts'
import { createModelKernel, modelKernelFor } from './model-kernel.ts'
import { ExecCalled, RebootCalled } from './process-calls.ts'
import { executable, file } from './vfs.ts'

const codeOf = (body: () => void): string => {
  try {
    body()
    return 'ok'
  } catch (error) {
    return isErrno(error, 'EIO', 'ENODEV', 'EINVAL', 'EUCLEAN', 'EACCES', 'ENXIO', 'ENOTBLK', 'EPERM', 'ENOSPC', 'ENOEXEC', 'ENOENT', 'EBUSY', 'EROFS') ? error.code : String(error)
  }
}

t.test('an injected failure happens once, to the call that matches, and changes nothing', async (t) => {
  const k = createModelKernel({ absoluteRoot: true, files: initramfsFiles })
  k.failNext('mkdir', 'EIO', ([path]) => path === '/b')
  k.mkdir('/a', 0o755)
  t.equal(codeOf(() => k.mkdir('/b', 0o755)), 'EIO')
  t.notOk(k.exists('/b'))
  k.mkdir('/b', 0o755)
  t.throws(() => k.mkdir('/b', 0o700), { message: 'mkdir("/b", 0700): EEXIST (File exists)', syscall: 'mkdir' })
})

t.test('the absolute root is its own parent, on nullfs it is not', async (t) => {
  for (const absoluteRoot of [true, false]) {
    const k = createModelKernel({ absoluteRoot, files: initramfsFiles })
    k.mount('proc', '/proc', 'proc', 0, null)
    const [root] = parseMountInfo(k.readText('/proc/self/mountinfo'))
    t.match(root, { mountPoint: '/', fstype: 'rootfs' })
    t.equal(root?.id === root?.parentId, absoluteRoot)
    t.equal(root?.dev, k.stat('/').dev, 'mountinfo and stat agree')
  }
  t.equal(createModelKernel({ absoluteRoot: true, rootfsType: 'ramfs' }).statfs('/').type, 0x858458f6)
  t.equal(createModelKernel({ absoluteRoot: true }).statfs('/').type, 0x01021994)
})

t.test('disks mount, or refuse as the kernel does', async (t) => {
  const k = createBootedModel()
  const add = (name: string, minor: number, more: object): string => {
    k.world.addDisk(name, { major: 8, minor, fstype: 'ext4', files: { '/x': file('') }, ...more })
    return `/dev/${name}`
  }
  const mount = (source: string, flags = 0, type = 'ext4'): string => codeOf(() => { k.mount(source, '/tmp', type, flags, null); k.umount2('/tmp', 0) })
  t.equal(mount(add('sda', 0, {})), 'ok')
  t.equal(mount('/dev/sda', 0, 'xfs'), 'EINVAL')
  t.equal(mount('/dev/sda', 0, 'nosuch'), 'ENODEV')
  t.equal(mount(add('sdb', 16, { corrupt: true })), 'EUCLEAN')
  t.equal(mount(add('sdc', 32, { writeProtected: true })), 'EACCES')
  t.equal(mount('/dev/sdc', 1), 'ok')
  t.equal(mount('/dev/console'), 'ENOTBLK')
  t.equal(mount('/dev/none'), 'ENOENT')
  k.mknod('/dev/ghost', 0o060600, 0x777n)
  t.equal(mount('/dev/ghost'), 'ENXIO')
  k.mount('/dev/sdc', '/tmp', 'ext4', 1, null)
  t.equal(codeOf(() => k.mkdir('/tmp/y', 0o755)), 'EROFS')
})

t.test('execve checks what the kernel checks, and says what would be inherited', async (t) => {
  const k = createBootedModel()
  const exec = (path: string): string => codeOf(() => k.execve(path, [path], {}))
  t.equal(exec('/sysroot/bin/arm'), 'ENOEXEC')
  t.equal(exec('/sysroot/bin/script'), 'ENOENT')
  t.equal(exec('/sysroot/usr/lib/systemd/systemd'), 'ENOENT', 'its interpreter is looked up from this root')
  t.equal(exec('/etc/initrd-release'), 'EACCES')
  const kept = k.open('/etc', 0)
  k.proc.ignoredSignals.add(13)
  t.equal(k.fcntl(kept, 1, 0), 1, 'descriptors are close-on-exec as with the real kernel object')
  k.fcntl(kept, 2, 0)
  k.open('/tmp', 0)
  try {
    k.execve('/init', ['/init', 'x'], { A: 'b' })
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
    t.match(error.inherited, { argv: ['/init', 'x'], env: { A: 'b' }, ignoredSignals: [13], nofile: 1024n })
    t.strictSame(error.inherited.fds.map(([, path]) => path), ['/dev/console', '/dev/console', '/dev/console', '/etc'])
  }
  t.throws(() => k.reboot(0x01234567), RebootCalled)
})

t.test('without root nothing is allowed', async (t) => {
  const k = createBootedModel()
  k.proc.uid = 1000
  for (const body of [
    () => k.mount('x', '/tmp', 'tmpfs', 0, null), () => k.umount2('/run', 0), () => k.pivotRoot('/sysroot', '/sysroot/etc'),
    () => k.chroot('/sysroot'), () => k.unshare(0x20000), () => k.reboot(0x01234567), () => k.dropCapabilities([1]),
  ]) t.equal(codeOf(body), 'EPERM')
})

t.test('memory is free when nothing holds the file system', async (t) => {
  for (const kdevtmpfsPins of [false, true]) {
    const k = createBootedModel({ kdevtmpfsPins })
    k.mkdir('/run/rootfs', 0o700)
    for (const at of ['/run', '/proc', '/sys', '/dev']) k.mount(at, `/sysroot${at}`, null, 0x2000, null)
    k.chdir('/sysroot')
    k.pivotRoot('.', 'run/rootfs')
    k.chdir('/')
    t.equal(codeOf(() => k.umount2('/run/rootfs', 0)), 'EBUSY', 'the executable of PID 1')
    t.throws(() => k.execve('/bin/sh', ['sh'], {}), ExecCalled)
    k.umount2('/run/rootfs', 0)
    t.equal(k.world.isAlive(k.world.initramfs), kdevtmpfsPins, 'Linux 7.0 to 7.2 keep it')
  }
})

t.test('capacity ends in ENOSPC, and statfs counts', async (t) => {
  const k = createModelKernel({ absoluteRoot: true, capacity: 10_000, files: { '/init': executable(elfFile()) } })
  t.equal(codeOf(() => k.writeFile('/big', 'x'.repeat(9_990))), 'ENOSPC')
  k.writeFile('/big', 'x'.repeat(5000))
  t.match(k.statfs('/'), { blocks: 3, bfree: 1 })
  k.unlink('/big')
  t.match(k.statfs('/'), { bfree: 2 })
})

t.test('a new mount namespace is a copy', async (t) => {
  const boss = createBootedModel()
  const k = modelKernelFor(boss.world, boss.spawn('/bin/fulcrum', [], {}))
  const before = boss.snapshot()
  k.unshare(0x20000)
  k.umount2('/sysroot', 0)
  k.mount('x', '/tmp', 'tmpfs', 0, null)
  t.equal(boss.snapshot(), before)
  t.notOk(k.readText('/proc/self/mountinfo').includes('/sysroot'))
  t.equal(codeOf(() => boss.umount2('/sysroot', 0)), 'ok', 'the copy does not keep the mount busy')
})

t.test('the clock moves with sleeping and polling, and things happen meanwhile', async (t) => {
  const k = createBootedModel()
  const fd = k.openUeventSocket()
  k.world.after(250_000n, () => k.world.uevents.push(new TextEncoder().encode('add@/devices/x')))
  const start = k.monotonicUs()
  t.strictSame(k.poll([fd], 100), [{ fd, revents: 0 }])
  t.equal(k.monotonicUs() - start, 100_000n)
  t.strictSame(k.poll([fd], 1000), [{ fd, revents: 1 }])
  t.equal(k.monotonicUs() - start, 250_000n)
  const into = new Uint8Array(64)
  t.equal(k.read(fd, into, null), 14)
  k.sleepMs(5)
  t.equal(k.monotonicUs() - start, 255_000n)
})

t.test('programs are what the test says, and anything else is a mistake of the test', async (t) => {
  const k = createBootedModel()
  k.world.programs.set('/sbin/fsck', (args) => ({ code: args.length, stdout: 'clean' }))
  t.match(k.run('/sbin/fsck', ['-a', 'x'], { env: {} }), { code: 2, stdout: 'clean' })
  t.match(k.run('/no/such', [], { env: {} }), { code: null, error: 'ENOENT' })
  t.throws(() => k.run('/bin/fulcrum', [], { env: {} }), /the test gave no program/)
})
