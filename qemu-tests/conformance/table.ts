// The answers as Markdown, for docs/conformance.md and the terminal: a chapter for each tool, a table for each group
// of scenarios, a column for each implementation (those that answer alike in all rows share one), and what they say.
// Pure: the same answers are the same bytes.
import { tools } from './implementations.ts'
import type { Implementation, Tool } from './implementations.ts'
import { cellText, messageOf, rowsOf } from './outcome.ts'
import type { Answer } from './run-scenarios.ts'
import type { Look, Scenario } from './scenario.ts'

interface Column {
  readonly name: string
  readonly implementations: readonly Implementation[]
}

interface Row {
  readonly group: string
  readonly title: string
  readonly scenario: Scenario
  readonly look: Look | null
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

function find(answers: readonly Answer[], tool: Tool, scenario: Scenario, implementation: Implementation): Answer | undefined {
  return answers.find((answer) => answer.tool === tool && answer.scenario.id === scenario.id && answer.implementation.key === implementation.key)
}

function cell(answer: Answer | undefined, look: Look | null): string {
  if (answer === undefined) return '–'
  return cellText(answer.scenario, answer.tool, answer.observation, look, answer.implementation.inBackground === true)
}

function rowsFor(answers: readonly Answer[], tool: Tool): Row[] {
  const scenarios = [...new Map(answers.filter((answer) => answer.tool === tool).map(({ scenario }) => [scenario.id, scenario])).values()]
  return scenarios.flatMap((scenario) => rowsOf(scenario).map((look, _, all) => ({
    group: scenario.group, scenario, look, title: all.length === 1 ? scenario.title : `${scenario.title}: ${look ?? ''}`,
  })))
}

/** Implementations that give the same cells in every row are one column: releases of the same program, mostly. */
function columnsFor(answers: readonly Answer[], tool: Tool, rows: readonly Row[]): Column[] {
  const implementations = [...new Map(answers.filter((answer) => answer.tool === tool).map(({ implementation }) => [implementation.key, implementation])).values()]
  const columns: { name: string; implementations: Implementation[]; cells: string }[] = []
  for (const implementation of implementations) {
    const cells = rows.map(({ scenario, look }) => cell(find(answers, tool, scenario, implementation), look)).join('\n')
    const same = columns.find((column) => column.cells === cells && column.name.split(' ')[0] === implementation.name.split(' ')[0])
    if (same === undefined) columns.push({ name: implementation.name, implementations: [implementation], cells })
    else {
      same.implementations.push(implementation)
      same.name += `, ${implementation.name.replace(/^\S+ /, '')}`
    }
  }
  return columns
}

function tableOf(answers: readonly Answer[], tool: Tool, rows: readonly Row[], columns: readonly Column[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const body = rows.map(({ title, scenario, look }) => line([escaped(title), ...columns.map(({ implementations: [first] }) => first === undefined ? '' : escaped(cell(find(answers, tool, scenario, first), look)))]))
  return [line(['', ...columns.map(({ name }) => name)]), line(['---', ...columns.map(() => '---')]), ...body].join('\n')
}

/** First lines of what was said, where anything was. */
function sayings(answers: readonly Answer[], tool: Tool, scenarios: readonly Scenario[], columns: readonly Column[]): string {
  return scenarios.flatMap((scenario) => {
    const said = columns.flatMap(({ name, implementations: [first] }) => {
      const seen = first === undefined ? null : find(answers, tool, scenario, first)?.observation ?? null
      const text = seen === null ? '' : messageOf(seen)
      return text === '' ? [] : [`  - ${name}: \`${text.replaceAll('`', '\'')}\``]
    })
    return said.length === 0 ? [] : [`- ${scenario.group}: ${scenario.title}`, ...said]
  }).join('\n')
}

function chapter(answers: readonly Answer[], tool: Tool): string {
  const rows = rowsFor(answers, tool)
  const columns = columnsFor(answers, tool, rows)
  const groups = [...new Set(rows.map(({ group }) => group))]
  const tables = groups.map((group) => {
    const own = rows.filter((row) => row.group === group)
    return `### ${tool}: ${group === tool ? 'calls' : group.charAt(0).toLowerCase() + group.slice(1)}\n\n${tableOf(answers, tool, own, columns)}\n`
  })
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))]
  return [`## ${tool}\n`, ...tables, `### ${tool}: what they say\n`, `${sayings(answers, tool, scenarios, columns)}\n`].join('\n')
}

/** Every chapter that has an answer. */
export function tables(answers: readonly Answer[]): string {
  return tools.filter((tool) => answers.some((answer) => answer.tool === tool)).map((tool) => chapter(answers, tool)).join('\n')
}

/** Cells that are not the same in `other`, answers of another kernel, as lines. */
export function differences(answers: readonly Answer[], other: readonly Answer[]): string[] {
  return answers.flatMap((answer) => {
    const there = find(other, answer.tool, answer.scenario, answer.implementation)
    if (there === undefined) return []
    return rowsOf(answer.scenario).flatMap((look) => cell(answer, look) === cell(there, look) ? []
      : [`- ${answer.tool}, ${answer.implementation.name}, ${answer.scenario.title}: ${cell(there, look)}`])
  })
}

/** For a comparison that is to stand a new release of another implementation: title and last column of each row. */
export function onlyFulcrum(markdown: string): string[] {
  return markdown.split('\n').flatMap((line) => {
    if (line.startsWith('  - fulcrum:') || line.startsWith('#')) return [line]
    const cells = line.startsWith('| ') ? line.split(' | ') : []
    return cells.length < 2 ? [] : [`${cells[0] ?? ''} | ${cells.at(-1) ?? ''}`]
  })
}
