// What an install and an uninstall will do, from what is there: pure functions of wishes and facts.
//
// Nothing that fulcrum did not put there is replaced or removed. What it did put there is known from the manifest of the
// last install and, after one that was interrupted, from the one that it left as pending. docs/install.md

import type { Refusal } from '../facts/refusal.ts'
import type { WantedFile } from './layout.ts'
import type { InstalledFile, Manifest } from './manifest.ts'

/** What is at a path: its content as in a manifest, or that it cannot be one of ours. */
export type PathState = 'absent' | 'directory' | 'special' | `sha256:${string}` | `link:${string}`

export interface InstallFacts {
  /** Every path of the wish and of the manifests. */
  readonly states: ReadonlyMap<string, PathState>
  /** Directories that have to be made, parents first. */
  readonly missingDirectories: readonly string[]
  /** Of the last install, and of one that did not come to its end. */
  readonly manifests: readonly Manifest[]
}

export interface WantedContent {
  readonly file: WantedFile
  readonly content: string
}

export interface InstallPlan {
  readonly directories: readonly string[]
  readonly writes: readonly WantedFile[]
  /** Of an earlier install, and not of this one. */
  readonly removals: readonly string[]
  /** The same, but changed since: they stay. */
  readonly kept: readonly string[]
  readonly manifest: Manifest
}

export interface InstallPlanOptions {
  readonly version: string
  /** Replaces and removes what was changed, and what somebody else put there. */
  readonly force: boolean
  /** For messages. */
  readonly root: string
}

export interface UninstallPlan {
  readonly removals: readonly string[]
  /** Changed since the install: they stay. */
  readonly kept: readonly string[]
  /** Made by the install, deepest first; those that are empty by then go. */
  readonly directories: readonly string[]
}

/** Whether what is at the path is what one of the manifests says. */
function isOurs(facts: InstallFacts, path: string): boolean {
  const state = facts.states.get(path)
  return facts.manifests.some((manifest) => manifest.files.some((it) => it.path === path && it.content === state))
}

function isObstacle(state: PathState): boolean {
  return state === 'directory' || state === 'special'
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}

/** Which of the recorded files may go: all that are as they were installed; with `force` the changed ones too. */
function split(facts: InstallFacts, paths: readonly string[], force: boolean): { removals: string[]; kept: string[] } {
  const there = unique(paths).filter((path) => facts.states.get(path) !== 'absent')
  const goes = (path: string): boolean => isOurs(facts, path) || (force && !isObstacle(facts.states.get(path) ?? 'special'))
  return { removals: there.filter(goes), kept: there.filter((path) => !goes(path)) }
}

function refuseForeign(root: string, foreign: readonly WantedContent[], isDirectory: boolean): Refusal {
  const [first = '', ...more] = foreign.map(({ file }) => `${root === '/' ? '' : root}${file.path}`)
  return {
    reason: 'file-not-ours',
    detail: `Cannot replace '${first}'${more.length > 0 ? ` and ${more.length} more` : ''}: ${isDirectory ? 'it is a directory or no regular file' : 'fulcrum did not install it, or it was changed since'}`,
    remedy: isDirectory ? 'move it away' : 'move it away, or replace it by --force',
  }
}

/**
 * The plan that puts `wanted` in place and removes what an earlier install of these components left over.
 * `components` are the ones that this install is about; the files of all others stay recorded.
 */
export function planInstall(wanted: readonly WantedContent[], components: readonly string[], facts: InstallFacts, options: InstallPlanOptions): InstallPlan | Refusal {
  const stateOf = (path: string): PathState => facts.states.get(path) ?? 'absent'
  const blocked = wanted.filter(({ file }) => isObstacle(stateOf(file.path)))
  if (blocked.length > 0) return refuseForeign(options.root, blocked, true)
  const writes = wanted.filter(({ file, content }) => stateOf(file.path) !== content)
  const foreign = writes.filter(({ file }) => stateOf(file.path) !== 'absent' && !isOurs(facts, file.path))
  if (foreign.length > 0 && !options.force) return refuseForeign(options.root, foreign, false)
  const paths = new Set(wanted.map(({ file }) => file.path))
  const earlier = facts.manifests.flatMap((manifest) => manifest.files).filter((it) => !paths.has(it.path))
  const stays = new Map(earlier.filter((it) => !components.includes(it.component)).map((it): [string, InstalledFile] => [it.path, it]))
  const old = split(facts, earlier.filter((it) => components.includes(it.component)).map((it) => it.path), options.force)
  const files = [...stays.values(), ...wanted.map(({ file, content }) => ({ path: file.path, component: file.component, content }))]
  const directories = unique([...facts.manifests.flatMap((manifest) => manifest.directories), ...facts.missingDirectories])
  return {
    directories: facts.missingDirectories, writes: writes.map(({ file }) => file), ...old,
    manifest: { version: options.version, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), directories: directories.sort() },
  }
}

/** The plan that takes away everything that is recorded. */
export function planUninstall(facts: InstallFacts, options: { readonly force: boolean; readonly prefix: string }): UninstallPlan | Refusal {
  if (facts.manifests.length === 0) {
    return { reason: 'not-installed', detail: `Cannot uninstall: nothing is installed in '${options.prefix}'`, remedy: 'name the --prefix and the --root that it was installed with' }
  }
  const paths = facts.manifests.flatMap((manifest) => manifest.files.map((it) => it.path))
  const directories = unique(facts.manifests.flatMap((manifest) => manifest.directories)).sort().reverse()
  return { ...split(facts, paths, options.force), directories }
}
