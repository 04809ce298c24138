// Files of a root that are not what they seem.
import t from 'tap'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { readTextInRoot } from './read-in-root.ts'

t.test('what is read, and what is not', async (t) => {
  const kernel = createKoffiKernel()
  const root = t.testdir({ etc: { passwd: 'me\n' }, real: 'inside\n' })
  const read = (path: string): string => readTextInRoot(kernel, root, path)
  t.equal(read('/etc/passwd'), 'me\n')
  symlinkSync('/real', join(root, 'etc/absolute'))
  symlinkSync('../../../../real', join(root, 'etc/relative'))
  symlinkSync('loop', join(root, 'etc/loop'))
  t.strictSame([read('/etc/absolute'), read('/etc/relative')], ['inside\n', 'inside\n'], 'links end in the root')
  mkdirSync(join(root, 'etc/directory'))
  spawnSync('mkfifo', [join(root, 'etc/fifo')])
  writeFileSync(join(root, 'etc/large'), '')
  truncateSync(join(root, 'etc/large'), 2_000_000_000)
  const before = kernel.readdir('/proc/self/fd').length
  for (const name of ['missing', 'loop', 'directory', 'fifo', 'large', 'passwd/x']) t.equal(read(`/etc/${name}`), '', name)
  t.equal(kernel.readdir('/proc/self/fd').length, before)
})
