// Boots on the model kernel that keep a compressed copy of the initramfs: what is there at the exec, and retries.

import t from 'tap'
import { makeDev } from '../facts/mountinfo.ts'
import { elfFile } from '../kernel/model/exec.ts'
import { charDevice, executable, file, populate } from '../kernel/model/vfs.ts'
import { play } from './scripted-boot-for-tests.ts'
import type { Played } from './scripted-boot-for-tests.ts'

function hasInitramfsFile({ model }: Played): boolean {
  return model.world.nodeAt(model.world.initramfs, '/bin/fulcrum') !== undefined
}

/** Where the rescue console opened. */
function reasons(played: Played): string[] {
  return [...played.output.matchAll(/^Cannot boot: stopped at '(.*)'$/gm)].map((m) => m[1] ?? '')
}

/** A machine whose loop device shows the copy; the initramfs has the file and a secret. */
function slimMachine(more: Parameters<typeof play>[0]): Played {
  return play({
    ...more,
    files: { '/lib/fulcrum/kept.squashfs': file('squashed'), '/etc/key': file('secret'), '/etc/fulcrum/image.json': file('{"keep":"slim","secrets":["/etc/key"]}'), ...more.files },
    arrange: (k) => {
      populate(k.world.devtmpfs, { '/loop-control': charDevice(10, 237) })
      k.world.addDisk('loop0', { major: 7, minor: 0, fstype: 'squashfs', files: { '/bin/fulcrum': executable(elfFile()), '/etc/initrd-release': file('') } })
      more.arrange?.(k)
    },
  })
}

t.test('keep slim: the copy is all that stays, at both places, and the record knows it', async (t) => {
  for (const absoluteRoot of [false, true]) {
    for (const engine of ['move', 'pivot']) {
      const played = slimMachine({ absoluteRoot, commandLine: `root=/dev/vda rw fulcrum.switch=${engine}` })
      const [handed] = played.execs
      t.strictSame(handed?.mounts.filter((line) => /rootfs|loop0/.test(line)), ['/run/initramfs /dev/loop0 on tmpfs', '/run/rootfs /dev/loop0 on tmpfs'], engine)
      t.notOk(hasInitramfsFile(played))
      t.notOk(played.model.world.nodeAt(played.model.world.initramfs, '/etc/key'))
      const record = JSON.parse(handed?.record ?? '')
      t.match(record, { keep: 'slim', initramfsDevices: [String(played.model.world.initramfs.dev), String(makeDev(7, 0))] })
      t.match(played.output, /kept at \/run\/rootfs as its compressed copy/)
    }
  }
})

t.test('keep slim that fails is taken back, and full is what is left without a copy', async (t) => {
  const failed = slimMachine({ arrange: (k) => k.failNext('pivot_root', 'EINVAL'), typed: ['mounts', 'retry'] })
  t.strictSame(reasons(failed), ['switch', 'exec'])
  t.match(failed.output, /undone: \d+ steps, everything is as it was/)
  t.notMatch(failed.output.slice(0, failed.output.lastIndexOf('fulcrum>')), /\/run\/initramfs +squashfs/)
  t.equal(JSON.parse(failed.execs[0]?.record ?? '').keep, 'slim', 'the second time it works')
  const without = play({ commandLine: 'root=/dev/vda rw fulcrum.keep=slim' })
  t.match(without.output, /Cannot keep the initramfs as its compressed copy: the image has no '\/lib\/fulcrum\/kept.squashfs'/)
  t.equal(JSON.parse(without.execs[0]?.record ?? '').keep, 'full')
  t.equal(JSON.parse(slimMachine({ commandLine: 'root=/dev/vda rw fulcrum.keep=none' }).execs[0]?.record ?? '').keep, 'none', 'the command line wins')
})
