// Boots that are asked to stop, or to wait: rd.break at each point, the dry run, /usr from the root's fstab, a disk
// that is plugged in late, and the reboot of a machine that nobody attends to.
import t from 'tap'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { freedChecks, rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const whole = smallRoot()

await t.test('6.12: a stop at every point, a dry run, and /usr from the fstab of the root', async (t) => {
  const kernel = ensureKernel('6.12')
  const { 'usr/share/marker': marker, ...rest } = whole
  if (marker === undefined) throw new Error('Cannot split the small root: it has no marker')
  const root: Tree = {
    ...rest, usr: { type: 'directory' },
    'etc/fstab': { type: 'text', text: '/dev/none / auto defaults 0 1\nLABEL=usr\\040disk /usr xfs noatime 0 2\n' },
  }
  const disks = [
    diskImage({ fileSystem: 'ext4', label: 'main', tree: root }),
    diskImage({ fileSystem: 'xfs', label: 'usr disk', tree: { 'share/marker': marker } }),
  ]
  const seen: [name: string, text: string, pattern: RegExp][] = []
  await bootScenario(t, {
    name: 'stops-6.12',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512,
      append: `${BASE_APPEND} root=LABEL=main ro rd.break=cmdline,pre-mount,mount,pre-switch fulcrum.dry_run fulcrum.panic=0`,
      disks: disks.map(({ path }) => ({ path, bus: 'virtio' as const })),
    },
    converse: async (console) => {
      const talk = new RescueTalk(console)
      const expect = (name: string, text: string, pattern: RegExp): void => void seen.push([name, text, pattern])
      expect('cmdline', await talk.prompt(), /Stopped at 'cmdline', as asked/)
      expect('pre-mount', await talk.command('continue'), /Stopped at 'pre-mount', as asked/)
      expect('nothing is mounted yet', await talk.command('mounts'), /^(?![^]*\/sysroot)/)
      expect('mount', await talk.command('continue'), /Stopped at 'mount', as asked/)
      expect('root and /usr are mounted', await talk.command('mounts'), /\/sysroot\s[^]*\/sysroot\/usr\s/)
      const dry = await talk.command('continue')
      expect('dry run', dry, /dry run: nothing was done/)
      expect('its plan', dry, /pivot_root\(/)
      expect('nothing was moved', await talk.command('mounts'), /^(?![^]*\/sysroot\/proc)/)
      expect('pre-switch', await talk.command('continue'), /Stopped at 'pre-switch', as asked/)
      talk.last('continue')
    },
    script: tapScript(
      rootChecks({ fileSystem: 'ext4', engine: 'pivot' }),
      'is "type of /usr" "$(type_of /usr)" xfs',
      'like "its options" "$(options_of /usr)" "^ro,noatime"',
      'is "one mount on /usr" "$(mounted_on /usr)" 1',
      'is "no failure was recorded" "$(record rescues)" 0',
    ),
  })
  for (const [name, text, pattern] of seen) t.match(text, pattern, name)
  t.equal(seen.length, 9, 'every step was taken')
})

await t.test('7.x: a disk that is plugged in while rootwait waits', async (t) => {
  const kernel = ensureKernel('7.x')
  const disk = diskImage({ fileSystem: 'squashfs', table: 'gpt', tree: whole })
  await bootScenario(t, {
    name: 'late-disk-7.x',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512, controllers: ['scsi'],
      append: `${BASE_APPEND} root=PARTLABEL=${disk.partlabel ?? ''} rootwait fulcrum.switch=move`,
    },
    converse: async (console, qmp) => {
      await console.waitFor(/^fulcrum: waiting for PARTLABEL=fulcrum-root \(2 s\)/m)
      await console.waitFor(/^fulcrum: waiting for PARTLABEL=fulcrum-root \(4 s\)/m)
      const file = { driver: 'file', filename: disk.path, 'read-only': true }
      await qmp.command('blockdev-add', { driver: 'raw', 'node-name': 'late', 'read-only': true, file })
      await qmp.command('device_add', { driver: 'scsi-hd', drive: 'late', bus: 'scsi.0', id: 'late' })
    },
    script: tapScript(rootChecks({ fileSystem: 'squashfs', engine: 'move' }), freedChecks()),
    expectation: { report: 'tap', end: 'poweroff', consoleLacks: [/rescue/i] },
  })
})

await t.test('6.1: nobody attends, no commands are allowed: it says why and reboots', async (t) => {
  const kernel = ensureKernel('6.1')
  const { observation } = await bootScenario(t, {
    name: 'unattended-6.1',
    machine: {
      kernel: kernel.vmlinuz, initrd: await testImage(kernel), memoryMiB: 512,
      append: `${BASE_APPEND} root=UUID=0f0c0000-0000-4000-8000-0000000000ff rd.timeout=1 rd.shell=0 rd.break=pre-mount fulcrum.panic=3`,
    },
    expectation: {
      report: 'none', end: 'reboot', consoleLacks: [/^fulcrum> /m],
      consoleHas: [/\[root-not-found\]/, /Cannot stop at 'pre-mount'.*rd\.shell=0/, /Rebooting in 3 s/, /Rebooting now/],
    },
  })
  t.equal(observation.shutdown, 'guest-reset')
})
