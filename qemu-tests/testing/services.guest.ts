// The checks of services in a guest: the seed's test with namespace-wide counts, propagation, binds. Nobody else mounts
// anything here, so that the unique ids of mounts count as well.
import { createKoffiKernel } from '../../src/kernel/koffi-kernel.ts'
import { toFd } from '../../src/kernel/kernel.ts'
import { Spawner } from '../../src/spawn/spawner.ts'
import { endServiceBed, makeServiceBed } from '../../src/spawn/testing/service-bed.ts'
import { seedTests, serviceChecks } from '../../src/spawn/testing/service-checks.ts'
import { chrootChecks, failureChecks, noiseChecks, raceChecks, unbindableChecks } from '../../src/spawn/testing/service-failures.ts'
import { guestTap } from '../harness/guest-tap.ts'

const kernel = createKoffiKernel()
const tap = guestTap((text) => kernel.write(toFd(1), text))
const spawner = new Spawner(kernel)
const bed = makeServiceBed(kernel, '/tmp/services')
const context = { kernel, spawner, bed, tap, quiet: true }
tap.note(`features: ${JSON.stringify(spawner.features)}`)
seedTests(context)
serviceChecks(context)
failureChecks(context)
raceChecks(context)
noiseChecks(context, 40)
unbindableChecks(context)
chrootChecks(context)
spawner.close()
endServiceBed(kernel, bed)
tap.end()
