// `--write-docs`: what was measured as it is shown in docs/: bench.json, the pictures, and the tables between two comments
// each in the pages. Text that a person wrote is left as it is; so is what was not measured this time.
// A row that was not measured keeps what docs/bench.json has, if that is of the same kernel and machine.

import fs from 'node:fs'
import path from 'node:path'
import { projectRoot } from '../../bundle/project.ts'
import { joined, benchFileText, parseBenchFile } from './bench-file.ts'
import type { SectionName, Sections } from './bench-file.ts'
import { bootMarkdown } from './boot-tables.ts'
import { buildMarkdown } from './build-results.ts'
import { frontierChart, phasesChart, spansChart } from './charts.ts'
import { keepMarkdown } from './keep-results.ts'
import { isMeasured } from './results.ts'
import { scaleMarkdown } from './scale-results.ts'
import { shutdownMarkdown } from './shutdown-results.ts'

const DOCS = path.join(projectRoot, 'docs')
const FILE = path.join(DOCS, 'bench.json')

/** What docs/bench.json has; nothing without that file. */
export function committed(): Sections {
  return fs.existsSync(FILE) ? parseBenchFile(fs.readFileSync(FILE, 'utf8')) : {}
}

/** `page` with `text` between the two comments of that section. Throws if they are not there. */
export function between(page: string, section: SectionName, text: string): string {
  const [begin, end] = ['begin', 'end'].map((word) => `<!-- npm run bench -- --write-docs: ${section} ${word} -->`)
  const [from, to] = [page.indexOf(begin ?? ''), page.indexOf(end ?? '')]
  if (begin === undefined || from < 0 || to < from) throw new Error(`Cannot write the table: the page has no '${begin ?? ''}' before '${end ?? ''}'`)
  return `${page.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${page.slice(to)}`
}

/** The tables of what was measured: page, section, text. */
export function pagesOf(all: Sections): readonly (readonly [page: string, section: SectionName, text: string])[] {
  return [
    ...(all.boot === undefined ? [] : [['performance.md', 'boot', bootMarkdown(all.boot)] as const]),
    ...(all.shutdown === undefined ? [] : [['performance.md', 'shutdown', shutdownMarkdown(all.shutdown)] as const]),
    ...(all.keep === undefined ? [] : [['performance.md', 'keep', keepMarkdown(all.keep)] as const]),
    ...(all.scale === undefined ? [] : [['performance-scale.md', 'scale', scaleMarkdown(all.scale)] as const]),
    ...(all.build === undefined ? [] : [['performance-scale.md', 'build', buildMarkdown(all.build)] as const]),
  ]
}

export function writeDocs(now: Sections): void {
  const all = joined(committed(), now)
  fs.writeFileSync(FILE, benchFileText(all))
  for (const [name, section, text] of pagesOf(all)) {
    const page = path.join(DOCS, name)
    fs.writeFileSync(page, between(fs.readFileSync(page, 'utf8'), section, text))
  }
  if (all.boot === undefined) return
  fs.writeFileSync(path.join(DOCS, 'bench-phases.svg'), phasesChart(all.boot))
  fs.writeFileSync(path.join(DOCS, 'bench-frontier.svg'), frontierChart(all.boot))
  const default_ = all.boot.rows.filter(isMeasured).find(({ name }) => name === 'fulcrum')
  if (default_?.spans !== undefined) fs.writeFileSync(path.join(DOCS, 'bench-spans.svg'), spansChart('fulcrum', default_.spans))
}
