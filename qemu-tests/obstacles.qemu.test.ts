// Roots that something stands in the way of: a driver that the image lacks, a read-only root without mount points,
// an init for another processor where no init= was given, and mounts that a hook has made shared.
import t from 'tap'
import { writeFileSync } from 'node:fs'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { foreignProgram } from './harness/foreign-program.ts'
import { guestProgram } from './harness/guest-programs.ts'
import { ownPath } from './harness/own-files.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario, specifier } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { freedChecks, keptChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { sleeperIncludes, testImage } from './harness/test-image.ts'
import type { ImageVariant } from './harness/test-image.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

/** Makes every mount shared, as systemd would have them, and says how many there are. pivot_root(2) refuses these. */
const HOOK = `#!/bin/sh
mount --make-rshared /
echo "hook: $(grep -c shared: /proc/self/mountinfo) shared of $(grep -c . /proc/self/mountinfo) mounts"
`
const hook = ownPath('scratch', 'share-all')
writeFileSync(hook, HOOK, { mode: 0o755 })

const SHARING: ImageVariant = {
  features: ['shell'],
  include: [...sleeperIncludes(), { source: hook, destination: '/etc/fulcrum/hooks/pre-switch/10-share-all' }],
}
const WAS_SHARED = /^hook: ([1-9]\d*) shared of \1 mounts/m

for (const [series, engine] of [['6.1', 'pivot'], ['6.12', 'move']] as const) {
  await t.test(`${series}: every mount is shared, engine ${engine}`, async (t) => {
    const kernel = ensureKernel(series)
    const disk = diskImage({ fileSystem: 'ext4', label: 'good-root', tree: smallRoot() })
    await bootScenario(t, {
      name: `shared-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd: await testImage(kernel, SHARING), memoryMiB: 512,
        append: `${BASE_APPEND} ${specifier(disk, 'LABEL')} ro fulcrum.switch=${engine}`,
        disks: [{ path: disk.path, bus: 'virtio' }],
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine }), engine === 'pivot' ? keptChecks() : freedChecks()),
      expectation: { report: 'tap', end: 'poweroff', consoleHas: [WAS_SHARED], consoleLacks: [/rescue/i] },
    })
  })
}

await t.test('7.x: no driver, no mount points, an init for another processor, shared mounts', async (t) => {
  const kernel = ensureKernel('7.x')
  const root = smallRoot()
  const { dev, proc, sys, run, ...bare } = root
  t.ok(dev && proc && sys && run, 'the small root has mount points to take away')
  const disks = [
    { image: diskImage({ fileSystem: 'ext4', label: 'unreachable', tree: root }), bus: 'virtio' as const },
    // By a label, because NVMe disks are numbered in the order in which they answer.
    { image: diskImage({ fileSystem: 'squashfs', table: 'gpt', tree: bare }), bus: 'nvme' as const },
    {
      image: diskImage({
        fileSystem: 'ext4', label: 'foreign',
        tree: {
          ...root,
          'sbin/init': { type: 'bytes', base64: foreignProgram(), mode: 0o755 },
          'sbin/true-init': { type: 'file', source: guestProgram('guest-init'), mode: 0o755 },
        },
      }),
      bus: 'nvme' as const,
    },
  ]
  const seen: [name: string, text: string, pattern: RegExp][] = []
  await bootScenario(t, {
    name: 'obstacles-7.x',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel, { ...SHARING, omitModules: ['virtio_blk'] }), memoryMiB: 512,
      append: `${BASE_APPEND} root=LABEL=unreachable ro rd.timeout=2 fulcrum.panic=0 fulcrum.switch=pivot`,
      disks: disks.map(({ image, bus }) => ({ path: image.path, bus })),
    },
    converse: async (console) => {
      const talk = new RescueTalk(console)
      const expect = (name: string, text: string, pattern: RegExp): void => void seen.push([name, text, pattern])
      const first = await talk.prompt()
      expect('the root is not found', first, /LABEL=unreachable did not appear \[root-not-found\]/)
      expect('the hardware without driver is named', first, /hardware without a driver:\s+\S.* virtio\d+.*no module in this image is for it \(virtio:d00000002v/)
      await talk.command('rd.timeout=60')
      expect('loading what is not there', await talk.command('load virtio_blk'), /Cannot .*'virtio_blk'/)
      expect('no mount points', await talk.retry('root=PARTLABEL=fulcrum-root'), /Cannot carry '\/[a-z]+': .*read-only \[mount-point-missing\]/)
      await talk.command('root=LABEL=foreign')
      talk.last('retry')
      const started = await console.waitFor(/^fulcrum: .*init '\/sbin\/init'.*\r?\n/m)
      expect('the init that cannot run is told', started[0], /aarch64/i)
      // The kernel's own list ends at /bin/sh, and so does ours.
      await console.waitFor(/ms since the kernel started; starting \/bin\/sh/)
      await console.waitFor(/^\/ # /m)
      talk.last('exec /sbin/true-init')
    },
    script: tapScript(rootChecks({ fileSystem: 'ext4', engine: 'pivot' }), keptChecks(), 'is "rescues in the record" "$(record rescues)" 2'),
    expectation: { report: 'tap', end: 'poweroff', consoleHas: [WAS_SHARED] },
  })
  for (const [name, text, pattern] of seen) t.match(text, pattern, name)
  t.equal(seen.length, 5, 'every step was taken')
})
