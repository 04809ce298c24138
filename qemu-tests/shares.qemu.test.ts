// Roots that are no disks: a folder of the host behind a virtiofs or a 9p tag. 6.1 tells no virtiofs tags, so that
// the tag has to be believed there; 9p is only in Debian's generic kernel.
import t from 'tap'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { ensureVirtiofsd } from '../scripts/setup/virtiofsd.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { freedChecks, keptChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'
import { scratchFolder, writeTree } from './harness/tree.ts'
import { serveVirtiofs } from './harness/virtiofs-server.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)
const virtiofsd = ensureVirtiofsd()
const folder = scratchFolder('shared-root')
writeTree(smallRoot(), folder)

/** How a spelling of root= finds the tag: its type given, its type in front, or nothing but the tag. */
const VIRTIOFS = [
  { series: '6.1', root: 'root=shared rootfstype=virtiofs', engine: 'move' },
  { series: '6.12', root: 'root=virtiofs:shared', engine: 'pivot' },
  { series: '7.x', root: 'root=shared', engine: 'pivot' },
] as const

for (const { series, root, engine } of VIRTIOFS) {
  await t.test(`${series}: virtiofs by '${root}', engine ${engine}`, async (t) => {
    const kernel = ensureKernel(series)
    const sockets = mkdtempSync(join(tmpdir(), 'fv-'))
    const socket = join(sockets, 'fs')
    try {
      await bootScenario(t, {
        name: `virtiofs-${series}`,
        machine: {
          kernel: kernel.vmlinuz, initrd: await testImage(kernel, { include: sleeperIncludes() }), memoryMiB: 512,
          append: `${BASE_APPEND} ${root} ro fulcrum.switch=${engine}`,
          shares: [{ kind: 'virtiofs', tag: 'shared', socket }],
        },
        beside: () => serveVirtiofs(virtiofsd, folder, socket),
        script: tapScript(rootChecks({ fileSystem: 'virtiofs', engine }), engine === 'pivot' ? keptChecks() : freedChecks()),
        expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /, ignoring/] },
      })
    } finally {
      rmSync(sockets, { recursive: true, force: true })
    }
  })
}

await t.test(`6.12: 9p by 'root=9p:shared', engine pivot`, async (t) => {
  const kernel = ensureKernel('6.12', { flavour: 'generic' })
  await bootScenario(t, {
    name: '9p-6.12',
    machine: {
      kernel: kernel.vmlinuz, memoryMiB: 512,
      // The root has the port's driver for the cloud kernels only.
      initrd: await testImage(kernel, { include: sleeperIncludes(), features: ['9p', 'virtio-console'] }),
      append: `${BASE_APPEND} root=9p:shared ro fulcrum.switch=pivot`,
      shares: [{ kind: '9p', tag: 'shared', path: folder, readOnly: true }],
    },
    script: tapScript(rootChecks({ fileSystem: '9p', engine: 'pivot' }), keptChecks()),
    expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /, ignoring/] },
  })
})
