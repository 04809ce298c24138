// readKernelFiles: only what this kernel has, each with its type.

import t from 'tap'
import { createKoffiKernel } from '../../kernel/koffi-kernel.ts'
import { readKernelFiles } from './kernel-files.ts'

t.test('what there is', async (t) => {
  const kernel = createKoffiKernel()
  const there: Readonly<Record<string, string>> = { '/proc/sys': '/', '/proc/kcore': '/proc/version', '/sys/firmware': '/' }
  const found = readKernelFiles({ exists: (path) => path in there, lstat: (path) => kernel.lstat(there[path] ?? '/nowhere') })
  t.strictSame(found, [
    { path: '/proc/kcore', treatment: 'masked', type: 'file' }, { path: '/sys/firmware', treatment: 'masked', type: 'directory' },
    { path: '/proc/sys', treatment: 'read-only', type: 'directory' },
  ])
  t.ok(readKernelFiles(kernel).some(({ path }) => path === '/proc/sys'), 'of the kernel of this machine')
})
