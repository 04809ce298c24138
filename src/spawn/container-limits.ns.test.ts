// What must be where when a container is made, on the kernel of this machine: the experiments of docs/containers.md.
//
// The guests of qemu-tests/containers.qemu.test.ts run the same table on 6.1, 6.12 and 7.x.

import t from 'tap'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { call, lastAnswer } from './testing/call-lab.ts'
import { answerOf, endLab, LIMITS, makeLab, wantedAnswer } from './testing/container-limits.ts'

const kernel = createKoffiKernel()
const [, major = '0', minor = '0'] = /^Linux version (\d+)\.(\d+)/.exec(kernel.readText('/proc/version')) ?? []
const version = Number(major) * 1000 + Number(minor)
const series = version >= 7000 ? '7.x' : version >= 6018 ? '6.18' : version >= 6012 ? '6.12' : '6.1'

t.test('what must be where', async (t) => {
  const lab = makeLab(kernel, `/tmp/fulcrum-lab-${process.pid}`)
  t.teardown(() => endLab(kernel, lab))
  for (const limit of LIMITS) t.equal(answerOf(kernel, lab, limit), wantedAnswer(limit, series), limit.name)
})

t.test('the laboratory says which call failed, or that it hangs', async (t) => {
  t.equal(lastAnswer(kernel, [call('close', -1), call('setsid')]), '1. close: EBADF')
  t.equal(lastAnswer(kernel, [call('setns', -1, 0)]), 'EBADF')
  t.equal(lastAnswer(kernel, [{ ...call('clone', 17, 0, 0, 0, 0), fork: true }, call('close', -1)]), 'EBADF', 'of the inner child')
})
