// fulcrum as a program of a guest's root, for roots that have nothing of their own: the build in dist/, with the
// libraries that this machine runs it with.
import { execFileSync } from 'node:child_process'
import { dist } from './test-image.ts'
import type { Tree, TreeEntry } from './tree.ts'

/** The program with the libraries that this machine runs it with, for a root that has nothing of its own. */
export function fulcrumInRoot(): Tree {
  const binary = dist('fulcrum')
  const files = [...execFileSync('ldd', [binary], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(/g)].map(([, path = '']) => path)
  const tree: Record<string, TreeEntry> = {
    'bin/fulcrum': { type: 'file', source: binary, mode: 0o755 },
    'lib/fulcrum/koffi.node': { type: 'file', source: dist('koffi.node') },
  }
  for (const path of files) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    // Debian's ld.so looks in /lib, and is itself in /lib64.
    tree[`${name.startsWith('ld-') ? 'lib64' : 'lib'}/${name}`] = { type: 'file', source: path, mode: 0o755 }
  }
  return tree
}
