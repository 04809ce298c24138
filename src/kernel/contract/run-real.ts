// Prints what the running kernel answers to the contract table: a line of JSON for its bottom, then one a case.
//
// A process of its own, started by contract.ns.test.ts: a mount namespace is entered by one thread, and no test
// library should be inside. Argument: an empty directory.

import { toFd } from '../kernel.ts'
import { createKoffiKernel } from '../koffi-kernel.ts'
import { runContract } from './real-bed.ts'

const [, , directory] = process.argv
if (directory === undefined) throw new Error('Cannot run: the argument is an empty DIRECTORY')
const kernel = createKoffiKernel()
const { bottom, answers } = runContract(kernel, directory)
kernel.write(toFd(1), `${JSON.stringify({ bottom })}\n`)
for (const { case: c, observed, error } of answers) kernel.write(toFd(1), `${JSON.stringify({ name: c.name, observed, error })}\n`)
