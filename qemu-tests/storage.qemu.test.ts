// Storage daemons, for real: Debian with systemd on a root that a process of the initramfs serves (nbd-client, fuse2fs,
// mdmon). It survives the switch, systemd's run and its final kill, and ends only after the root is unmounted: after
// power-off the host finds the disk clean, and everything on it. That these checks can be red: harness/served-root.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { bootScenario } from './harness/scenario.ts'
import { SERVED_ROOTS, servedRootScenario } from './harness/storage-scenario.ts'
import type { ServedRoot } from './harness/storage-scenario.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

/** What the console must show of the way down: the root unmounted, only then what it was on and its server ended. */
function consoleHas(kind: ServedRoot): RegExp[] {
  const { server } = SERVED_ROOTS[kind]
  const device = { nbd: '/dev/nbd0', 'nbd-ioctl': '/dev/nbd0', imsm: '/dev/md\\d+', fuse: null }[kind]
  return [
    ...(server === null ? [] : [
      new RegExp(`^fulcrum: process \\d+ \\S*${server}: keep`, 'm'),
      new RegExp(`^fulcrum: unmounted /oldroot \\([\\s\\S]*^fulcrum: ended [^\\n]*${server}`, 'm'),
    ]),
    ...(device === null ? [] : [new RegExp(`^fulcrum: unmounted /oldroot \\([\\s\\S]*^fulcrum: let go of ${device}`, 'm')]),
    /^fulcrum: old root taken down in \d+ ms: /m,
  ]
}

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  for (const kind of ['nbd', 'fuse', 'imsm'] as const) {
    await t.test(`${series}: Debian on ${kind}, and a clean disk after power-off`, async (t) => {
      const name = `storage-${kind}-${series}`
      await bootScenario(t, {
        ...await servedRootScenario(kernel, kind, { name }),
        expectation: {
          report: 'tap', end: 'poweroff', consoleHas: consoleHas(kind),
          // Reads fail when the kernel looks at an NBD device once more after it was let go of.
          consoleLacks: [/rescue/, /I\/O error[^\n]*WRITE|lost sync page write/, /fulcrum: Cannot/],
        },
      })
    })
  }
}
