// The programs that the conformance suite compares, each with the libraries that it was built for, as a part of the
// kit that every scenario finds on /kit. They come from Debian packages and are never in this repository.
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { ensureOldUtilLinux, ensureStorageTools } from '../../scripts/setup/debian-tree.ts'
import { tryTool } from '../../scripts/setup/run-tool.ts'
import { fulcrumInRoot } from '../harness/fulcrum-in-root.ts'
import type { Tree, TreeEntry } from '../harness/tree.ts'

export const tools = ['switch_root', 'run-init', 'pivot_root'] as const
export type Tool = (typeof tools)[number]

export interface Implementation {
  /** Column of the table. */
  readonly name: string
  /** Folder in the kit. */
  readonly key: string
  /** For each tool that it has: its path in that folder. */
  readonly programs: Readonly<Partial<Record<Tool, string>>>
  /** Its argv[0], where that is not the name of the tool. */
  readonly argv0?: string
  /** The old root is deleted by a child that nobody waits for. */
  readonly inBackground?: true
  /** Paths from its folder. */
  readonly files: Tree
}

const LOADER = '/lib64/ld-linux-x86-64.so.2'
const MAX_LINKS = 40

/** The file that `path` leads to inside `tree`. */
function chase(tree: string, path: string): string {
  let parts = path.split('/').filter((part) => part !== '')
  let at = '/'
  for (let links = 0; parts.length > 0; ) {
    const [part = '', ...rest] = parts
    const next = join(at, part)
    if (lstatSync(join(tree, next), { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      if ((links += 1) > MAX_LINKS) throw new Error(`Cannot resolve '${path}' in '${tree}': too many links`)
      const target = resolve(at, readlinkSync(join(tree, next)))
      parts = [...target.split('/').filter((word) => word !== ''), ...rest]
      at = '/'
    } else {
      parts = rest
      at = next
    }
  }
  return join(tree, at)
}

/** Program and libraries out of a tree that is a root ("/" itself too): the loader of that root names them. */
export function programFromTree(tree: string, path: string): Tree {
  const files: Record<string, TreeEntry> = { [basename(path)]: { type: 'file', source: chase(tree, path), mode: 0o755 } }
  const listed = tryTool('chroot', [tree, LOADER, '--list', path])
  if (listed.status === 0) {
    for (const [, library = ''] of listed.stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)) files[library.slice(1)] = { type: 'file', source: chase(tree, library), mode: 0o755 }
  }
  return files
}

function installedIn(tree: string, name: string): string {
  const paragraph = readFileSync(join(tree, 'var/lib/dpkg/status'), 'utf8').split('\n\n').find((text) => text.startsWith(`Package: ${name}\n`))
  return /^Version: (.+)$/m.exec(paragraph ?? '')?.[1] ?? 'unknown'
}

/** '1:2.41.5-0+deb13u1' is 2.41.5: what upstream calls it. */
const upstream = (version: string): string => version.trim().replace(/^\d+:/, '').replace(/[-+].*$/, '')

function utilLinux(tree: string, key: string, version: string): Implementation {
  return {
    name: `util-linux ${upstream(version)}`, key, inBackground: true,
    programs: { switch_root: 'switch_root', pivot_root: 'pivot_root' },
    files: { ...programFromTree(tree, existsSync(join(tree, 'usr/sbin/switch_root')) ? '/usr/sbin/switch_root' : '/sbin/switch_root'),
      ...programFromTree(tree, existsSync(join(tree, 'usr/sbin/pivot_root')) ? '/usr/sbin/pivot_root' : '/sbin/pivot_root') },
  }
}

/** fulcrum as dist/ has it. */
export function fulcrum(): Implementation {
  return { name: 'fulcrum', key: 'fulcrum', programs: { 'switch_root': 'bin/fulcrum', 'run-init': 'bin/fulcrum', 'pivot_root': 'bin/fulcrum' }, files: fulcrumInRoot() }
}

/** What the table in docs/conformance.md compares, in its order; fulcrum is the last. */
export function pinnedImplementations(): readonly Implementation[] {
  const tree = ensureStorageTools()
  const old = ensureOldUtilLinux()
  const interpreter = readdirSync(join(tree, 'usr/lib')).find((name) => /^klibc-.*\.so$/.test(name)) ?? ''
  return [
    utilLinux(old, 'util-linux-old', readFileSync(join(old, 'versions/util-linux'), 'utf8')),
    utilLinux(tree, 'util-linux', installedIn(tree, 'util-linux')),
    {
      name: `busybox ${upstream(installedIn(tree, 'busybox-static'))}`, key: 'busybox',
      programs: { 'switch_root': 'busybox', 'run-init': 'busybox', 'pivot_root': 'busybox' },
      files: { busybox: { type: 'file', source: join(tree, 'usr/bin/busybox'), mode: 0o755 } },
    },
    {
      name: `klibc ${upstream(installedIn(tree, 'klibc-utils'))}`, key: 'klibc', programs: { 'run-init': 'run-init', 'pivot_root': 'pivot_root' },
      files: {
        ...Object.fromEntries(['run-init', 'pivot_root'].map((name) => [name, { type: 'file' as const, source: join(tree, 'usr/lib/klibc/bin', name), mode: 0o755 }])),
        [`usr/lib/${interpreter}`]: { type: 'file', source: join(tree, 'usr/lib', interpreter), mode: 0o755 },
      },
    },
    fulcrum(),
  ]
}

/** A binary of the caller's: NAME=PATH or NAME=PATH:APPLET, for every tool (or the one that its applet is named for). */
export function namedImplementation(spec: string): Implementation {
  const [, name, path, applet] = /^([^=]+)=([^:]+)(?::(.+))?$/.exec(spec) ?? []
  if (name === undefined || path === undefined || !existsSync(path)) throw new Error(`Cannot use '${spec}': it has to be NAME=PATH or NAME=PATH:APPLET, and PATH a program`)
  const file = basename(path)
  const meant = tools.filter((tool) => (applet ?? file) === tool)
  return {
    name, key: `other-${name.replaceAll(/[^\w.-]/g, '_')}`,
    programs: Object.fromEntries((meant.length === 0 ? tools : meant).map((tool) => [tool, file])),
    ...(applet === undefined ? {} : { argv0: applet }),
    files: programFromTree('/', resolve(path)),
  }
}

