// The usermode helpers' masks: which bits go, and in which word.

import t from 'tap'
import { SyscallError } from '../kernel/errors.ts'
import { dropCapabilities, maskWithout } from './drop-capabilities.ts'

t.test('bits are cleared in the right word', async (t) => {
  t.equal(maskWithout('4294967295 511\n', [0]), '4294967294 511')
  t.equal(maskWithout('4294967295 511', [31, 32]), '2147483647 510')
  t.equal(maskWithout('4294967295 511', []), '4294967295 511')
})

t.test('helpers first, then the process; a kernel without the files is fine, another error is not', async (t) => {
  const files = new Map([['/proc/sys/kernel/usermodehelper/bset', '4294967295 511'], ['/proc/sys/kernel/usermodehelper/inheritable', '4294967295 511']])
  const dropped: number[][] = []
  const kernel = {
    readText: (path: string): string => {
      const text = files.get(path)
      if (text === undefined) throw new SyscallError('open', [path], 2)
      return text
    },
    writeFile: (path: string, data: string | Uint8Array): void => void files.set(path, String(data)),
    dropCapabilities: (numbers: readonly number[]): void => void dropped.push([...numbers]),
  }
  dropCapabilities(kernel, [16])
  t.strictSame([...files.values()], ['4294901759 511', '4294901759 511'])
  files.clear()
  dropCapabilities(kernel, [17])
  t.strictSame(dropped, [[16], [17]])
  const refusing = { ...kernel, readText: (path: string): string => { throw new SyscallError('open', [path], 13) } }
  t.throws(() => dropCapabilities(refusing, [1]), { code: 'EACCES' })
})
