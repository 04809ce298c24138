// `npm run deb`: Debian packages of the build in dist/, laid out by `fulcrum install` itself.
//
// What a package has other than an installation of one's own: no record (dpkg has one), compressed pages, zsh's directory
// for packages, copyright and changelog. Of one build they are the same bytes each time; their date is that of the build, or $SOURCE_DATE_EPOCH.
// usage: npm run deb [-- --output DIR]     dpkg-deb(1), deb-md5sums(5), Debian Policy 4 and 12

import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, lutimesSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { parseElf } from '../initrd-builder/elf/elf-file.ts'
import { controlText, libraryDepends, newestGlibc, packageKinds } from './deb/packages.ts'
import type { PackageKind } from './deb/packages.ts'
import { runTool } from './setup/run-tool.ts'
import { parseOrExit } from './script-arguments.ts'

const project = resolve(import.meta.dirname, '..')

/** Every file and link below a folder, absolute, sorted. */
function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)).sort()
}

function put(path: string, data: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, data)
  chmodSync(path, mode)
}

/** `file` as FILE.gz in its place, without a name and a time in it. */
function compress(file: string): void {
  put(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }))
  rmSync(file)
}

/** Moves what packages have elsewhere than an administrator. */
function asPackage(stage: string): void {
  rmSync(join(stage, 'usr/share/fulcrum'), { recursive: true, force: true })
  const zsh = join(stage, 'usr/share/zsh/site-functions')
  if (existsSync(zsh)) renameSync(zsh, join(stage, 'usr/share/zsh/vendor-completions'))
  // A library need not be executable to be loaded.
  const addon = join(stage, 'usr/lib/fulcrum/koffi.node')
  if (existsSync(addon)) chmodSync(addon, 0o644)
  for (const file of filesBelow(stage)) if (/\/man\d\/[^/]+\.\d$/.test(file)) compress(file)
}

interface Build {
  readonly dist: string
  readonly version: string
  readonly architecture: string
  readonly maintainer: string
  /** Seconds, for every file and the archive itself. */
  readonly epoch: number
}

/** Policy 12.3, 12.5, 12.7; what lintian(1) cannot know of a program that carries its runtime. */
function addDocuments(stage: string, kind: PackageKind, build: Build): void {
  const doc = join(stage, 'usr/share/doc', kind.name)
  const license = readFileSync(join(project, 'LICENSE'), 'utf8').trim().split('\n')
  const body = license.slice(1).map((line) => (line.trim() === '' ? ' .' : ` ${line}`)).join('\n')
  const also = kind.isForAll ? '' : 'Comment: The program contains Node.js (https://nodejs.org) with V8, OpenSSL, ICU and other libraries, and koffi\n (https://koffi.dev), each under its own licence.\n'
  put(join(doc, 'copyright'), `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: fulcrum\n\nFiles: *\nCopyright: 2026 the fulcrum authors\nLicense: Expat\n${also}\nLicense: Expat\n${body}\n`)
  // deb-changelog(5), and its date is that of RFC 5322.
  const date = new Date(build.epoch * 1000).toUTCString().replace('GMT', '+0000')
  put(join(doc, 'changelog'), `${kind.name} (${build.version}) unstable; urgency=medium\n\n  * See /usr/share/doc/fulcrum/CHANGELOG.md.gz.\n\n -- ${build.maintainer}  ${date}\n`)
  compress(join(doc, 'changelog'))
  if (kind.isForAll) return
  put(join(doc, 'CHANGELOG.md'), readFileSync(join(project, 'CHANGELOG.md')))
  compress(join(doc, 'CHANGELOG.md'))
  put(join(stage, 'usr/share/lintian/overrides', kind.name), `# Node.js in one executable file, as it is published.\n${kind.name}: embedded-library zlib [usr/bin/fulcrum]\n${kind.name}: hardening-no-pie [usr/bin/fulcrum]\n`)
}

function control(stage: string, kind: PackageKind, build: Build): void {
  const files = filesBelow(stage).filter((file) => !file.includes('/DEBIAN/'))
  const programs = kind.isForAll ? [] : [join(stage, 'usr/bin/fulcrum'), join(stage, 'usr/lib/fulcrum/koffi.node')].map((path) => readFileSync(path))
  const libc = newestGlibc(programs.map((bytes) => bytes.toString('latin1')).join(''))
  const libraries = libraryDepends(programs.flatMap((bytes) => parseElf(bytes).needed), libc)
  // Policy 5.6.20: a KiB for each file and directory, and what the files take.
  const installedKiB = files.reduce((sum, file) => sum + Math.max(1, Math.ceil(lstatSync(file).size / 1024)), 0)
  put(join(stage, 'DEBIAN/control'), controlText(kind, { ...build, installedKiB, libraries }))
  const sums = files.filter((file) => lstatSync(file).isFile()).map((file) => `${createHash('md5').update(readFileSync(file)).digest('hex')}  ${relative(stage, file)}\n`)
  put(join(stage, 'DEBIAN/md5sums'), sums.join(''))
  if (kind.triggers.length > 0) put(join(stage, 'DEBIAN/triggers'), kind.triggers.map((name) => `activate-noawait ${name}\n`).join(''))
}

function touchAll(folder: string, epoch: number): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) lutimesSync(join(entry.parentPath, entry.name), epoch, epoch)
  lutimesSync(folder, epoch, epoch)
}

function makePackage(kind: PackageKind, build: Build, output: string): string {
  const work = mkdtempSync(join(tmpdir(), 'fulcrum-deb-'))
  try {
    const stage = join(work, 'stage')
    runTool(join(build.dist, 'fulcrum'), ['install', '--root', stage, '--prefix', '/usr', ...kind.components])
    // A generator's component brings the program with it, which is another package's.
    if (kind.isForAll) for (const own of ['usr/bin', 'usr/lib/fulcrum']) rmSync(join(stage, own), { recursive: true, force: true })
    asPackage(stage)
    for (const empty of ['usr/lib', 'usr/share']) if (existsSync(join(stage, empty)) && readdirSync(join(stage, empty)).length === 0) rmSync(join(stage, empty), { recursive: true })
    addDocuments(stage, kind, build)
    control(stage, kind, build)
    chmodSync(stage, 0o755)
    touchAll(stage, build.epoch)
    const path = join(output, `${kind.name}_${build.version}_${kind.isForAll ? 'all' : build.architecture}.deb`)
    mkdirSync(output, { recursive: true })
    runTool('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', stage, path], { env: { SOURCE_DATE_EPOCH: String(build.epoch) } })
    return path
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function maintainer(env: NodeJS.ProcessEnv): string {
  return `${env['DEBFULLNAME'] ?? 'Fulcrum maintainers'} <${env['DEBEMAIL'] ?? 'maintainers@fulcrum.invalid'}>`
}

/** Makes all packages of the build in `dist` and returns their paths. Throws Error when a tool fails. */
export function makePackages(dist: string, output: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const program = join(dist, 'fulcrum')
  if (!existsSync(program)) throw new Error(`Cannot find '${program}': run 'npm run build' first`)
  const version = /\d+\.\d+\.\d+\S*/.exec(runTool(program, ['--version']))?.[0]
  if (version === undefined) throw new Error(`Cannot read the version of '${program}'`)
  const build: Build = {
    dist, version, architecture: runTool('dpkg', ['--print-architecture']).trim(), maintainer: maintainer(env),
    epoch: Number(env['SOURCE_DATE_EPOCH'] ?? Math.floor(statSync(program).mtimeMs / 1000)),
  }
  return packageKinds().map((kind) => makePackage(kind, build, output))
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseOrExit('deb', () => parseArgs({ options: { output: { type: 'string', default: join(project, 'dist') } } }))
  for (const path of makePackages(join(project, 'dist'), resolve(values.output))) process.stdout.write(`${path}\n`)
}
