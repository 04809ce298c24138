// pivot_root: the call itself, and that each refusal of the kernel is explained by its own rule.

import t from 'tap'
import { parseMountInfo } from '../facts/mountinfo.ts'
import { createBootedModel } from '../kernel/model/booted.ts'
import type { ModelKernel } from '../kernel/model/model-kernel.ts'
import { capturedIo } from './testing/captured-io.ts'
import { explainPivot, pivotRootCommand } from './pivot-root.ts'

const prepared = (absoluteRoot = false): ModelKernel => {
  const k = createBootedModel({ absoluteRoot })
  k.mkdir('/sysroot/old', 0o755)
  return k
}

t.test('it pivots', async (t) => {
  const k = prepared()
  const io = capturedIo(k)
  t.equal(pivotRootCommand.run(['/sysroot', '/sysroot/old'], io), 0, io.err())
  t.ok(k.exists('/old/init'))
})

const cases: readonly (readonly [string, (k: ModelKernel) => void, string, string, RegExp])[] = [
  ['absolute root', () => undefined, '/sysroot', '/sysroot/old', /absolute root/],
  ['new is a plain directory', () => undefined, '/etc', '/etc', /'\/etc' is on the current root mount: bind/],
  ['put_old on the root mount', () => undefined, '/sysroot', '/tmp', /'\/tmp' is on the current root mount: it has to be below '\/sysroot'/],
  ['put_old on another mount', () => undefined, '/sysroot', '/run', /'\/run' is not below '\/sysroot'/],
  ['new inside the mount', () => undefined, '/sysroot/old', '/sysroot/old', /'\/sysroot\/old' is not a mount point/],
  ['parent shared', (k) => k.mount('none', '/', null, 0x100000, null), '/sysroot', '/sysroot/old', /below '\/sysroot' \('\/'\) is shared/],
  ['new shared', (k) => k.mount('none', '/sysroot', null, 0x100000, null), '/sysroot', '/sysroot/old', /mount of '\/sysroot\/old' \('\/sysroot'\) is shared/],
  ['chroot', (k) => { k.mkdir('/etc/proc', 0o755); k.mkdir('/etc/new', 0o755); k.mount('proc', '/etc/proc', 'proc', 0, null); k.mount('n', '/etc/new', 'tmpfs', 0, null); k.chroot('/etc') }, '/new', '/new', /in a chroot/],
]
for (const [name, arrange, newRoot, putOld, message] of cases) {
  t.test(`the reason is named: ${name}`, async (t) => {
    const k = prepared(name === 'absolute root')
    arrange(k)
    const io = capturedIo(k)
    t.equal(pivotRootCommand.run([newRoot, putOld], io), 1)
    t.match(io.err(), /^pivot_root: Cannot change root from '.*' to '.*': pivot_root\(.*\): E(INVAL|BUSY) \(/)
    t.match(io.err(), message)
  })
}

t.test('nothing is explained away where the kernel agrees', async (t) => {
  const k = prepared()
  t.equal(explainPivot(parseMountInfo(k.readText('/proc/self/mountinfo')), '/sysroot', '/sysroot/old'), null)
})

t.test('without /proc there is the errno and its hint', async (t) => {
  const k = createBootedModel({ api: false })
  const io = capturedIo(k)
  t.equal(pivotRootCommand.run(['/etc', '/etc'], io), 1)
  t.match(io.err(), /EBUSY \(Device or resource busy\); the new root or put_old/)
})

t.test('a user is told so', async (t) => {
  const k = prepared()
  k.proc.uid = 65_534
  const io = capturedIo(k)
  t.equal(pivotRootCommand.run(['/sysroot', '/sysroot/old'], io), 1)
  t.match(io.err(), /EPERM \(Operation not permitted\); CAP_SYS_ADMIN .* is needed: run as root$/m)
})

t.test('a missing directory, and usage', async (t) => {
  const io = capturedIo(prepared())
  t.equal(pivotRootCommand.run(['/none', '/none/old'], io), 1)
  t.match(io.err(), /ENOENT/)
  for (const args of [[], ['/a'], ['/a', '/b', '/c'], ['-x']]) t.equal(pivotRootCommand.run(args, capturedIo()), 1)
  t.equal(pivotRootCommand.run(['-h'], io), 0)
  t.equal(pivotRootCommand.run(['-V'], io), 0)
  t.match(io.out(), /pivot_root from fulcrum /)
})
