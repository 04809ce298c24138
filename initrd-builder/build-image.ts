// Builds an initramfs: collects what goes in, writes the segments, puts the file in place.
//
// The order of the segments is the kernel's demand (microcode first, uncompressed) and the cache's (what
// never changes on its own). Everything that can be refused is refused before a byte is written.

import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { dirname } from 'node:path'
import { KEPT_IMAGE } from '../src/facts/switch-types.ts'
import { BuilderError } from './builder-error.ts'
import { addFeatures, type FeatureModules } from './add-features.ts'
import { addDracutHooks, withHooksFeature } from './dracut-hooks/add-hooks.ts'
import type { CompressorName } from './compressor-names.ts'
import { adaptCrypttab, cryptNamesOfRoot } from './crypttab.ts'
import { ImageTree, type ImageEntry } from './image/image-tree.ts'
import { formatManifest, makeManifest, manifestPath } from './image/manifest.ts'
import { addDescription, addSkeleton, descriptionPath, type ImageDescription } from './image/skeleton.ts'
import { writeFileAtomically } from './io/atomic-file.ts'
import { makeCollector, type Collector } from './io/collector.ts'
import { chooseCompressor } from './io/compress.ts'
import { rememberingDigest, type Digest } from './io/digest.ts'
import { addProgram } from './io/add-program.ts'
import { addInclude, addSecret } from './io/include.ts'
import { keptImageProblem, makeKeptImage, QUICK_LIMIT } from './io/kept-image.ts'
import { cacheDirectory } from './io/segment-cache.ts'
import { openSysroot, type Sysroot } from './io/sysroot.ts'
import { usualModules } from './modules/generic-list.ts'
import { readHostDevices, type HostPlaces, type WantedFeature } from './modules/host-devices.ts'
import { hostResume } from './modules/host-resume.ts'
import { addModuleFiles, kernelVersions, readKernelModules, type KernelModules } from './modules/module-files.ts'
import { kmodWithoutZstd } from './modules/pack-modules.ts'
import { chooseModules, onlyForDevices, wantedByDevices, wantedGenerically, type WantedModule } from './modules/select-modules.ts'
import type { BuildOptions } from './options.ts'
import { lengthOf, makeSegments, readMicrocode, type SegmentResult } from './write-segments.ts'

/** What a build needs of the outside besides files. */
export interface BuildContext {
  /** Version of fulcrum, written into the image. */
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Called as the build goes on, with what is being done now. */
  readonly onProgress?: (step: string) => void
  /** Where the machine's devices are looked up instead of /sys and /proc. */
  readonly host?: HostPlaces
}

/** What the compressed copy is mounted with. */
const slimModules: readonly string[] = ['loop', 'squashfs']

/** What was built; printed by `fulcrum build --json`. */
export interface BuildResult {
  readonly output: string
  readonly bytes: number
  readonly sha256: string
  readonly kernel: string
  readonly mode: 'generic' | 'host'
  readonly compress: CompressorName
  readonly features: readonly string[]
  /** Those of them that this machine's root needs and nobody had to name, with the reason. */
  readonly automatic: readonly WantedFeature[]
  readonly files: number
  readonly modules: number
  readonly firmware: number
  readonly segments: readonly SegmentResult[]
  readonly missingFirmware: readonly string[]
  /** Sentences for a person, each ending in ", ignoring". */
  readonly warnings: readonly string[]
}

/** Builds the image and writes it atomically. Throws BuilderError; nothing is left behind then. */
export async function buildImage(options: BuildOptions, context: BuildContext): Promise<BuildResult> {
  const progress = context.onProgress ?? ((): void => undefined)
  const mtime = sourceDateEpoch(context.env)
  checkOutput(options.output)
  const sysroot = openSysroot(options.sysroot ?? '/')
  const kernelSysroot = options.kernelSysroot === undefined ? sysroot : openSysroot(options.kernelSysroot)
  progress('reading kernel modules')
  const kernel = readKernelModules(kernelSysroot, options.kernel ?? defaultKernel(kernelSysroot))
  const lacking = options.keep === 'slim' ? keptImageProblem(kernelConfig(kernel)) : undefined
  if (lacking !== undefined) throw new BuilderError('refused', `Cannot keep slim: the kernel was built without ${lacking}`)
  const compressor = chooseCompressor(options.compress, kernelConfig(kernel))
  const warnings: string[] = []
  const cache = cacheDirectory(context.env)
  const warn = (message: string): void => void warnings.push(message)

  const tree = new ImageTree()
  const collector = makeCollector(sysroot, tree)
  progress('collecting programs and libraries')
  addSkeleton(tree)
  addProgram(options, context.env, tree, collector)
  const { mode, wanted, ...host } = chooseMode(options, context, kernel, sysroot)
  const named = withHooksFeature(options)
  const automatic = host.features.filter(({ name }) => !named.includes(name))
  const features = [...named, ...automatic.map(({ name }) => name)]
  const fromNamed = addFeatures(named, tree, collector, sysroot)
  const fromAutomatic = addAutomatic(automatic, feature => addFeatures([feature], tree, collector, sysroot))
  const fromFeatures = { wanted: [...fromNamed.wanted, ...fromAutomatic.wanted], load: [...fromNamed.load, ...fromAutomatic.load] }
  const fromHooks = addDracutHooks(options, { tree, collector, sysroot, kernel: kernel.version, features, isHostOnly: mode === 'host' })
  const slim = options.keep === 'slim' ? slimModules : []
  const load = [...fromFeatures.load, ...(options.load ?? []), ...slim]
  const asked = [
    ...(mode === 'host' ? onlyForDevices(kernel.index, fromFeatures.wanted, host.modaliases) : fromFeatures.wanted),
    ...fromHooks.kernelModules.map(name => ({ name, reason: 'asked for by a dracut module' })),
    ...slim.map(name => ({ name, reason: 'keep slim mounts the compressed copy' })),
    ...[...(options.addModules ?? []), ...(options.load ?? [])]
      .map(name => ({ name, reason: `module asked for as '${name}'` })),
  ]
  const choice = chooseModules(kernel.index, [...asked, ...wanted], options.omitModules ?? [])
  refuseMissing(choice.missing, [...(options.addModules ?? []), ...load], kernel)
  progress(`reading ${choice.modules.length} kernel modules`)
  const firmwareCollector = kernelSysroot === sysroot ? collector : makeCollector(kernelSysroot, tree)
  const pack = packing(options, mode, tree) ? { cache, warn, plain: loadedFirst(kernel, load) } : undefined
  const added = await addModuleFiles(tree, kernel, choice.modules, firmwareCollector, pack)
  for (const include of options.include ?? []) addInclude(include, tree, collector, sysroot)
  const secrets = [...new Set((options.secrets ?? []).map(secret => addSecret(secret, tree)))]
  const fromCrypttab = adaptCrypttab(tree, mode === 'host' ? cryptNamesOfRoot() : null)
  // A machine that cannot resume in the image has nothing to do with it.
  const resume = mode === 'host' && features.includes('resume') ? hostResume(context.host) : null
  const description = {
    format: 1 as const, fulcrum: context.version, kernel: kernel.version, features: [...features],
    modules: loadAtStart(load, kernel), generic: mode === 'generic',
    ...(resume === null ? {} : { resume }),
    ...(options.keep === undefined ? {} : { keep: options.keep }), ...(secrets.length === 0 ? {} : { secrets }),
  }
  addDescription(tree, description, osName(sysroot))

  if (options.keep === 'slim') {
    progress('making the compressed copy for keep slim')
    const copied = copiedEntries(tree, secrets, { ...description, modules: [] })
    const isSmall = options.compress !== undefined && options.compress !== 'lz4' && options.compress !== 'none'
    const data = await makeKeptImage(copied, { mtime, kernelConfig: kernelConfig(kernel), isSmall, quickLimit: QUICK_LIMIT, cache, warn })
    tree.add(KEPT_IMAGE, { type: 'file', mode: 0o400, data }, 'all that stays after a switch with keep slim', 'kept')
  }
  const fileDigest = rememberingDigest()
  const entries = withManifest(tree, secrets, fileDigest)
  const conflicts = tree.conflicts().map(path => `Cannot put two different files at '${path}', ignoring`)
  const kmod = pack === undefined ? undefined : kmodWithoutZstd(tree)
  if (kmod !== undefined) warn(`Cannot read compressed modules: '${kmod}' was built without zstd, --compress-modules none is for it, ignoring`)
  warnings.push(...host.warnings, ...fromHooks.warnings, ...fromCrypttab, ...collector.warnings, ...conflicts)
  const segments = await makeSegments(entries, options.microcode === false ? [] : readMicrocode(kernelSysroot, mode), {
    mtime, compressor, cache, warn, progress, digest: fileDigest,
  })
  progress(`writing '${options.output}'`)
  const chunks = segments.flatMap(segment => segment.chunks)
  await writeFileAtomically(options.output, chunks, secrets.length === 0 ? 0o644 : 0o600)
  const digest = createHash('sha256')
  for (const chunk of chunks) digest.update(chunk)
  return {
    output: options.output, bytes: lengthOf(chunks), sha256: digest.digest('hex'),
    kernel: kernel.version, mode, compress: compressor, features: description.features, automatic, files: entries.length,
    modules: added.modules, firmware: added.firmware, segments: segments.map(segment => segment.result),
    missingFirmware: added.missingFirmware, warnings,
  }
}

function checkOutput(output: string): void {
  const directory = dirname(output)
  if (!existsSync(directory)) {
    throw new BuilderError('system', `Cannot write '${output}': '${directory}': ENOENT (No such file or directory)`)
  }
  if (existsSync(output) && !statSync(output).isFile()) {
    throw new BuilderError('refused', `Cannot write '${output}': it exists and is not a regular file`)
  }
}

/** Seconds: $SOURCE_DATE_EPOCH (reproducible-builds.org), else 0. */
function sourceDateEpoch(env: BuildContext['env']): number {
  const text = env['SOURCE_DATE_EPOCH']
  if (text === undefined || text === '') return 0
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffffffff) {
    throw new BuilderError('usage', `Cannot use SOURCE_DATE_EPOCH '${text}': not seconds since 1970`)
  }
  return Number(text)
}

/** The running kernel's version; in another tree that has not got it, its only one. */
function defaultKernel(sysroot: Sysroot): string {
  const running = release()
  const versions = kernelVersions(sysroot)
  if (versions.includes(running) || sysroot.directory === '/') return running
  const [only, ...others] = versions
  if (only !== undefined && others.length === 0) return only
  const found = versions.length === 0 ? 'it has none' : `it has '${versions.join("', '")}', choose one by --kernel`
  throw new BuilderError('system', `Cannot choose a kernel in '${sysroot.directory}': ${found}`)
}

function kernelConfig({ sysroot, version }: KernelModules): string | undefined {
  const text = sysroot.readIfThere(`/boot/config-${version}`) ?? sysroot.readIfThere(`/lib/modules/${version}/config`)
  return text?.toString('utf8')
}

function osName(sysroot: Sysroot): string | undefined {
  const text = (sysroot.readIfThere('/etc/os-release') ?? sysroot.readIfThere('/usr/lib/os-release'))?.toString('utf8')
  return /^PRETTY_NAME=(?:"(.*)"|'(.*)'|(.*))$/m.exec(text ?? '')?.slice(1).find(value => value !== undefined)
}

/** Adds features that nobody asked for by name: an error says why they were chosen. */
function addAutomatic(features: readonly WantedFeature[], add: (name: string) => FeatureModules): FeatureModules {
  const added = features.map(({ name, reason }) => {
    try {
      return add(name)
    } catch (cause) {
      if (!(cause instanceof BuilderError)) throw cause
      throw new BuilderError(cause.kind, `${cause.message}; it is needed since ${reason}, --no-auto leaves it out`, { cause })
    }
  })
  return { wanted: added.flatMap(one => one.wanted), load: added.flatMap(one => one.load) }
}

interface Mode {
  readonly mode: 'generic' | 'host'
  readonly wanted: readonly WantedModule[]
  readonly features: readonly WantedFeature[]
  readonly warnings: readonly string[]
  /** Of this machine's devices; none for a generic image. */
  readonly modaliases: readonly string[]
}

function chooseMode(options: BuildOptions, context: BuildContext, kernel: KernelModules, sysroot: Sysroot): Mode {
  const ownSystem = sysroot.directory === '/' && kernel.sysroot === sysroot
  const host = options.mode === 'generic' || (options.mode === undefined && !ownSystem) ? undefined : readHostDevices(context.host)
  if (host !== undefined) {
    const { features, warnings } = options.auto === false ? { features: [], warnings: [] } : host
    return { mode: 'host', wanted: [...wantedByDevices(kernel.index, host.modaliases), ...host.wanted], features, warnings, modaliases: host.modaliases }
  }
  if (options.mode === 'host') {
    throw new BuilderError('refused', 'Cannot build for this machine only: /sys/devices shows no device')
  }
  return { mode: 'generic', wanted: wantedGenerically(kernel.index), features: [], warnings: [], modaliases: [] }
}

/** Whether modules are compressed each by itself: not where most of them are loaded, nor where a kmod could not read them. */
function packing({ compressModules }: BuildOptions, mode: Mode['mode'], tree: ImageTree): boolean {
  return (compressModules ?? (mode === 'host' || kmodWithoutZstd(tree) !== undefined ? 'none' : 'zstd')) === 'zstd'
}

/** Modules that are loaded without a device that asks, or on most machines, with what they need. */
function loadedFirst({ index }: KernelModules, load: readonly string[]): Set<string> {
  return new Set(index.resolve([...load, ...usualModules].flatMap(name => index.lookup(name).modules)).modules.map(({ name }) => name))
}

/** Curated and detected names may be absent from a kernel, those which a person wrote may not. */
function refuseMissing(missing: readonly string[], asked: readonly string[], kernel: KernelModules): void {
  const name = asked.find(candidate => missing.includes(candidate.replaceAll('-', '_')))
  if (name !== undefined) {
    throw new BuilderError('system', `Cannot add module '${name}': kernel '${kernel.version}' has none of that name or alias`)
  }
}

/** Built-in ones need no loading, so PID 1 is not told of them. */
function loadAtStart(names: readonly string[], { index }: KernelModules): string[] {
  return [...new Set(names.flatMap(name => index.lookup(name).modules))]
}

/**
 * What the compressed copy holds: no modules and no firmware, as what the machine needs of them is loaded; no
 * secrets, and no manifest, which speaks of all this.
 */
function copiedEntries(tree: ImageTree, secrets: readonly string[], description: ImageDescription): ImageEntry[] {
  const json = new TextEncoder().encode(`${JSON.stringify(description)}\n`)
  return tree.entries()
    .filter(({ path }) => !/^\/lib\/(modules|firmware)(\/|$)/.test(path) && !secrets.includes(path))
    .map(entry => (entry.path === descriptionPath ? { ...entry, node: { type: 'file', mode: 0o644, data: json } } : entry))
}

function withManifest(tree: ImageTree, secrets: readonly string[], digest: Digest): ImageEntry[] {
  const text = formatManifest(makeManifest(tree.entries(), digest, secrets))
  const data = new TextEncoder().encode(text)
  tree.add(manifestPath, { type: 'file', mode: 0o644, data }, 'read by fulcrum inspect --why')
  return tree.entries()
}
