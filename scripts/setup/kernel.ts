// Fetches a Debian kernel of a series and lays it out as a small sysroot, without installing it.
// The tests run on 6.1, 6.12 and the newest 7.x: the newest version is looked up when it is fetched, kept in
// the cache after that, and no network is touched again until `refresh` is asked for.
// Man pages: apt-get(8), dpkg-deb(1), depmod(8).
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically, withCacheLock } from './cache.ts'
import { chooseKernel, kernelDependencies, parsePackageRecords } from './kernel-choice.ts'
import type { KernelSeries } from './kernel-choice.ts'
import { debianArchitecture, ensureDebianPackages, isNewer } from './packages.ts'
import { openPrivateApt } from './private-apt.ts'
import type { PrivateApt } from './private-apt.ts'
import { runTool } from './run-tool.ts'

export type { KernelSeries } from './kernel-choice.ts'

/** `cloud` is small and has virtio and NVMe; `generic` has everything, AHCI for SATA disks among it. */
export type KernelFlavour = 'cloud' | 'generic'

export interface Kernel {
  readonly series: KernelSeries
  readonly flavour: KernelFlavour
  /** What `uname -r` says there, such as '6.12.117+deb13-cloud-amd64'. */
  readonly release: string
  /** Debian's package version. */
  readonly version: string
  readonly vmlinuz: string
  /** The configuration file, /boot/config-RELEASE. */
  readonly config: string
  /** Folder with boot/ and lib/modules/RELEASE/, for `fulcrum build --sysroot`. */
  readonly sysroot: string
}

export const KERNEL_SERIES: readonly KernelSeries[] = ['6.1', '6.12', '7.x']

interface Record {
  readonly folder: string
  readonly release: string
  readonly version: string
}

function kernelAt(series: KernelSeries, flavour: KernelFlavour, record: Record): Kernel {
  const sysroot = join(cacheDirectory('kernels'), record.folder)
  const { release, version } = record
  const boot = join(sysroot, 'boot')
  return { series, flavour, release, version, sysroot,
    vmlinuz: join(boot, `vmlinuz-${release}`), config: join(boot, `config-${release}`) }
}

function recordPath(series: KernelSeries, flavour: KernelFlavour): string {
  return join(cacheDirectory('kernels'), `${series}-${flavour}.json`)
}

/** The kernel if it is in the cache, whole; never fetches. */
export function cachedKernel(series: KernelSeries, flavour: KernelFlavour = 'cloud'): Kernel | undefined {
  const path = recordPath(series, flavour)
  if (!existsSync(path)) return undefined
  const data: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (typeof data !== 'object' || data === null || !('folder' in data) || !('release' in data)) return undefined
  if (!('version' in data)) return undefined
  const { folder, release, version } = data
  if (typeof folder !== 'string' || typeof release !== 'string' || typeof version !== 'string') return undefined
  const kernel = kernelAt(series, flavour, { folder, release, version })
  return existsSync(kernel.vmlinuz) ? kernel : undefined
}

function resolvePackages(apt: PrivateApt, meta: string, series: KernelSeries): { version: string; wanted: string[] } {
  const chosen = chooseKernel(parsePackageRecords(apt.cache('show', meta)), series, isNewer)
  if (chosen === undefined) throw new Error(`Cannot find a kernel of series '${series}': no version of '${meta}' is one`)
  const wanted: string[] = []
  const queue = kernelDependencies(chosen)
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (wanted.includes(next)) continue
    wanted.push(next)
    for (const record of parsePackageRecords(apt.cache('show', next))) queue.push(...kernelDependencies(record))
  }
  if (wanted.length === 0) throw new Error(`Cannot find the packages of kernel '${meta}' '${chosen.version}'`)
  return { version: chosen.version, wanted }
}

function unpack(apt: PrivateApt, wanted: readonly string[], sysroot: string): string {
  mkdirSync(sysroot, { recursive: true })
  for (const name of wanted) {
    process.stderr.write(`Fetching ${name}\n`)
    const deb = apt.download(name)
    runTool('dpkg-deb', ['-x', deb, sysroot])
  }
  // Debian 13 and later ship /usr/lib/modules; tools given a sysroot look for /lib/modules.
  if (!existsSync(join(sysroot, 'lib'))) symlinkSync('usr/lib', join(sysroot, 'lib'))
  const release = readdirSync(join(sysroot, 'lib/modules')).at(0)
  if (release === undefined) throw new Error(`Cannot find modules in packages '${wanted.join(' ')}'`)
  // Since 7.3 the image and its config lie beside the modules, and kernel-install copies them to /boot.
  mkdirSync(join(sysroot, 'boot'), { recursive: true })
  for (const name of ['vmlinuz', 'config']) {
    const inBoot = join(sysroot, 'boot', `${name}-${release}`)
    const beside = join('lib/modules', release, name)
    if (existsSync(inBoot)) continue
    if (!existsSync(join(sysroot, beside))) {
      throw new Error(`Cannot find '${name}' of kernel '${release}' in packages '${wanted.join(' ')}'`)
    }
    symlinkSync(join('..', beside), inBoot)
  }
  runTool('depmod', ['-b', sysroot, release])
  return release
}

/**
 * The newest kernel of a series, fetched into `$CACHE/kernels/SERIES-RELEASE/` if the cache has none.
 * @param options.refresh look for a newer one even if the cache has one
 */
export function ensureKernel(
  series: KernelSeries,
  options: { readonly flavour?: KernelFlavour; readonly refresh?: boolean } = {},
): Kernel {
  const flavour = options.flavour ?? 'cloud'
  const ready = cachedKernel(series, flavour)
  if (ready !== undefined && options.refresh !== true) return ready
  return withCacheLock('kernels', () => {
    const made = cachedKernel(series, flavour)
    if (made !== undefined && options.refresh !== true) return made
    ensureDebianPackages(['kmod', 'debian-archive-keyring'])
    const architecture = debianArchitecture()
    const apt = openPrivateApt()
    const meta = flavour === 'cloud' ? `linux-image-cloud-${architecture}` : `linux-image-${architecture}`
    const { version, wanted } = resolvePackages(apt, meta, series)
    const temporaryName = join(cacheDirectory('kernels'), `unpacking-${series}-${flavour}`)
    let record: Record | undefined
    makeAtomically(temporaryName, (sysroot) => {
      const release = unpack(apt, wanted, sysroot)
      record = { folder: `${series}-${release}`, release, version }
    })
    if (record === undefined) throw new Error(`Cannot unpack kernel '${series}'`)
    const { folder } = record
    makeAtomically(join(cacheDirectory('kernels'), folder), (target) => runTool('mv', [temporaryName, target]))
    makeAtomically(recordPath(series, flavour), (path) => writeFileSync(path, `${JSON.stringify(record)}\n`))
    return kernelAt(series, flavour, record)
  })
}
