// What keeps a real mount busy, and who else sees it: a child with a working directory, a deleted open file and a
// running program on it, a loop device, a mount; and a second mount namespace that is its slave. Needs root.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MS_PRIVATE, MS_SHARED } from '../abi/mount.ts'
import { seenBy } from '../facts/mounts/namespaces.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { readBusy } from './read-busy.ts'
import { readMounts } from './read-mounts.ts'
import { readNamespaces } from './read-namespaces.ts'

const k = createKoffiKernel()
const base = mkdtempSync('/tmp/fulcrum-busy-')
k.mount('base', base, 'tmpfs', 0, null)
k.mount('none', base, null, MS_PRIVATE, null)
k.mount('none', base, null, MS_SHARED, null)
t.teardown(() => {
  k.umount2(base, 2)
  rmdirSync(base)
})
const file = join(base, 'file')
const program = join(base, 'program')
const inner = join(base, 'inner')
writeFileSync(file, 'x')
mkdirSync(inner)
copyFileSync(realpathSync('/bin/sh'), program)
spawnSync('chmod', ['755', program])

/** A shell that says a line when it is ready, and ends with its input. */
async function start(command: string, args: string[]): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return {
    pid: child.pid ?? 0,
    end: async () => {
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}

t.test('nothing, and then everything', async (t) => {
  const look = (path = base): ReturnType<typeof readBusy> => readBusy(k, readMounts(k, 'self').tree, path)
  const count = (b: ReturnType<typeof readBusy>): number[] => [b.processes.length, b.nested.length, b.loops.length, b.swapFiles.length]
  t.strictSame(count(look()), [0, 0, 0, 0])
  t.throws(() => look(join(base, 'none')), { code: 'ENOENT' })
  const child = await start(program, ['-c', `cd ${base}; exec 7<${file}; rm ${file}; echo ready; read line`])
  const found = look(join(base, 'inner'))
  t.strictSame(found.processes.map((use) => [use.pid, use.what]).filter(([, what]) => what !== 'map'), [[child.pid, 'cwd'], [child.pid, 'exe'], [child.pid, 'fd 7']])
  t.match(found.processes.find((use) => use.what === 'map'), { pid: child.pid, path: program })
  t.equal(found.processes.find((use) => use.what === 'fd 7')?.path, `${file} (deleted)`)
  t.throws(() => k.umount2(base, 0), { code: 'EBUSY' })
  await child.end()

  k.mount('inner', inner, 'tmpfs', 0, null)
  t.match(look(), { nested: [{ mountPoint: inner }] })
  t.strictSame(count(look()), [0, 1, 0, 0])
  t.equal(look(inner).mount.source, 'inner')
  t.strictSame(count(look(inner)), [0, 0, 0, 0])
  k.umount2(inner, 0)

  const image = join(base, 'image')
  writeFileSync(image, '')
  truncateSync(image, 1 << 20)
  const device = spawnSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).stdout.trim()
  t.match(device, /^\/dev\/loop\d+$/)
  t.match(look(), { loops: [{ device, file: image }] })
  t.strictSame(count(look()), [0, 0, 1, 0])
  spawnSync('losetup', ['--detach', device])
  t.strictSame(count(look()), [0, 0, 0, 0])
  k.umount2(base, 0)
  k.mount('base', base, 'tmpfs', 0, null)
})

t.test('another namespace that receives from a mount here', async (t) => {
  k.mount('none', base, null, MS_PRIVATE, null)
  k.mount('none', base, null, MS_SHARED, null)
  const before = readNamespaces(k)
  const child = await start('unshare', ['--mount', '--propagation', 'slave', 'sh', '-c', 'echo ready; read line'])
  const now = readNamespaces(k)
  // By its process: whatever else runs on the machine may make namespaces meanwhile.
  const added = now.list.filter((ns) => ns.pid === child.pid && !before.list.some((old) => old.id === ns.id))
  t.match(added, [{ own: false, pid: child.pid, processes: 1 }])
  t.equal(now.list.filter((ns) => ns.own).length, 1)
  const { tree } = readMounts(k, 'self')
  const mount = tree.lookup(base)
  if (mount === undefined) throw new Error('Cannot find the mount')
  const id = added[0]?.id ?? ''
  const who = seenBy(now)(mount)
  t.strictSame([who.sameFs.includes(id), who.linked], [true, [id]])
  await child.end()
  t.notOk(readNamespaces(k).list.some((ns) => ns.id === id))
})
