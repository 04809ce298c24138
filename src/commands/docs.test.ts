// What the documentation points at is there: files of its links, npm scripts, commands of fulcrum and their options.
//
// man-pages.test.ts does the same for the man pages.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { formatCommandHelp } from './help.ts'
import { commandTable } from './table.ts'

const project = join(import.meta.dirname, '../..')
const pages = ['README.md', 'CHANGELOG.md', 'kernel-configs/README.md', ...readdirSync(join(project, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
const textOf = (page: string): string => readFileSync(join(project, page), 'utf8')

/** As web pages make the name of a heading. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'))
}

t.test('links', async (t) => {
  let count = 0
  for (const page of pages) {
    for (const [, link = ''] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      count += 1
      const [path = '', anchor] = link.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      t.ok(existsSync(join(project, file)), `${page}: ${link}`)
      if (anchor !== undefined && file.endsWith('.md')) t.ok(anchorsOf(textOf(file)).includes(anchor), `${page}: ${link}`)
    }
  }
  t.ok(count > 40, `${count} links`)
})

t.test('npm scripts', async (t) => {
  const scripts = readFileSync(join(project, 'package.json'), 'utf8')
  for (const page of pages) {
    for (const [, script = ''] of textOf(page).matchAll(/npm run (?:-s )?([\w:-]+)/g)) t.match(scripts, `"${script}":`, `${page}: npm run ${script}`)
  }
})

t.test('commands and their options', async (t) => {
  let count = 0
  for (const entry of commandTable) {
    const help = formatCommandHelp(await entry.load())
    const calls = new RegExp(`fulcrum ${entry.name}((?: [^\\s\`|;&]+)*)`, 'g')
    for (const page of pages) {
      for (const [call, words = ''] of textOf(page).matchAll(calls)) {
        // Behind a root or '--' comes a command with options of its own: only what is in front is ours.
        const own = /^(?: --?[a-z-]+(?:=\S+)?)*/.exec(words)?.[0] ?? ''
        for (const [option] of own.matchAll(/--[a-z][a-z-]*/g)) {
          count += 1
          t.ok(option === '--help' || help.includes(option), `${page}: ${call}`)
        }
      }
    }
  }
  t.ok(count > 20, `${count} options`)
})
