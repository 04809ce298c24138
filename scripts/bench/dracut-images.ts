// Images that dracut makes, with and without systemd in them, as peers to measure.
// dracut and initramfs-tools cannot be installed together, so it gets a Debian root of its own, in the cache; it runs
// there by chroot in a private mount namespace, and nothing is installed on this machine. mmdebstrap(1), dracut(8)

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from '../setup/cache.ts'
import type { Kernel } from '../setup/kernel.ts'
import { debianArchitecture, ensureDebianPackages } from '../setup/packages.ts'
import { openPrivateApt } from '../setup/private-apt.ts'
import { runTool } from '../setup/run-tool.ts'
import type { BenchImage } from './images.ts'

const RELEASE = 'trixie'
// systemd-sysv: without its poweroff in the image, dracut's own /shutdown ends in a shell.
const PACKAGES = ['dracut', 'systemd', 'systemd-sysv', 'udev', 'kmod', 'util-linux', 'e2fsprogs', 'zstd']

function makeTree(tree: string): void {
  const apt = openPrivateApt()
  const tar = `${tree}.tar`
  const sources = `${tree}.list`
  try {
    writeFileSync(sources, `deb [signed-by=${apt.keyring}] ${apt.mirrors.main} ${RELEASE} main\n`)
    runTool('mmdebstrap', ['--mode=root', '--variant=minbase', `--architectures=${debianArchitecture()}`,
      `--include=${PACKAGES.join(',')}`, RELEASE, tar, sources], { show: true })
    mkdirSync(tree, { recursive: true })
    runTool('tar', ['-xpf', tar, '-C', tree, '--numeric-owner'])
  } finally {
    rmSync(tar, { force: true })
    rmSync(sources, { force: true })
  }
}

const KEY = createHash('sha256').update(JSON.stringify([1, RELEASE, PACKAGES])).digest('hex').slice(0, 12)

/** A Debian root with dracut, about a minute when the cache has none. Needs root. */
export function ensureDracutRoot(): string {
  const tree = join(cacheDirectory('bench'), `dracut-root-${KEY}`)
  return withCacheLock('dracut-root', () => {
    if (existsSync(tree)) return tree
    ensureDebianPackages(['mmdebstrap', 'debian-archive-keyring'])
    process.stderr.write(`Making a Debian root of '${RELEASE}' with dracut\n`)
    return makeAtomically(tree, makeTree)
  })
}

/** Runs dracut in its root; the kernel's modules are lent to it for the time. */
function makeImage(tree: string, kernel: Kernel, output: string, options: readonly string[]): void {
  const script = [
    'set -e', 'root=$1; modules=$2; release=$3; output=$4; shift 4',
    'mount --bind "$root" "$root"', 'mkdir -p "$root/usr/lib/modules/$release"',
    'mount --bind "$modules" "$root/usr/lib/modules/$release"',
    'mount -t proc proc "$root/proc"', 'mount -t tmpfs tmp "$root/tmp"', 'mount -t tmpfs tmp "$root/var/tmp"', 'mount -t tmpfs run "$root/run"',
    'chroot "$root" dracut --force --no-hostonly --no-early-microcode --zstd --kver "$release" "$@" /tmp/initrd.img',
    'cp "$root/tmp/initrd.img" "$output"',
  ].join('\n')
  const modules = join(kernel.sysroot, 'lib/modules', kernel.release)
  runTool('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', tree, modules, kernel.release, output, ...options])
}

/** dracut's generic image, once with its own shell scripts as init and once with systemd. */
export function dracutImages(kernel: Kernel): BenchImage[] {
  const variants = [
    { name: 'dracut generic', file: 'plain', options: ['--omit', 'systemd'] },
    { name: 'dracut generic systemd', file: 'systemd', options: [] },
  ]
  return variants.map(({ name, file, options }) => {
    const path = join(cacheDirectory('bench'), `dracut-${file}-${KEY}-${kernel.release}.img`)
    if (!existsSync(path)) makeAtomically(path, (temporary) => makeImage(ensureDracutRoot(), kernel, temporary, options))
    return { name, path }
  })
}
