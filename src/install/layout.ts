// Where an installed fulcrum has its files: by component, below a prefix.
//
// A component is what `fulcrum install` takes by name. Pages of the tools that fulcrum stands in for would shadow those
// of the distribution; they go beside the stand-ins, where man(1) finds them by PATH. hier(7), manpath(5). Pure.

import { basename } from 'node:path/posix'

export const components = ['program', 'man', 'completions', 'stand-ins', 'dracut', 'initramfs-tools', 'mkinitcpio'] as const
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
  /** By their path in the package: 'man/fulcrum.1', 'completions/fulcrum.bash', 'initramfs-tools/hooks/fulcrum'. */
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

/** What a program that makes an initramfs reads of others: where packages put it, where an administrator does. */
interface Generator {
  readonly packaged: string
  readonly local: string
  readonly mode: number
}

const GENERATORS: Readonly<Partial<Record<Component, Generator>>> = {
  // dracut looks nowhere else, whoever installs a module.
  dracut: { packaged: '/usr/lib/dracut/modules.d', local: '/usr/lib/dracut/modules.d', mode: 0o755 },
  'initramfs-tools': { packaged: '/usr/share/initramfs-tools', local: '/etc/initramfs-tools', mode: 0o755 },
  mkinitcpio: { packaged: '/usr/lib/initcpio', local: '/etc/initcpio', mode: 0o644 },
}

/** The generators' components, each of which needs the program. */
export const generators: readonly Component[] = components.filter((it) => GENERATORS[it] !== undefined)

/** In the texts of generators' hooks: where the program is. */
const PREFIX = '@PREFIX@'

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

/** A file of a generator: 'initramfs-tools/hooks/fulcrum'. A package's prefix is /usr; anything else is an administrator's. */
function generatorFile(name: string, text: string, prefix: string): WantedFile | null {
  const component = generators.find((it) => name.startsWith(`${it}/`))
  const generator = component === undefined ? undefined : GENERATORS[component]
  if (component === undefined || generator === undefined) return null
  const base = prefix === '/usr' ? generator.packaged : generator.local
  return { path: `${base}${name.slice(component.length)}`, component, mode: generator.mode, data: text.replaceAll(PREFIX, prefix === '/' ? '' : prefix) }
}

/** The files of these components, in the order in which they are put in place: the program comes after what it loads. */
export function layOut(payload: Payload, prefix: string, wanted: readonly Component[]): WantedFile[] {
  const texts = [...payload.texts].flatMap(([name, data]): WantedFile[] => {
    const hook = generatorFile(name, data, prefix)
    if (hook !== null) return [hook]
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
