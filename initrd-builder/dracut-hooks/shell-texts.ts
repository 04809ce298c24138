// The shell files that an image with dracut hooks gets, as texts.
//
// They stand beside this file, where an editor and a shell can read them. In the executable and in the library there
// are no such files: bundle/shell-texts.ts puts the texts themselves in the place of this module.

import { readFileSync } from 'node:fs'

function read(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

/** By file name. */
export const shellTexts = {
  'dracut-lib.sh': read('dracut-lib.sh'),
  'run-hooks.sh': read('run-hooks.sh'),
  'module-setup.sh': read('module-setup.sh'),
}
