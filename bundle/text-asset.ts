// Makes the asset with what `fulcrum install` puts beside the program: the man pages and the shells' completions.
// Compressed, because an image has it too and nothing there reads it. Names are sorted and gzip has no time in it:
// the same sources give the same bytes.

import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { commandTable } from '../src/commands/table.ts'
import { describeOptions } from './completions/options.ts'
import { bashCompletions, fishCompletions, zshCompletions } from './completions/shells.ts'
import { projectRoot } from './project.ts'

const MAN = path.join(projectRoot, 'docs/man')

/** Hooks of programs that make an initramfs: each a folder of initrd-builder whose files keep their paths. */
const GENERATORS = ['dracut', 'initramfs-tools', 'mkinitcpio']

function filesBelow(folder: string): [string, string][] {
  const names = fs.readdirSync(path.join(projectRoot, 'initrd-builder', folder), { recursive: true, withFileTypes: true })
  return names.filter((entry) => entry.isFile() && !entry.name.endsWith('.ts')).map((entry): [string, string] => {
    const file = path.join(entry.parentPath, entry.name)
    return [path.relative(path.join(projectRoot, 'initrd-builder'), file), fs.readFileSync(file, 'utf8')]
  }).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Man pages as 'man/NAME.SECTION', completions as 'completions/fulcrum.SHELL', hooks as 'initramfs-tools/hooks/fulcrum'. */
export async function installedTexts(): Promise<Map<string, string>> {
  const commands = (await Promise.all(commandTable.map((entry) => entry.load()))).map(describeOptions)
  const pages = fs.readdirSync(MAN).filter((name) => /\.\d$/.test(name)).sort()
  return new Map([
    ['completions/fulcrum.bash', bashCompletions(commands)],
    ['completions/fulcrum.fish', fishCompletions(commands)],
    ['completions/fulcrum.zsh', zshCompletions(commands)],
    ...GENERATORS.flatMap(filesBelow),
    ...pages.map((name): [string, string] => [`man/${name}`, fs.readFileSync(path.join(MAN, name), 'utf8')]),
  ])
}

/** The bytes of the asset. */
export async function textAsset(): Promise<Buffer> {
  return gzipSync(JSON.stringify(Object.fromEntries(await installedTexts())), { level: 9 })
}
