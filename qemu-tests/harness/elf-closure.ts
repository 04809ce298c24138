// The files that programs of the host need to be loaded, as entries of a tree: for an initramfs made by hand.
// By ldd, on purpose not by our own reader. Man page: ldd(1).
import { runTool } from '../../scripts/setup/run-tool.ts'
import type { Tree, TreeEntry } from './tree.ts'

/** Libraries and loader of `programs`, at the paths where the loader looks for them. */
export function elfClosure(programs: readonly string[]): Tree {
  const tree: Record<string, TreeEntry> = {}
  for (const program of programs) {
    // 'libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)', '/lib64/ld-linux-x86-64.so.2 (0x…)'
    for (const match of runTool('ldd', [program]).matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)) {
      const [, source = ''] = match
      tree[source.slice(1)] = { type: 'file', source, mode: 0o755 }
    }
  }
  return tree
}
