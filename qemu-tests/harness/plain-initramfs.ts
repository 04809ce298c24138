// A hand-made initramfs for guests that are not fulcrum: an uncompressed newc archive by GNU cpio, on purpose not by
// our own writer, so that the harness can be trusted when that one is broken. Man page: cpio(1).
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../../scripts/setup/cache.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { ownPath } from './own-files.ts'
import { scratchFolder, treeKey, writeTree } from './tree.ts'
import type { Tree } from './tree.ts'

/** Path of an archive of the tree. It is kept in the cache, unless it is only `forThisRun`. */
export function plainInitramfs(tree: Tree, options: { readonly forThisRun?: boolean } = {}): string {
  const key = treeKey(tree)
  const path = options.forThisRun === true ? ownPath('images', key, '.cpio') : join(cacheDirectory('initramfs'), `${key}.cpio`)
  if (existsSync(path)) return path
  const folder = scratchFolder('initramfs')
  try {
    writeTree(tree, folder)
    return makeAtomically(path, (temporary) => {
      const script = 'cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 > "$2"'
      runTool('sh', ['-c', script, 'sh', folder, temporary])
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
