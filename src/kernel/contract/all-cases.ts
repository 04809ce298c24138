// The whole contract table.
//
// Both kernels run it: contract.test.ts the model, contract.ns.test.ts (through real-bed.ts) the running one, and
// qemu-tests/oracles.qemu.test.ts those of the guests.

import type { ContractCase } from './case.ts'
import { chrootCases } from './chroot-cases.ts'
import { mountCases } from './mount-cases.ts'
import { nullfsCases } from './nullfs-cases.ts'
import { pivotCases } from './pivot-cases.ts'

export const allCases: readonly ContractCase[] = [...pivotCases, ...chrootCases, ...nullfsCases, ...mountCases]
