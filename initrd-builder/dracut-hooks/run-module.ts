// Runs the module-setup.sh of a module written for dracut, and takes what it installs.
//
// module-setup.sh of ours (bash) has the functions that such a file calls; it copies into an empty directory and names
// kernel modules. Everything in that directory goes into the image, with what its programs need.  dracut.modules(7)

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { BuilderError } from '../builder-error.ts'
import type { ImageTree } from '../image/image-tree.ts'
import { imagePath } from '../image/image-path.ts'
import { addInclude } from '../io/include.ts'
import type { Collector } from '../io/collector.ts'
import type { Sysroot } from '../io/sysroot.ts'
import { shellTexts } from './shell-texts.ts'

/** What is there without a module of dracut: fulcrum itself does it, or has the functions. */
const OWN_MODULES: readonly string[] = [
  'base', 'bash', 'dash', 'busybox', 'fs-lib', 'initqueue', 'kernel-modules', 'kernel-modules-extra', 'rootfs-block', 'shutdown', 'terminfo', 'udev-rules', 'usrmount',
]

/** What a feature of the image stands for. */
const FEATURE_OF: Readonly<Record<string, string>> = {
  'udev-rules': 'udev', crypt: 'luks', dm: 'lvm', lvm: 'lvm', mdraid: 'md', btrfs: 'btrfs', network: 'network', nfs: 'nfs', nbd: 'nbd', iscsi: 'iscsi',
}

export interface ModuleResult {
  /** Kernel modules that it asks for. */
  readonly kernelModules: readonly string[]
  readonly warnings: readonly string[]
}

export interface ModulePlace {
  readonly tree: ImageTree
  readonly collector: Collector
  readonly sysroot: Sysroot
  /** Version of the kernel. */
  readonly kernel: string
  readonly features: readonly string[]
  readonly isHostOnly: boolean
}

/** '95nbd' is 'nbd'. */
export function moduleName(directory: string): string {
  return basename(directory).replace(/^\d\d/, '')
}

const MAX_OUTPUT = 16 << 20
const TIMEOUT_MS = 120_000

interface Answers {
  readonly depends: string[]
  readonly modules: string[]
  readonly warnings: string[]
}

function readAnswers(text: string, name: string): Answers {
  const answers: Answers = { depends: [], modules: [], warnings: [] }
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    const rest = line.slice(space + 1)
    const kind = line.slice(0, Math.max(space, 0))
    if (kind === 'refuse') {
      const before = answers.warnings.map((warning) => warning.replace(/^.*?': (.*), ignoring$/, '; $1'))
      throw new BuilderError('refused', `Cannot add dracut module '${name}': ${rest}${before.join('')}`)
    }
    if (kind === 'depends') answers.depends.push(rest)
    if (kind === 'module') answers.modules.push(rest)
    if (kind === 'warn') answers.warnings.push(`dracut module '${name}': ${rest}, ignoring`)
  }
  return answers
}

function runSetup(directory: string, initdir: string, place: ModulePlace, known: readonly string[]): Answers {
  const name = moduleName(directory)
  const script = `${shellTexts['dracut-lib.sh']}\n${shellTexts['module-setup.sh']}`
  const { sysroot, kernel, isHostOnly } = place
  const result = spawnSync('bash', ['-c', script, 'module-setup.sh'], {
    encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT, stdio: ['ignore', 'pipe', 'pipe', 'pipe'], cwd: '/',
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', moddir: directory, initdir, kernel, hookdir: '/var/lib/dracut/hooks',
      dracutsysrootdir: sysroot.directory === '/' ? '' : sysroot.directory, hostonly: isHostOnly ? 'yes' : '', udevdir: '/usr/lib/udev',
      srcmods: `${sysroot.directory === '/' ? '' : sysroot.directory}/lib/modules/${kernel}`, _f_modules: known.join(' '),
    },
  })
  const cannot = (why: string): BuilderError => new BuilderError('system', `Cannot run '${directory}/module-setup.sh': ${why}`)
  if (result.error !== undefined) throw cannot('code' in result.error && result.error.code === 'ENOENT' ? "there is no 'bash' (Debian package 'bash')" : result.error.message)
  const answers = readAnswers(result.output[3] ?? '', name)
  if (result.status !== 0) throw cannot(`exit status ${result.status ?? 'none'}: ${result.stderr.trim()}`)
  const complaints = result.stderr.split('\n').filter((line) => line.trim() !== '').map((line) => `dracut module '${name}': ${line}`)
  return { ...answers, warnings: [...answers.warnings, ...complaints] }
}

/** Everything below `initdir`, each file by its own path: a directory of the image may be another than it looks. */
function takeFiles(initdir: string, name: string, { tree, collector, sysroot }: ModulePlace, at = ''): void {
  const reason = `dracut module '${name}'`
  for (const entry of readdirSync(`${initdir}${at}`, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${at}/${entry.name}`
    if (entry.isDirectory()) {
      if (imagePath(path) !== path) continue
      if (!tree.has(path)) tree.add(path, { type: 'directory', mode: 0o755 }, reason)
    } else if (entry.isSymbolicLink()) {
      const target = readlinkSync(`${initdir}${path}`)
      tree.replace(imagePath(path), { type: 'symlink', target: imagePath(target.startsWith('/') ? target : `${at}/${target}`) }, reason)
    } else addInclude({ source: `${initdir}${path}`, destination: path }, tree, collector, sysroot, reason)
  }
  for (const entry of readdirSync(`${initdir}${at}`, { withFileTypes: true })) {
    if (entry.isDirectory()) takeFiles(initdir, name, { tree, collector, sysroot, kernel: '', features: [], isHostOnly: false }, `${at}/${entry.name}`)
  }
}

/** Where a module stands that another one of this directory needs, if it does. */
function siblingOf(directory: string, name: string): string | undefined {
  const parent = dirname(directory)
  const found = readdirSync(parent).find((entry) => moduleName(entry) === name && existsSync(join(parent, entry, 'module-setup.sh')))
  return found === undefined ? undefined : join(parent, found)
}

/** Adds the modules in these directories, and those beside them that they need. Throws BuilderError. */
export function addDracutModules(directories: readonly string[], place: ModulePlace): ModuleResult {
  const kernelModules: string[] = []
  const warnings: string[] = []
  const pending = directories.map((directory) => resolve(directory))
  const known = [...OWN_MODULES, ...pending.map(moduleName)]
  for (let directory = pending.shift(); directory !== undefined; directory = pending.shift()) {
    const name = moduleName(directory)
    if (!existsSync(join(directory, 'module-setup.sh'))) {
      throw new BuilderError('usage', `Cannot add dracut module '${directory}': it has no 'module-setup.sh'`)
    }
    const initdir = mkdtempSync(join(tmpdir(), 'fulcrum-dracut-'))
    try {
      const answers = runSetup(directory, initdir, place, known)
      warnings.push(...answers.warnings)
      kernelModules.push(...answers.modules)
      for (const needed of answers.depends) {
        if (known.includes(needed)) continue
        const feature = FEATURE_OF[needed]
        if (feature !== undefined && place.features.includes(feature)) continue
        const sibling = siblingOf(directory, needed)
        if (feature !== undefined || sibling === undefined) {
          const remedy = feature === undefined ? `which is not beside it: add it by --dracut-module` : `which is the feature '${feature}' here: add --feature ${feature}`
          throw new BuilderError('refused', `Cannot add dracut module '${name}': it needs '${needed}', ${remedy}`)
        }
        known.push(needed)
        pending.push(sibling)
      }
      takeFiles(initdir, name, place)
    } finally {
      rmSync(initdir, { recursive: true, force: true })
    }
  }
  return { kernelModules: [...new Set(kernelModules)], warnings }
}
