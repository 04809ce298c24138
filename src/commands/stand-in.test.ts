// What run-init and switch_root do in the image of another program's init that they stand in for, on the model kernel.

import t from 'tap'
import { SYSROOT } from '../facts/switch-types.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { BootedOptions } from '../kernel/model/booted.ts'
import { ExecCalled } from '../kernel/model/process-calls.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { dir, executable, file } from '../kernel/model/vfs.ts'
import { capturedIo } from './testing/captured-io.ts'
import { runInitCommand } from './run-init.ts'

const IMAGE = '{"standInFor": "initramfs-tools", "keep": "full"}'
const MS_MOVE = 0x2000

/** A model where a script has moved the API mounts into the root, as initramfs-tools does. */
function moved(image: string, more: BootedOptions = {}): ModelKernel {
  const files = { '/init': executable(elfFile()), '/dev': dir(), '/proc': dir(), '/sys': dir(), '/run': dir(), '/sysroot': dir(), '/etc/fulcrum/image.json': file(image) }
  const k = createBootedModel({ files, ...more })
  for (const at of ['/dev', '/run', '/sys', '/proc']) k.mount(at, `${SYSROOT}${at}`, null, MS_MOVE, null)
  k.rmdir('/dev')
  k.symlink(`${SYSROOT}/dev`, '/dev')
  return k
}

function handOver(k: ModelKernel, args: readonly string[] = ['/sysroot', '/sbin/init', '3']): { readonly status: number | 'exec'; readonly err: string } {
  const io = capturedIo(k, {})
  try {
    const status = runInitCommand.run(args, io)
    if (typeof status !== 'number') throw new Error('run-init is synchronous')
    return { status, err: io.err() }
  } catch (error) {
    if (!(error instanceof ExecCalled)) throw error
    return { status: 'exec', err: io.err() }
  }
}

for (const absoluteRoot of [true, false]) {
  t.test(`the initramfs is kept by pivot, with a directory to come back to, absoluteRoot ${absoluteRoot}`, async (t) => {
    const k = moved(IMAGE, { absoluteRoot })
    k.writeFile(`${SYSROOT}/run/started`, '')
    const { status, err } = handOver(k)
    t.equal(status, 'exec', err)
    t.ok(k.exists('/run/rootfs/init'))
    t.equal(k.lstat('/run/rootfs/dev').mode & 0o170000, 0o040000, 'the link that a script left at /dev is a directory again')
    t.match(JSON.parse(k.readText('/run/fulcrum/boot.json')), { engine: 'pivot', keep: 'full', prepared: absoluteRoot, initArgv: ['/init', '3'], initramfsDevices: [String(k.stat('/run/rootfs').dev)] })
    t.notMatch(k.readText('/proc/self/mountinfo'), /rootfs\/(proc|sys) /, 'what was borrowed is given back')
  })
}

t.test('an image of nobody, and one that wants it freed: as run-init has always done it', async (t) => {
  for (const image of ['{"keep": "full"}', IMAGE.replace('full', 'none')]) {
    const k = moved(image)
    t.equal(handOver(k).status, 'exec')
    t.notOk(k.exists('/run/rootfs'))
  }
})

t.test('a switch that fails leaves the link at /dev as it was', async (t) => {
  const k = moved(IMAGE)
  k.failNext('pivot_root', 'EINVAL')
  const { status, err } = handOver(k)
  t.equal(status, 1)
  t.match(err, /undone/)
  t.equal(k.readlink('/dev'), `${SYSROOT}/dev`)
})

t.test('-n asks about the init and nothing else', async (t) => {
  const k = moved(IMAGE)
  t.equal(handOver(k, ['-n', '/sysroot', '/sbin/init']).status, 0)
  t.equal(handOver(k, ['-n', '/sysroot', '/sbin/nothing']).status, 1)
  t.equal(k.readlink('/dev'), `${SYSROOT}/dev`)
})
