// `node kernel-configs/build.ts`: a kernel of tinyconfig plus fragments, from Debian's kernel source package, and
// a boot of fulcrum on it: pivot, the initramfs kept, ext4 on virtio. Takes ten minutes and more, and 2 GB for a while.
// Not part of the tests: it tells which symbols fulcrum really needs. kernel-configs/README.md has the options.
// Man pages: make(1); Documentation/kbuild/kconfig in the kernel's sources.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { diskImage } from '../qemu-tests/harness/disk-images.ts'
import { runGuest } from '../qemu-tests/harness/run-guest.ts'
import { BASE_APPEND, specifier } from '../qemu-tests/harness/scenario.ts'
import { smallRoot } from '../qemu-tests/harness/small-root.ts'
import { keptChecks, rootChecks, tapScript } from '../qemu-tests/harness/tap-shell.ts'
import { sleeperIncludes, testImage } from '../qemu-tests/harness/test-image.ts'
import { cacheDirectory, makeAtomically, withCacheLock } from '../scripts/setup/cache.ts'
import { chooseKernel, parsePackageRecords } from '../scripts/setup/kernel-choice.ts'
import type { KernelSeries } from '../scripts/setup/kernel-choice.ts'
import type { Kernel } from '../scripts/setup/kernel.ts'
import { ensureDebianPackages, isNewer } from '../scripts/setup/packages.ts'
import { openPrivateApt } from '../scripts/setup/private-apt.ts'
import { runTool } from '../scripts/setup/run-tool.ts'
import { TEST_PACKAGES } from '../scripts/setup/test-packages.ts'
import { DEFAULT_FEATURES, kernelFeatures, withNeeds } from './features.ts'
import { lostSymbols, mergeSymbols, parseConfig, parseFragment } from './parse-fragment.ts'
import type { Fragment } from './parse-fragment.ts'
import { tellFailure } from '../scripts/script-arguments.ts'

const USAGE = `usage: node scripts/bootstrap.mjs kernel [--series 6.1|6.12|7.x] [--features NAME,…] [--jobs N] [--configure-only] [--no-boot] [--list]
`

/** What building a kernel takes besides the tests' packages. */
const BUILD_PACKAGES: readonly string[] = ['make', 'flex', 'bison', 'bc', 'perl', 'libelf-dev', 'xz-utils']

function readFragment(name: string): Fragment {
  return parseFragment(readFileSync(join(import.meta.dirname, 'fragments', `${name}.config`), 'utf8'), name)
}

/** Debian's source package of the newest kernel of a series, unpacked; its folder. */
function sourceTree(series: KernelSeries): { readonly folder: string; readonly version: string } {
  const apt = openPrivateApt()
  const chosen = chooseKernel(parsePackageRecords(apt.cache('show', 'linux-source')), series, isNewer)
  const wanted = chosen?.depends.map((text) => /^(linux-source-\S+) \(= ([^)]+)\)$/.exec(text)).find((match) => match !== null)
  const [, name, version] = wanted ?? []
  if (name === undefined || version === undefined) throw new Error(`Cannot find the sources of series '${series}' among Debian's packages`)
  const folder = join(cacheDirectory('kernel-sources'), `${name}-${version}`)
  if (existsSync(folder)) return { folder, version }
  process.stderr.write(`Fetching and unpacking ${name} ${version}\n`)
  makeAtomically(folder, (temporary) => {
    const deb = apt.download(`${name}=${version}`)
    mkdirSync(`${temporary}.deb`, { recursive: true })
    try {
      runTool('dpkg-deb', ['-x', deb, `${temporary}.deb`])
      const sources = join(`${temporary}.deb`, 'usr/src')
      const tar = readdirSync(sources).find((file) => /^linux-source-.*\.tar\.xz$/.test(file))
      if (tar === undefined) throw new Error(`Cannot find the sources in package '${name}'`)
      mkdirSync(temporary, { recursive: true })
      runTool('tar', ['-xf', join(sources, tar), '-C', temporary, '--strip-components=1'])
    } finally {
      rmSync(`${temporary}.deb`, { recursive: true, force: true })
      rmSync(deb, { force: true })
    }
  })
  return { folder, version }
}

/** make in the source tree with output elsewhere; its output goes to a log. */
function make(tree: string, out: string, log: string, jobs: number, ...targets: string[]): void {
  const script = 'log=$1; shift; exec nice -n 10 make "$@" >>"$log" 2>&1'
  const reproducible = ['KBUILD_BUILD_TIMESTAMP=2026-01-01', 'KBUILD_BUILD_USER=fulcrum', 'KBUILD_BUILD_HOST=fulcrum']
  const args = ['-c', script, 'sh', log, '-C', tree, `O=${out}`, `-j${jobs}`, ...reproducible, ...targets]
  const result = spawnSync('sh', args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  if (result.status === 0) return
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
  throw new Error(`Cannot make '${targets.join(' ')}': status ${result.status ?? 'none'}, log in '${log}'\n${last}`)
}

/** tinyconfig plus the fragments; throws naming every symbol that did not survive. */
function configure(tree: string, out: string, log: string, fragments: readonly Fragment[]): void {
  const wanted = mergeSymbols(fragments)
  make(tree, out, log, 1, 'tinyconfig')
  const merged = join(out, 'fulcrum.config')
  writeFileSync(merged, wanted.map(({ name, value }) => `${name}=${value}\n`).join(''))
  runTool('sh', [join(tree, 'scripts/kconfig/merge_config.sh'), '-m', '-O', out, join(out, '.config'), merged], { cwd: tree })
  make(tree, out, log, 1, 'olddefconfig')
  const lost = lostSymbols(wanted, parseConfig(readFileSync(join(out, '.config'), 'utf8')))
  if (lost.length > 0) throw new Error(`Cannot configure the kernel: ${lost.length} symbols are lost\n  ${lost.join('\n  ')}`)
}

/** Installs the result as a small sysroot, as scripts/setup/kernel.ts lays out Debian's kernels. */
function install(tree: string, out: string, log: string, sysroot: string, hasModules: boolean): string {
  const release = readFileSync(join(out, 'include/config/kernel.release'), 'utf8').trim()
  const modules = join(sysroot, 'lib/modules', release)
  mkdirSync(modules, { recursive: true })
  if (hasModules) make(tree, out, log, 1, `INSTALL_MOD_PATH=${sysroot}`, 'INSTALL_MOD_STRIP=1', 'modules_install')
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    const from = join(out, name)
    if (existsSync(from)) copyFileSync(from, join(modules, name))
    else if (name !== 'modules.builtin.modinfo') writeFileSync(join(modules, name), '')
  }
  mkdirSync(join(sysroot, 'boot'), { recursive: true })
  copyFileSync(join(out, 'arch/x86/boot/bzImage'), join(sysroot, 'boot', `vmlinuz-${release}`))
  copyFileSync(join(out, '.config'), join(sysroot, 'boot', `config-${release}`))
  rmSync(join(modules, 'build'), { force: true })
  runTool('depmod', ['-b', sysroot, release])
  return release
}

interface Built {
  readonly kernel: Kernel
  /** Undefined when the cache had it. */
  readonly seconds?: number
}

/** Only asks Kconfig whether every option survives: under a minute, where a build takes ten. */
function configureOnly(series: KernelSeries, names: readonly string[]): number {
  const tree = sourceTree(series)
  const out = join(cacheDirectory('kernels-built'), `configure-${series}-${process.pid}.out`)
  const log = `${out}.log`
  writeFileSync(log, '')
  mkdirSync(out, { recursive: true })
  try {
    configure(tree.folder, out, log, names.map(readFragment))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
  rmSync(log, { force: true })
  const symbols = mergeSymbols(names.map(readFragment)).length
  process.stdout.write(`${tree.version}: all ${symbols} options of ${names.length} features are granted\n`)
  return 0
}

function buildKernel(series: KernelSeries, names: readonly string[], jobs: number): Built {
  const fragments = names.map(readFragment)
  const tree = sourceTree(series)
  const key = createHash('sha256').update(JSON.stringify([1, tree.version, mergeSymbols(fragments).map(({ name, value }) => [name, value])])).digest('hex').slice(0, 16)
  const sysroot = join(cacheDirectory('kernels-built'), `${series}-${key}`)
  const releaseOf = (): string => readdirSync(join(sysroot, 'lib/modules'))[0] ?? ''
  const kernelOf = (): Kernel => {
    const release = releaseOf()
    return { series, flavour: 'cloud', release, version: tree.version, sysroot,
      vmlinuz: join(sysroot, 'boot', `vmlinuz-${release}`), config: join(sysroot, 'boot', `config-${release}`) }
  }
  if (existsSync(sysroot)) return { kernel: kernelOf() }
  const out = `${sysroot}.out`
  const log = `${sysroot}.log`
  writeFileSync(log, '')
  mkdirSync(out, { recursive: true })
  const started = performance.now()
  process.stderr.write(`Building ${tree.version} with ${names.join(', ')}; log in '${log}'\n`)
  configure(tree.folder, out, log, fragments)
  const hasModules = names.includes('modules')
  make(tree.folder, out, log, jobs, 'bzImage', ...(hasModules ? ['modules'] : []))
  makeAtomically(sysroot, (temporary) => install(tree.folder, out, log, temporary, hasModules))
  rmSync(out, { recursive: true, force: true })
  return { kernel: kernelOf(), seconds: (performance.now() - started) / 1000 }
}

/** One boot: pivot, the initramfs kept, ext4 by UUID on virtio. Returns what was wrong, and milliseconds. */
async function bootIt(kernel: Kernel): Promise<{ readonly complaints: readonly string[]; readonly wallMs: number; readonly image: number; readonly artifacts?: string }> {
  const disk = diskImage({ fileSystem: 'ext4', table: 'gpt', tree: smallRoot(), label: 'small root' })
  const initrd = await testImage(kernel, { include: sleeperIncludes() })
  try {
    const result = await runGuest({
      name: 'built-kernel',
      machine: {
        kernel: kernel.vmlinuz, initrd, memoryMiB: 512, disks: [{ path: disk.path, bus: 'virtio' }],
        append: `${BASE_APPEND} ${specifier(disk, 'UUID')} ro fulcrum.switch=pivot fulcrum.keep=full`,
      },
      script: tapScript(rootChecks({ fileSystem: 'ext4', engine: 'pivot' }), keptChecks()),
    })
    const { complaints, wallMs, artifacts } = result
    return { complaints, wallMs, image: statSync(initrd).size, ...(artifacts === undefined ? {} : { artifacts }) }
  } finally {
    rmSync(initrd, { force: true })
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      series: { type: 'string', default: '7.x' }, features: { type: 'string', default: DEFAULT_FEATURES.join(',') },
      jobs: { type: 'string', default: '2' }, 'no-boot': { type: 'boolean', default: false },
      'configure-only': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (values.list) {
    for (const { name } of kernelFeatures) process.stdout.write(`${name.padEnd(13)} ${readFragment(name).about}\n`)
    return 0
  }
  const series = (['6.1', '6.12', '7.x'] as const).find((it) => it === values.series)
  if (series === undefined) throw new Error(`Cannot build series '${values.series}': it is one of 6.1, 6.12, 7.x`)
  const names = withNeeds(values.features.split(',').filter((name) => name !== '')).map(({ name }) => name)
  ensureDebianPackages([...TEST_PACKAGES, ...BUILD_PACKAGES])
  if (values['configure-only']) return configureOnly(series, names)
  const { kernel, seconds } = withCacheLock('kernel-build', () => buildKernel(series, names, Number(values.jobs)))
  const size = (statSync(kernel.vmlinuz).size / 1e6).toFixed(1)
  process.stdout.write(`kernel ${kernel.release} (${kernel.version}): ${size} MB, ${seconds === undefined ? 'built before' : `built in ${seconds.toFixed(0)} s`}, in '${kernel.sysroot}'\n`)
  if (values['no-boot']) return 0
  const { complaints, wallMs, image, artifacts } = await bootIt(kernel)
  for (const complaint of complaints) process.stdout.write(`not ok: ${complaint}\n`)
  if (artifacts !== undefined) process.stdout.write(`artifacts in '${artifacts}'\n`)
  process.stdout.write(`boot, pivot, report and power-off: ${complaints.length === 0 ? 'ok' : 'failed'}, ${(wallMs / 1000).toFixed(1)} s, image ${(image / 1e6).toFixed(1)} MB\n`)
  return complaints.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = tellFailure('kernel', error)
}
