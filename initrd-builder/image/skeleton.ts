// The part of every image that comes from no sysroot: its directories, links, device nodes and texts.
//
// /dev/console and /dev/null are needed before devtmpfs is mounted: Node asserts, and so panics the
// kernel, if one of the descriptors 0 to 2 is closed and /dev/null cannot be opened. /oldroot is where
// systemd-shutdown puts the real root when it returns: it could not be made in a read-only initramfs.

import type { Keep } from '../../src/facts/switch-types.ts'
import type { ImageTree } from './image-tree.ts'
import { initStub } from './init-stub.ts'
import { mergedDirectories } from './image-path.ts'

/** Names by which the binary is called besides its own. */
export const commandNames = ['switch_root', 'pivot_root', 'run-init', 'shutdown'] as const

const layout = 'image layout'

/**
 * The image's first and last own file: PID 1 that finds the first and not the last knows that the kernel could
 * not unpack all of it. The skeleton is in the first segment, so that PID 1 can say so.
 */
export const imageBegin = '/etc/fulcrum/image.begin'
export const imageEnd = '/etc/fulcrum/image.end'

/** Adds directories, links and nodes. The binary itself is added by the caller. */
export function addSkeleton(tree: ImageTree): void {
  for (const path of ['/bin', '/lib', '/lib64', '/usr', '/dev', '/proc', '/sys', '/run', '/sysroot', '/oldroot', '/etc']) {
    tree.add(path, { type: 'directory', mode: 0o755 }, layout, 'constant')
  }
  tree.add('/tmp', { type: 'directory', mode: 0o1777 }, layout, 'constant')
  for (const [path, target] of Object.entries(mergedDirectories)) {
    tree.add(path, { type: 'symlink', target }, layout, 'constant')
  }
  tree.add('/dev/console', { type: 'char', mode: 0o600, major: 5, minor: 1 }, 'first descriptors of PID 1', 'constant')
  tree.add('/dev/null', { type: 'char', mode: 0o666, major: 1, minor: 3 }, 'Node refuses to start without it', 'constant')
  tree.add('/init', { type: 'file', mode: 0o755, data: initStub() }, 'the kernel starts it as PID 1: it becomes /bin/fulcrum', 'constant')
  tree.add('/shutdown', { type: 'symlink', target: '/bin/fulcrum' }, 'systemd-shutdown hands the machine to it', 'constant')
  for (const name of commandNames) {
    tree.add(`/bin/${name}`, { type: 'symlink', target: '/bin/fulcrum' }, `fulcrum is also '${name}'`, 'constant')
  }
  tree.add(imageBegin, { type: 'file', mode: 0o444, data: new Uint8Array() }, 'first file of the image', 'constant')
  tree.add(imageEnd, { type: 'file', mode: 0o444, data: new Uint8Array() }, 'last file of the image: all was unpacked')
}

/** Where the description is in the image. */
export const descriptionPath = '/etc/fulcrum/image.json'

/** What /etc/fulcrum/image.json tells PID 1 and the inspector. */
export interface ImageDescription {
  readonly format: 1
  /** Version of fulcrum that built the image. */
  readonly fulcrum: string
  /** The kernel its modules are for. */
  readonly kernel: string
  readonly features: readonly string[]
  /** Modules to load at start, in order, whatever devices are found. */
  readonly modules: readonly string[]
  /** How it is to be kept where the kernel command line does not say. */
  readonly keep?: Keep
  /** What the machine resumes from, as resume= and resume_offset= have it. */
  readonly resume?: { readonly spec: string; readonly offsetPages: number }
  /** Files to be overwritten before the hand-over. */
  readonly secrets?: readonly string[]
  /** False if it was made for the devices of one machine. */
  readonly generic: boolean
}

/** Adds /etc/initrd-release (os-release(5); its presence says "in the initrd") and image.json. */
export function addDescription(tree: ImageTree, description: ImageDescription, sysrootName: string | undefined): void {
  const text = new TextEncoder()
  const pretty = `${sysrootName ?? 'Linux'} (fulcrum ${description.fulcrum} initramfs)`.replaceAll(/["\\$`\n]/g, '')
  const release = [
    'ID=fulcrum', 'NAME="fulcrum"', `VERSION_ID="${description.fulcrum}"`, `PRETTY_NAME="${pretty}"`,
    'VARIANT_ID=initrd', '',
  ].join('\n')
  tree.add('/etc/initrd-release', { type: 'file', mode: 0o644, data: text.encode(release) }, 'marks an initramfs')
  const json = `${JSON.stringify(description)}\n`
  tree.add(descriptionPath, { type: 'file', mode: 0o644, data: text.encode(json) }, 'read by PID 1')
}
