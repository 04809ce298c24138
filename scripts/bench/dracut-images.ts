// Images that dracut makes, with and without systemd in them, as peers to measure.
// It runs in a Debian root of its own (scripts/setup/dracut-tree.ts); the images are kept in the cache. dracut(8)

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import { ensureDracutTree, runDracut } from '../setup/dracut-tree.ts'
import type { Kernel } from '../setup/kernel.ts'
import type { BenchImage } from './images.ts'

/** dracut's generic image, once with its own shell scripts as init and once with systemd. */
export function dracutImages(kernel: Kernel): BenchImage[] {
  const variants = [
    { name: 'dracut generic', file: 'plain', options: ['--omit', 'systemd'] },
    { name: 'dracut generic systemd', file: 'systemd', options: [] },
  ]
  const tree = ensureDracutTree('trixie')
  return variants.map(({ name, file, options }) => {
    const path = join(cacheDirectory('bench'), `${basename(tree)}-${file}-${kernel.release}.img`)
    if (!existsSync(path)) {
      makeAtomically(path, (temporary) => runDracut(tree, { kernel, output: temporary, options: ['--no-hostonly', '--no-early-microcode', '--zstd', ...options] }))
    }
    return { name, path }
  })
}
