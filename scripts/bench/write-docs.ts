// `npm run bench -- --write-docs`: the results as they are shown in docs/: bench.json, the pictures, and the table
// between two comments in performance.md. Text that a person wrote is left as it is.
// A row that was not measured this time keeps what docs/bench.json has, if that is of the same kernel and QEMU.

import fs from 'node:fs'
import path from 'node:path'
import { projectRoot } from '../../bundle/project.ts'
import { bootMarkdown } from './boot-tables.ts'
import { frontierChart, phasesChart, spansChart } from './charts.ts'
import { incomparable } from './compare-results.ts'
import { isMeasured, parseResults, resultsText } from './results.ts'
import type { Results } from './results.ts'

const BEGIN = '<!-- npm run bench -- --write-docs: begin -->'
const END = '<!-- npm run bench -- --write-docs: end -->'

/** `page` with `text` between the two comments. Throws if they are not there. */
export function between(page: string, text: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`Cannot write the table: the page has no '${BEGIN}' before '${END}'`)
  return `${page.slice(0, from + BEGIN.length)}\n\n${text.trim()}\n\n${page.slice(to)}`
}

/** What was measured now, and what only the older results have. */
export function joined(before: Results | undefined, now: Results): Results {
  if (before === undefined || incomparable(before, now) !== undefined) return now
  const names = new Set(now.rows.map(({ name }) => name))
  return { ...now, rows: [...now.rows, ...before.rows.filter(({ name }) => !names.has(name))] }
}

export function writeDocs(now: Results): void {
  const docs = path.join(projectRoot, 'docs')
  const file = path.join(docs, 'bench.json')
  const results = joined(fs.existsSync(file) ? parseResults(fs.readFileSync(file, 'utf8')) : undefined, now)
  fs.writeFileSync(file, resultsText(results))
  fs.writeFileSync(path.join(docs, 'bench-phases.svg'), phasesChart(results))
  fs.writeFileSync(path.join(docs, 'bench-frontier.svg'), frontierChart(results))
  const default_ = results.rows.filter(isMeasured).find(({ name }) => name === 'fulcrum')
  if (default_?.spans !== undefined) fs.writeFileSync(path.join(docs, 'bench-spans.svg'), spansChart('fulcrum', default_.spans))
  const page = path.join(docs, 'performance.md')
  fs.writeFileSync(page, between(fs.readFileSync(page, 'utf8'), bootMarkdown(results)))
}
