// Builds the initramfs images that the scenarios boot, with the project's own builder as a library.
// Every test run builds them anew from dist/fulcrum as it is now; the builder's segment cache makes that quick.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildImage } from '../../initrd-builder/index.ts'
import type { BuildOptions } from '../../initrd-builder/index.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { guestProgram } from './guest-programs.ts'
import { ownPath } from './own-files.ts'

/** A file of the build in dist/, or where `$FULCRUM_DIST` says that a build lies. */
export function dist(name: string): string {
  const named = process.env['FULCRUM_DIST']
  const path = join(named ? named : join(import.meta.dirname, '../../dist'), name)
  if (!existsSync(path)) throw new Error(`Cannot find '${path}': run 'npm run build' first`)
  return path
}

/** What a scenario wants of its image beyond the defaults of the tests. */
export type ImageVariant = Pick<BuildOptions, 'features' | 'include' | 'hooks' | 'dracutModules' | 'keep' | 'secrets' | 'omitModules' | 'addModules' | 'load' | 'compress' | 'mode' | 'sysroot'>

/** A process of the initramfs that outlives the switch, started by a hook. */
export function sleeperIncludes(): { readonly source: string; readonly destination: string }[] {
  const source = guestProgram('initramfs-sleeper')
  return [
    { source, destination: '/bin/initramfs-sleeper' },
    { source, destination: '/etc/fulcrum/hooks/pre-mount/10-sleeper' },
  ]
}

/** Builds an image for a kernel and returns its path; gone when this process ends. The same variant is built once. */
export async function testImage(kernel: Kernel, variant: ImageVariant = {}): Promise<string> {
  const binary = dist('fulcrum')
  const key = createHash('sha256').update(JSON.stringify([kernel.release, variant])).digest('hex').slice(0, 16)
  // Artifacts of a bad boot hold a hard link of their own.
  const output = ownPath('images', key, '.img')
  const options: BuildOptions = {
    kernel: kernel.release, kernelSysroot: kernel.sysroot, mode: 'generic', microcode: false,
    binary, addon: dist('koffi.node'), ...variant, output,
  }
  if (existsSync(output)) return output
  const version: unknown = Reflect.get(Object(JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))), 'version')
  const result = await buildImage(options, { version: String(version), env: process.env })
  for (const warning of result.warnings) process.stderr.write(`${warning}\n`)
  return output
}
