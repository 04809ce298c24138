// The plugin that puts shell files into a bundle: initrd-builder/dracut-hooks/shell-texts.ts reads them from source,
// and is replaced here by the texts themselves.

import fs from 'node:fs'
import path from 'node:path'
import type { Plugin } from 'esbuild'

/** Replaces the module that reads the files beside it. */
export const shellTextsInside: Plugin = {
  name: 'shell-texts-inside',
  setup(plugin) {
    plugin.onLoad({ filter: /[/\\]dracut-hooks[/\\]shell-texts\.ts$/ }, ({ path: file }) => {
      const directory = path.dirname(file)
      const names = fs.readdirSync(directory).filter((name) => name.endsWith('.sh')).sort()
      const texts = Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]))
      return { contents: `export const shellTexts = ${JSON.stringify(texts)}`, loader: 'js' }
    })
  },
}
