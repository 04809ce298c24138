// Where an installed fulcrum has its files: by component, below a prefix.
//
// A component is what `fulcrum install` takes by name. Pages of the tools that fulcrum stands in for would shadow those
// of the distribution; they go beside the stand-ins, where man(1) finds them by PATH. hier(7), manpath(5). Pure.

import { basename } from 'node:path/posix'

export const components = ['program', 'man', 'completions', 'stand-ins'] as const
export type Component = (typeof components)[number]

/** What is installed when nothing is named. */
export const defaultComponents: readonly Component[] = ['program', 'man', 'completions']

/** `shutdown` is not one of them: ours is the initramfs's. */
export const standIns: readonly string[] = ['switch_root', 'run-init', 'pivot_root']

export function isComponent(name: string): name is Component {
  return components.some((it) => it === name)
}

/** What the packed program carries. */
export interface Payload {
  readonly program: Uint8Array
  readonly addon: Uint8Array
  /** Man pages and completions by their path in the package: 'man/fulcrum.1', 'completions/fulcrum.bash'. */
  readonly texts: ReadonlyMap<string, string>
}

/** A file to install, or a symbolic link. `path` is absolute in the root that is installed into. */
export type WantedFile =
  | { readonly path: string; readonly component: Component; readonly mode: number; readonly data: Uint8Array | string }
  | { readonly path: string; readonly component: Component; readonly link: string }

const COMPLETIONS: Readonly<Record<string, string>> = {
  'completions/fulcrum.bash': 'share/bash-completion/completions/fulcrum',
  'completions/fulcrum.zsh': 'share/zsh/site-functions/_fulcrum',
  'completions/fulcrum.fish': 'share/fish/vendor_completions.d/fulcrum.fish',
}

/** Where the manifest is. */
export function manifestPath(prefix: string): string {
  return below(prefix, 'share/fulcrum/manifest.json')
}

/** Where the stand-ins are, for PATH. */
export function standInDirectory(prefix: string): string {
  return below(prefix, 'lib/fulcrum/bin')
}

function below(prefix: string, path: string): string {
  return prefix === '/' ? `/${path}` : `${prefix}/${path}`
}

function placeOf(name: string): { component: Component; path: string } | null {
  const completion = COMPLETIONS[name]
  if (completion !== undefined) return { component: 'completions', path: completion }
  const [, page, section] = /^man\/(.+)\.(\d)$/.exec(name) ?? []
  if (page === undefined) return null
  const man = `share/man/man${section}/${basename(name)}`
  return standIns.includes(page) ? { component: 'stand-ins', path: `lib/fulcrum/${man}` } : { component: 'man', path: man }
}

/** The files of these components, in the order in which they are put in place: the program comes after what it loads. */
export function layOut(payload: Payload, prefix: string, wanted: readonly Component[]): WantedFile[] {
  const texts = [...payload.texts].flatMap(([name, data]): WantedFile[] => {
    const place = placeOf(name)
    return place === null ? [] : [{ path: below(prefix, place.path), component: place.component, mode: 0o644, data }]
  })
  const links = standIns.map((name): WantedFile => ({ path: `${standInDirectory(prefix)}/${name}`, component: 'stand-ins', link: '../../../bin/fulcrum' }))
  const all: WantedFile[] = [
    ...texts,
    { path: below(prefix, 'lib/fulcrum/koffi.node'), component: 'program', mode: 0o755, data: payload.addon },
    { path: below(prefix, 'bin/fulcrum'), component: 'program', mode: 0o755, data: payload.program },
    ...links,
  ]
  return all.filter((file) => wanted.includes(file.component))
}
