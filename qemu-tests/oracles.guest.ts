// All oracles and the contract table on the guest's kernel: see qemu-tests/oracles.qemu.test.ts and docs/oracles.md.
import { mkdirSync } from 'node:fs'
import { release } from 'node:os'
import { toFd } from '../src/kernel/kernel.ts'
import { createKoffiKernel } from '../src/kernel/koffi-kernel.ts'
import { runContract } from '../src/kernel/contract/real-bed.ts'
import { allOracles } from '../src/kernel/oracles/all-oracles.ts'
import { runOracle } from '../src/kernel/oracles/run-oracle.ts'
import { guestTap } from './harness/guest-tap.ts'

const k = createKoffiKernel()
const tap = guestTap((text) => k.write(toFd(1), text))
const at = '/oracles'
mkdirSync(at)
const series = process.env['FULCRUM_KERNEL_SERIES'] ?? ''
const before = k.readText('/proc/self/mountinfo')
for (const oracle of allOracles) {
  tap.attempt(oracle.name, () => void tap.same(`${oracle.name} [${oracle.source}]`, runOracle(k, oracle, release(), at), []))
}
tap.same('no mount is left behind', k.readText('/proc/self/mountinfo'), before)
const { bottom, answers } = runContract(k, at)
tap.same('what lies at the bottom', bottom, series === '7.x' ? 'nullfs' : 'absolute')
for (const { case: c, observed, error } of answers) tap.same(`contract: ${c.name}${error === undefined ? '' : `: ${error}`}`, observed, c.expect)
tap.end()
