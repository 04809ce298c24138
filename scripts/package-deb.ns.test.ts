// The Debian packages, installed by dpkg into a copy of the Debian root: complete, in Debian's places, an image is made
// with the hook of one, and a purge leaves the root as it was. Overlay and chroot in a private mount namespace.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { dist } from '../qemu-tests/harness/test-image.ts'
import { runInCopy } from '../qemu-tests/harness/distro-images.ts'
import { components } from '../src/install/layout.ts'
import { controlText, libraryDepends, newestGlibc, packageKinds } from './deb/packages.ts'
import { makePackages } from './package-deb.ts'
import { ensureDebianRoot } from './setup/debian-root.ts'
import { ensureKernel } from './setup/kernel.ts'
import { runTool } from './setup/run-tool.ts'

t.setTimeout(0)

t.test('control files', async (t) => {
  const kinds = packageKinds()
  t.same(kinds.flatMap((it) => it.components).sort(), [...components].sort(), 'every component is in one package')
  t.equal(newestGlibc('GLIBC_2.9\0GLIBC_2.28\0GLIBC_2.3.4'), '2.28')
  t.same(libraryDepends(['libm.so.6', 'libc.so.6', 'libstdc++.so.6'], '2.28'), ['libc6 (>= 2.28)', 'libstdc++6'])
  t.throws(() => libraryDepends(['libodd.so.1'], '2.28'), /'libodd.so.1'/)
  const fields = { version: '1.2.3', architecture: 'amd64', maintainer: 'A <a@b>', installedKiB: 5, libraries: ['libc6'] }
  for (const kind of kinds) {
    const text = controlText(kind, fields)
    t.match(text, /^Package: fulcrum[-a-z]*\nVersion: 1\.2\.3\nArchitecture: (amd64|all)\n[^]*\nDescription: \S.*\n( \S.*\n)+$/)
    t.ok(text.split('\n').every((line) => line.length <= 120 && !/ $/.test(line)))
  }
})

t.test('installed, used, purged', async (t) => {
  const output = mkdtempSync(join(tmpdir(), 'fulcrum-debs-'))
  t.teardown(() => rmSync(output, { recursive: true, force: true }))
  const made = makePackages(dirname(dist('fulcrum')), output)
  const [program = '', hook = ''] = ['fulcrum_', 'fulcrum-initramfs_'].map((name) => made.find((path) => basename(path).startsWith(name)))
  t.match(runTool('dpkg-deb', ['--contents', program]), /root\/root .* \.\/usr\/bin\/fulcrum\n/)
  const { release } = ensureKernel('6.12')
  const said = runInCopy(ensureDebianRoot().tree, `
debs='${output}'
cp "$debs"/${basename(program)} "$debs"/${basename(hook)} "$root/tmp/"
list() { (cd "$root" && find . -xdev ! -path './tmp/*' ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' ! -path './boot/*' ! -path ./var/lib/initramfs-tools | sort); }
list > "$work/before"
chroot "$root" dpkg -i /tmp/${basename(program)} /tmp/${basename(hook)} 2>&1
echo "version: $(chroot "$root" fulcrum --version)"
echo "audit: $(chroot "$root" dpkg --audit; chroot "$root" dpkg --verify fulcrum fulcrum-initramfs | grep -v 'share/\\(man\\|doc\\)/')"
printf 'MODULES=list\\nCOMPRESS=zstd\\nCOMPRESSLEVEL=1\\n' > "$root/etc/initramfs-tools/conf.d/test"
chroot "$root" mkinitramfs -o /tmp/initrd.img ${release} >&2
chroot "$root" lsinitramfs /tmp/initrd.img | grep -E '(^|/)(run-init|shutdown|koffi.node|initrd-release|scripts/init-top/fulcrum)$' | sort | tr '\\n' ' '; echo
rm "$root/etc/initramfs-tools/conf.d/test"
chroot "$root" dpkg --purge fulcrum-initramfs fulcrum 2>&1
list > "$work/after"
echo "left: $(diff "$work/before" "$work/after" | grep '^[<>]' || true)."
`)
  t.match(said, /^version: fulcrum \d/m)
  t.match(said, /^audit: $/m, 'nothing half installed, nothing other than packaged')
  t.match(said, /^etc\/initrd-release scripts\/init-top\/fulcrum shutdown usr\/bin\/run-init usr\/lib\/fulcrum\/koffi\.node $/m, 'the image has what the hook puts in')
  t.match(said, /Processing triggers for initramfs-tools/, 'images are made anew')
  t.match(said, /^left: \.$/m, 'a purge leaves nothing')
})
