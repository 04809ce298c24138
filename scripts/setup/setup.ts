// Command for people and CI: fetches what the tests and the demo need, so that later runs are offline.
//   node scripts/setup/setup.ts [packages] [kernels] [root] [--refresh]        (nothing named: all of them)
// Prints one line per thing with its place. What each part does is in the file of its name.
import { ensureDebianInitramfs, ensureDebianRoot, pruneDebianRoots } from './debian-root.ts'
import { ensureNfsServer, ensureOldUtilLinux, ensureStorageTools } from './debian-tree.ts'
import { KERNEL_SERIES, ensureKernel } from './kernel.ts'
import { TEST_PACKAGES } from './test-packages.ts'
import { ensureDebianPackages } from './packages.ts'
import { ensureVirtiofsd } from './virtiofsd.ts'

function main(args: readonly string[]): void {
  const refresh = args.includes('--refresh')
  const named = args.filter((word) => !word.startsWith('-'))
  const unknown = named.filter((word) => !['packages', 'kernels', 'root'].includes(word))
  if (unknown.length > 0) {
    process.stderr.write(`Cannot set up '${unknown.join(' ')}': the parts are packages, kernels, root\n`)
    process.exitCode = 100
    return
  }
  const wants = (part: string): boolean => named.length === 0 || named.includes(part)
  if (wants('packages')) {
    ensureDebianPackages(TEST_PACKAGES)
    ensureVirtiofsd()
  }
  if (wants('kernels')) {
    // The generic one is for 9p, which the cloud kernels do not have.
    const wanted = [...KERNEL_SERIES.map((series) => [series, 'cloud'] as const), ['6.12', 'generic'] as const]
    for (const [series, flavour] of wanted) {
      const kernel = ensureKernel(series, { flavour, refresh })
      process.stdout.write(`kernel ${series}: ${kernel.release} in '${kernel.sysroot}'\n`)
    }
  }
  if (wants('root')) {
    const root = ensureDebianRoot()
    pruneDebianRoots(root)
    process.stdout.write(`Debian root: '${root.tree}'\n`)
    process.stdout.write(`storage tools: '${ensureStorageTools()}'\n`)
    process.stdout.write(`NFS server: '${ensureNfsServer()}'\n`)
    process.stdout.write(`util-linux of the release before: '${ensureOldUtilLinux()}'\n`)
    for (const series of ['6.12', '7.x'] as const) {
      process.stdout.write(`Debian's initramfs: '${ensureDebianInitramfs(root, ensureKernel(series))}'\n`)
    }
  }
}

main(process.argv.slice(2))
