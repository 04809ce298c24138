// Puts into the image what runs hooks written for dracut: the shell library, the hooks, and whole modules.
//
// The feature 'dracut-hooks' brings the shell; this is the rest. docs/dracut-hooks.md

import { BuilderError } from '../builder-error.ts'
import type { ImageTree } from '../image/image-tree.ts'
import { addInclude } from '../io/include.ts'
import type { BuildOptions } from '../options.ts'
import { addDracutModules } from './run-module.ts'
import type { ModulePlace, ModuleResult } from './run-module.ts'
import { shellTexts } from './shell-texts.ts'

/** The feature that all of it needs. */
export const HOOKS_FEATURE = 'dracut-hooks'
/** Where hooks are put; those in /etc/dracut/hooks and /usr/lib/dracut/hooks run as well. */
const HOOKS_DIRECTORY = '/var/lib/dracut/hooks'

/** A program that calls one function of the library, for scripts that do not source it. */
function caller(name: string): string {
  return `#!/bin/sh\n# '${name}' as a program: it is a function of the library.\n. /lib/dracut-lib.sh\n${name} "$@"\n`
}

const FILES: Readonly<Record<string, { readonly text: string; readonly mode: number }>> = {
  '/lib/dracut-lib.sh': { text: shellTexts['dracut-lib.sh'], mode: 0o644 },
  '/lib/dracut-dev-lib.sh': { text: '# Its functions are in the other library here.\n. /lib/dracut-lib.sh\n', mode: 0o644 },
  '/lib/fulcrum/run-hooks': { text: shellTexts['run-hooks.sh'], mode: 0o755 },
  '/bin/initqueue': { text: caller('initqueue'), mode: 0o755 },
  '/bin/dracut-getarg': { text: caller('getarg'), mode: 0o755 },
  '/bin/dracut-getargs': { text: caller('getargs'), mode: 0o755 },
}

/** The features of a build, with that of hooks where there are some. */
export function withHooksFeature({ features = [], hooks = [], dracutModules = [] }: BuildOptions): readonly string[] {
  return (hooks.length > 0 || dracutModules.length > 0) && !features.includes(HOOKS_FEATURE) ? [...features, HOOKS_FEATURE] : features
}

/** Adds it, if the features say so. Throws BuilderError. */
export function addDracutHooks(options: BuildOptions, place: ModulePlace): ModuleResult {
  if (!place.features.includes(HOOKS_FEATURE)) return { kernelModules: [], warnings: [] }
  const { tree, collector, sysroot } = place
  addFiles(tree)
  const seen = new Set<string>()
  for (const { point, priority, source } of options.hooks ?? []) {
    const destination = `${HOOKS_DIRECTORY}/${point}/${priority}-${source.slice(source.lastIndexOf('/') + 1)}`
    if (seen.has(destination)) throw new BuilderError('usage', `Cannot add hook '${source}': there is another one at '${destination}'`)
    seen.add(destination)
    addInclude({ source, destination }, tree, collector, sysroot, `hook of '${point}'`)
  }
  return addDracutModules(options.dracutModules ?? [], place)
}

/** KERNEL: as /sbin/modprobe the kernel would start it before PID 1, and Node before io_uring is set up is a crash. */
const MODPROBE = '/lib/fulcrum/bin/modprobe'

function addFiles(tree: ImageTree): void {
  tree.add(MODPROBE, { type: 'symlink', target: '/bin/fulcrum' }, `feature '${HOOKS_FEATURE}'`)
  const encoder = new TextEncoder()
  for (const [path, { text, mode }] of Object.entries(FILES)) {
    tree.add(path, { type: 'file', mode, data: encoder.encode(text) }, `feature '${HOOKS_FEATURE}'`)
  }
}
