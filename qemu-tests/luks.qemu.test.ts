// A root in LUKS, in two guests for each kernel. One with a person: nobody who types, then wrong passphrases, then the
// right one. One with key files: of the image (a secret, wiped) by crypttab, and a wrong one on a stick for /usr, whose
// passphrase a person types then. Both power off through the kept initramfs; the disks are deciphered and checked.
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { ensureStorageTools } from '../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../scripts/setup/kernel.ts'
import type { Kernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages } from '../scripts/setup/packages.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { checkExt4, writeKnownFiles } from './harness/check-ext4.ts'
import type { KnownFile } from './harness/check-ext4.ts'
import type { Console } from './harness/console.ts'
import { diskImage } from './harness/disk-images.ts'
import { insideLuks, luksDisk } from './harness/luks-disks.ts'
import { RescueTalk } from './harness/rescue-talk.ts'
import { BASE_APPEND, bootScenario } from './harness/scenario.ts'
import { smallRoot } from './harness/small-root.ts'
import { rootChecks, tapScript } from './harness/tap-shell.ts'
import { testImage } from './harness/test-image.ts'
import { scratchFolder, writeTree } from './harness/tree.ts'
import type { Tree } from './harness/tree.ts'

t.setTimeout(0)
ensureDebianPackages(TEST_PACKAGES)

const ROOT_UUID = '0f0c0000-0000-4000-8000-000000001c52'
const USR_UUID = '0f0c0000-0000-4000-8000-000000005c52'
const PASSPHRASE = 'correct ümlaut 5'
const KEY = 'contents of a key file\n'

const tree: Tree = { ...smallRoot(), 'bin/chroot': { type: 'link', target: 'busybox' }, 'bin/basename': { type: 'link', target: 'busybox' } }
const root = diskImage({ fileSystem: 'ext4', table: 'none', tree, label: 'in-luks', sizeMiB: 24 })
const usr = diskImage({ fileSystem: 'ext4', table: 'none', tree: { 'share/marker': { type: 'text', text: 'real root\n' } }, label: 'usr', sizeMiB: 8 })
const stick = diskImage({ fileSystem: 'ext4', table: 'none', tree: { 'keys/usr.key': { type: 'text', text: 'the wrong key\n' } }, label: 'stick', sizeMiB: 8 })
const typed = luksDisk({ content: root.path, version: 2, uuid: ROOT_UUID, label: 'secret', keys: [PASSPHRASE] })
const keyed = luksDisk({ content: root.path, version: 1, uuid: ROOT_UUID, keys: [KEY] })
const usrDisk = luksDisk({ content: usr.path, version: 2, uuid: USR_UUID, keys: [PASSPHRASE] })

/** One table in which key 44 is a 'y', as people with QWERTZ have it (KT_LETTER << 8). */
const keymap = Buffer.concat([Buffer.from('bkeymap'), Buffer.from([1]), Buffer.alloc(255), Buffer.alloc(256)])
keymap.writeUInt16LE(0x0b79, 7 + 256 + 44 * 2)

const files = scratchFolder('luks-files')
writeFileSync(`${files}/keymap`, keymap)
writeTree({
  'root.key': { type: 'text', text: KEY },
  crypttab: { type: 'text', text: `# as Debian's\nother UUID=${USR_UUID.replace('5c52', 'ffff')} none luks\nroot_crypt UUID=${ROOT_UUID} /etc/keys/root.key luks,discard,x-initrd.attach\n` },
}, files)

const WRITTEN: readonly KnownFile[] = [{ path: '/var/closed', word: 'closed', lines: 4000 }]

/** The checks, then the machine off by the kept initramfs; the record that guest-init would write comes first. */
function script(...checks: readonly string[]): string {
  return `${tapScript(...checks)}
echo '{"record":"done","scriptStatus":0}'
${writeKnownFiles(WRITTEN)}
exec chroot /run/rootfs /bin/fulcrum shutdown --timeout 3 poweroff > /dev/console 2>&1
`
}

const MAPPED = `
name_of() { cat /sys/class/block/$1/dm/name; }
root_device=$(awk '$5 == "/" { print $3 }' /proc/self/mountinfo)
like "the root is dm-crypt" "$(cat /sys/dev/block/$root_device/dm/uuid)" '^CRYPT-LUKS'
`

/** Waits for the question and answers it. */
async function answer(console: Console, text: string): Promise<void> {
  await console.waitFor(/Passphrase for [^:]*: /)
  console.send(text)
}

const image = (kernel: Kernel, more: Parameters<typeof testImage>[1] = {}): Promise<string> =>
  testImage(kernel, { sysroot: ensureStorageTools(), features: ['luks'], ...more })

for (const series of ['6.12', '7.x'] as const) {
  const kernel = ensureKernel(series)
  await t.test(`${series}: nobody types, then wrong passphrases, then the right one`, async (t) => {
    await bootScenario(t, {
      name: `luks-typed-${series}`,
      machine: {
        kernel: kernel.vmlinuz, memoryMiB: 640, initrd: await image(kernel, { include: [{ source: `${files}/keymap`, destination: '/etc/fulcrum/keymap' }] }),
        // The device itself means what is inside of it.
        append: `${BASE_APPEND} root=${series === '6.12' ? '/dev/vda' : 'LABEL=in-luks'} rw rd.luks.timeout=2 fulcrum.panic=0`,
        disks: [{ path: typed.path, bus: 'virtio', writable: true }],
      },
      converse: async (console) => {
        const talk = new RescueTalk(console)
        const told = await talk.prompt()
        t.match(told, /Cannot unlock '\/dev\/vda': no passphrase was typed for 2 s/, 'that nobody typed is told')
        t.match(told, /\[root-locked\]/)
        await talk.command('rd.luks.timeout=300')
        talk.last('retry')
        await answer(console, 'wrong\r')
        await console.waitFor(/wrong passphrase for \/dev\/vda, 2 more tries\r?\n/)
        // Taken back by ^U, by backspaces through a character of two bytes, and a cursor key that means nothing.
        await answer(console, `thrown away\x15${PASSPHRASE}ü\x7f\x7f`)
        console.send('\r')
        await console.waitFor(/wrong passphrase for \/dev\/vda, 1 more try\r?\n/)
        await answer(console, `${PASSPHRASE.slice(0, 7)}\x1b[C${PASSPHRASE.slice(7)}\r`)
      },
      script: script(rootChecks({ fileSystem: 'ext4', engine: 'pivot' }), `${MAPPED}
is "its name" "$(name_of $(basename $(readlink /sys/dev/block/$root_device)))" luks-${ROOT_UUID}
busybox dumpkmap > /run/keymap
is "the keyboard has the image's layout" "$(busybox hexdump -s 351 -n 2 -e '1/2 "%04x"' /run/keymap)" 0b79
`),
      expectation: {
        report: 'tap', end: 'poweroff', consoleHas: [/let go of \/dev\/dm-0/, /old root taken down/], consoleLacks: [/ignoring/, /correct/],
      },
      afterwards: ([path = '']) => insideLuks(path, (inside) => checkExt4(inside, { files: WRITTEN })),
    })
  })

  await t.test(`${series}: key files: of the image, and a wrong one on another device`, async (t) => {
    const initrd = await image(kernel, {
      include: [{ source: `${files}/crypttab`, destination: '/etc/crypttab' }],
      secrets: [{ source: `${files}/root.key`, destination: '/etc/keys/root.key' }],
    })
    await bootScenario(t, {
      name: `luks-keys-${series}`,
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: 640,
        append: `${BASE_APPEND} root=/dev/mapper/root_crypt rw mount.usr=/dev/mapper/usr_crypt rd.luks.name=${USR_UUID}=usr_crypt rd.luks.key=${USR_UUID}=/keys/usr.key:LABEL=stick`,
        disks: [
          { path: keyed.path, bus: 'virtio', writable: true }, { path: usrDisk.path, bus: 'virtio', writable: true }, { path: stick.path, bus: 'virtio' },
        ],
      },
      converse: (console) => answer(console, `${PASSPHRASE}\r`),
      script: script(rootChecks({ fileSystem: 'ext4', engine: 'pivot' }), `${MAPPED}
is "its name" "$(name_of $(basename $(readlink /sys/dev/block/$root_device)))" root_crypt
is "/usr is a device of its own" "$(mounted_on /usr)" 1
no "the key file is in no copy of the initramfs" test -e /run/rootfs/etc/keys/root.key
yes "its crypttab is" test -e /run/rootfs/etc/crypttab
is "the device with the key is not mounted any more" "$(grep -c /run/fulcrum/key /proc/self/mountinfo)" 0
`),
      expectation: {
        report: 'tap', end: 'poweroff', consoleLacks: [/rescue/, /ignoring/, /Passphrase for \/dev\/vda/],
        consoleHas: [/Cannot unlock '\/dev\/vdb' with key file '\/keys\/usr\.key': it is the wrong key/, /let go of \/dev\/dm-[01][^]*let go of \/dev\/dm-[01]/, /old root taken down/],
      },
      afterwards: ([rootDisk = '', usrPath = '']) => [
        ...insideLuks(rootDisk, (inside) => checkExt4(inside, { files: WRITTEN })),
        ...insideLuks(usrPath, (inside) => checkExt4(inside)),
      ],
    })
  })
}
