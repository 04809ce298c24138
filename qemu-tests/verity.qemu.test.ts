// A root and a /usr that are proven by dm-verity. In one boot: a bit that was flipped in init is found before the switch,
// a wrong root hash at once, both end in the rescue console; then the right disk boots, whose partitions are found by the
// hash alone (Discoverable Partitions Specification), and is taken apart at the end.
// On 7.x with an overlay over it.
import t from 'tap'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { diskImage } from './harness/disk-images.ts'
import { guestProgram } from './harness/guest-programs.ts'
import { LEAVE_ROOT } from './harness/leave-root.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import { flippedDisk, verityDisk, verityGptDisk } from './harness/verity-disks.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const root = diskImage({ fileSystem: 'erofs', table: 'none', tree: { ...smallRoot(), 'bin/chroot': { type: 'link', target: 'busybox' }, 'bin/dd': { type: 'link', target: 'busybox' } } })
const rootHashes = verityDisk(root.path)
const partitioned = verityGptDisk(root.path)
const usr = diskImage({ fileSystem: 'squashfs', table: 'none', tree: { 'share/marker': { type: 'text', text: 'real root\n' }, 'share/verified': { type: 'text', text: 'usr\n' } } })
const usrHashes = verityDisk(usr.path)
const flipped = flippedDisk(root.path, guestProgram('guest-init'))
const WRONG = rootHashes.rootHash.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))

const WORDS = [
  `roothash=${rootHashes.rootHash} systemd.verity_root_data=/dev/vda systemd.verity_root_hash=/dev/vdb`,
  `usrhash=${usrHashes.rootHash} systemd.verity_usr_data=/dev/vdd systemd.verity_usr_hash=/dev/vde`,
].join(' ')

for (const [series, overlay] of [['6.12', ''], ['7.x', 'overlay=tmpfs:size=16m']] as const) {
  await t.test(`${series}: a flipped bit, a wrong hash, then the right root${overlay === '' ? '' : ' under an overlay'}`, async (t) => {
    const kernel = ensureKernel(series)
    const seen: [name: string, text: string, pattern: RegExp][] = []
    const isOverlaid = overlay !== ''
    await bootScenario(t, {
      name: `verity-${series}`,
      machine: {
        kernel: kernel.vmlinuz, memoryMiB: 768,
        initrd: await testImage(kernel, { sysroot: ensureStorageTools(), features: ['verity', 'overlay'] }),
        append: `${BASE_APPEND} ${WORDS} rd.timeout=60 fulcrum.panic=0 fulcrum.switch=pivot ${overlay}`,
        disks: [flipped, rootHashes.path, partitioned.path, usr.path, usrHashes.path].map((path) => ({ path, bus: 'virtio' as const, readOnly: true })),
      },
      converse: async (console) => {
        const talk = new RescueTalk(console)
        const first = await talk.prompt()
        seen.push(['a flipped bit', first, /Cannot trust '\/sbin\/init', which init needs: [^]*EIO[^]*\[verity-corrupted\]/])
        seen.push(['what the kernel says', first, /verity: \d+:\d+: data block \d+ is corrupted/])
        seen.push(['a wrong hash', await talk.retry(`roothash=${WRONG}`, 'systemd.verity_root_data=/dev/vdc1'), /Cannot trust \/dev\/vdc1 and \/dev\/vdb: [^]*EIO[^]*\[verity-corrupted\]/])
        // From here on nothing but the hash says where they are.
        for (const setting of ['systemd.verity_root_data=', 'systemd.verity_root_hash=', `roothash=${rootHashes.rootHash}`]) await talk.command(setting)
        talk.last('retry')
      },
      script: tapScript(rootChecks({ fileSystem: isOverlaid ? 'overlay' : 'erofs', engine: 'pivot' }), `
is "the mapped devices" "$(cat /sys/block/dm-*/dm/name | sort | tr '\\n' ' ')" "root usr "
is "/usr is verified too" "$(cat /usr/share/verified) $(type_of /usr)" "usr squashfs"
${isOverlaid ? `
is "the root below" "$(type_of /run/fulcrum/overlay/lower) $(options_of /run/fulcrum/overlay/lower | cut -d, -f1)" "erofs ro"
yes "the overlay takes writes" touch /etc/written
no "what is below does not" test -e /run/fulcrum/overlay/lower/etc/written
is "size of the overlay" "$(df -k /run/fulcrum/overlay/rw | tail -n 1 | awk '{ print $2 }')" 16384
` : 'no "nothing can be written" touch /etc/written'}
`) + LEAVE_ROOT,
      expectation: {
        report: 'tap', end: 'poweroff',
        consoleHas: [/\/dev\/mapper\/root: \/dev\/vdc1, proven by \/dev\/vdc2/, /let go of \/dev\/dm-\d \(device mapper root\)[^]*old root taken down/, /let go of \/dev\/dm-\d \(device mapper usr\)/],
        consoleLacks: [/is left/],
      },
    })
    for (const [name, text, pattern] of seen) t.match(text, pattern, name)
    t.equal(seen.length, 3, 'every step was taken')
  })
}
