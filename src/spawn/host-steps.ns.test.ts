// Host steps on the running kernel: trees that are attached nowhere, files in them, what is left after undo().
//
// Through HostSteps itself. Root, in the private mount namespace of the test runner.

import t from 'tap'
import { AT_RECURSIVE, MOUNT_ATTR_NODEV, MOUNT_ATTR_RDONLY, MS_PRIVATE, OPEN_TREE_CLONE } from '../abi/mount.ts'
import { O_RDONLY } from '../abi/process.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { handle } from '../plan/run/calls.ts'
import type { HostStep } from '../plan/run/run-plan.ts'
import { showStep } from '../plan/run/show-step.ts'
import { readFeatures } from './features.ts'
import { HostSteps } from './host-steps.ts'
import { leaks, snapshot } from './testing/leaks.ts'

const kernel = createKoffiKernel()
const unwanted = (): never => {
  throw new Error('Nobody asks for this here')
}
const shared = { userNamespace: unwanted, template: unwanted, initProgram: unwanted }
const tree = handle('tree')
const TMPFS: HostStep = { op: 'new-mount', fstype: 'tmpfs', options: [['mode', '750'], ['size', '64k'], ['noswap', null]], attributes: MOUNT_ATTR_NODEV, as: 'tree' }

t.test('files in a new file system: types and modes, whatever the umask is', async (t) => {
  const before = snapshot(kernel)
  const steps = new HostSteps(kernel, shared)
  const list: readonly HostStep[] = [
    { ...TMPFS, options: [['mode', '750'], ['size', '64k']] },
    { op: 'make-node', tree, path: 'sticky', node: { type: 'directory', mode: 0o1777 } },
    { op: 'make-node', tree, path: 'sticky/plain', node: { type: 'directory', mode: 0o755 } },
    { op: 'make-node', tree, path: 'file', node: { type: 'file', mode: 0o666 } },
    { op: 'make-node', tree, path: 'link', node: { type: 'symlink', to: 'sticky/plain' } },
    { op: 'make-node', tree, path: 'null', node: { type: 'character-device', mode: 0o666, major: 1, minor: 3 } },
    { op: 'open', at: tree, path: 'sticky', flags: O_RDONLY, as: 'opened' },
  ]
  for (const step of list) steps.make(step)
  const at = `/proc/self/fd/${steps.fd('tree')}`
  const modes = ['.', 'sticky', 'sticky/plain', 'file', 'link', 'null'].map((path) => kernel.lstat(`${at}/${path}`).mode.toString(8))
  t.strictSame(modes, ['40750', '41777', '40755', '100666', '120777', '20666'])
  t.equal(kernel.lstat(`${at}/null`).rdev, 0x103n)
  t.equal(kernel.readlink(`${at}/link`), 'sticky/plain')
  t.equal(kernel.fstat(steps.fd('opened')).ino, kernel.lstat(`${at}/sticky`).ino)
  t.equal(kernel.statfs(at).blocks, 16)
  t.throws(() => steps.fd('nothing'), RangeError)
  t.equal(steps.find('nothing'), null)
  steps.closeAllBut(['opened'])
  t.equal(steps.find('tree'), null)
  steps.undo()
  t.strictSame(leaks(kernel, before), [])
  t.strictSame(list.map(showStep), [
    'fsmount("tmpfs", "mode=750,size=64k", MOUNT_ATTR_NODEV) = tree', 'mkdirat(tree, "sticky", 01777)', 'mkdirat(tree, "sticky/plain", 0755)',
    'mknodat(tree, "file", S_IFREG|0666)', 'symlinkat("sticky/plain", tree, "link")', 'mknodat(tree, "null", S_IFCHR|0666, makedev(1, 3))', 'openat(tree, "sticky", 0) = opened',
  ])
})

t.test('copies of trees, their attributes, and mounts in them', async (t) => {
  const before = snapshot(kernel)
  const steps = new HostSteps(kernel, shared)
  const copy: HostStep = { op: 'open-tree', from: '/proc', flags: OPEN_TREE_CLONE | AT_RECURSIVE, as: 'copy' }
  const attributes: HostStep = { op: 'set-attributes', tree: handle('copy'), recursive: true, set: MOUNT_ATTR_RDONLY, clear: 0, propagation: MS_PRIVATE, userNamespace: null }
  for (const step of [copy, attributes, { op: 'open-tree', from: handle('copy'), flags: 0, as: 'again' }] as const) steps.make(step)
  t.throws(() => kernel.writeFile(`/proc/self/fd/${steps.fd('again')}/sys/kernel/hostname`, 'x'), { code: 'EROFS' })
  t.equal(showStep(attributes), 'mount_setattr(copy, AT_RECURSIVE, {set=MOUNT_ATTR_RDONLY, clr=0, propagation=MS_PRIVATE})')
  if (readFeatures(kernel).mountIntoDetached) {
    for (const step of [
      { op: 'new-mount', fstype: 'tmpfs', options: [], attributes: 0, as: 'tree' },
      { op: 'make-node', tree, path: 'proc', node: { type: 'directory', mode: 0o755 } },
      { op: 'attach', mount: handle('copy'), tree, path: 'proc' },
    ] as const) steps.make(step)
    t.ok(kernel.exists(`/proc/self/fd/${steps.fd('tree')}/proc/self/status`))
  }
  steps.undo()
  t.strictSame(leaks(kernel, before), [])
})

t.test('a step that fails has left nothing', async (t) => {
  const before = snapshot(kernel)
  const steps = new HostSteps(kernel, shared)
  t.throws(() => steps.make({ ...TMPFS, options: [['size', 'many']] }), { syscall: 'fsconfig', code: 'EINVAL' })
  t.throws(() => steps.make({ op: 'new-mount', fstype: 'nonexistent', options: [], attributes: 0, as: 'x' }), { syscall: 'fsopen', code: 'ENODEV' })
  t.throws(() => steps.make({ op: 'ensure-directory', path: '/proc/nonexistent/x', mode: 0o755 }), { code: 'ENOENT' })
  t.strictSame(leaks(kernel, before), [])
})

t.test('a directory that stays', async (t) => {
  const at = `/tmp/fulcrum-steps-${process.pid}`
  const steps = new HostSteps(kernel, shared)
  for (let i = 0; i < 2; i++) steps.make({ op: 'ensure-directory', path: `${at}/a/b`, mode: 0o711 })
  t.equal(kernel.lstat(`${at}/a/b`).mode, 0o40711)
  steps.undo()
  for (const path of [`${at}/a/b`, `${at}/a`, at]) kernel.rmdir(path)
})
