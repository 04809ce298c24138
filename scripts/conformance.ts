// `npm run conformance`: runs the scenarios of qemu-tests/conformance against every switch_root, run-init and
// pivot_root at hand, prints what was observed, and writes it into docs/conformance.md.
// A binary of the caller's becomes a column as well; then, or with a selection, nothing is written.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { namedImplementation, pinnedImplementations } from '../qemu-tests/conformance/implementations.ts'
import { complaintsOf } from '../qemu-tests/conformance/outcome.ts'
import { runHere } from '../qemu-tests/conformance/run-here.ts'
import { runScenarios, runsOf } from '../qemu-tests/conformance/run-scenarios.ts'
import type { Answer } from '../qemu-tests/conformance/run-scenarios.ts'
import { scenarios } from '../qemu-tests/conformance/scenarios.ts'
import { differences, tables } from '../qemu-tests/conformance/table.ts'
import { KERNEL_SERIES } from './setup/kernel.ts'
import type { KernelSeries } from './setup/kernel.ts'
import { tellFailure } from './script-arguments.ts'

const USAGE = `usage: npm run conformance -- [OPTION…]

  --kernel SERIES       "here", this machine's and the default, or in a guest ${KERNEL_SERIES.join(', ')}; can be
                        repeated: of those behind the first one is told where they differ
  --only REGEX          scenarios whose id matches
  --tool REGEX          columns whose name matches, such as 'fulcrum|busybox'
  --binary NAME=PATH[:APPLET]
                        one more column: any program, with the libraries of this machine; can be repeated
  --json                everything that was observed, instead of tables

Without --only, --tool, --binary, --kernel and --json docs/conformance.md is written.
Exit status: 1 when fulcrum did not answer as it has to.
`
const MARK = '<!-- From here on written by `npm run conformance`. -->'
const page = join(import.meta.dirname, '../docs/conformance.md')

/** The page's head, which people write, with new tables behind it. */
function pageWith(body: string): string {
  const text = readFileSync(page, 'utf8')
  return `${text.slice(0, text.indexOf(MARK))}${MARK}\n\n${body}`
}

async function answersOn(series: KernelSeries | 'here', runs: ReturnType<typeof runsOf>): Promise<readonly Answer[]> {
  process.stderr.write(`${runs.length} runs on ${series === 'here' ? 'this kernel' : series}\n`)
  if (series === 'here') return await runHere(runs)
  const { answers, results } = await runScenarios(series, runs)
  for (const complaint of results.flatMap(({ complaints }) => complaints)) process.stderr.write(`${series}: ${complaint}\n`)
  return answers
}

function asJson(series: string, answers: readonly Answer[]): string {
  const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value)
  return JSON.stringify({
    kernel: series,
    answers: answers.map(({ scenario, tool, implementation, observation }) => ({ scenario: scenario.id, tool, implementation: implementation.name, observation })),
  }, plain, 1)
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: {
    kernel: { type: 'string', multiple: true }, only: { type: 'string' }, tool: { type: 'string' }, binary: { type: 'string', multiple: true },
    json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
  } })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return 0
  }
  const isWhole = values.only === undefined && values.tool === undefined && values.binary === undefined && values.kernel === undefined && values.json !== true
  const wanted = values.kernel ?? ['here']
  const series = wanted.map((word) => word === 'here' ? word : KERNEL_SERIES.find((known) => known === word))
  if (series.includes(undefined)) throw new Error(`Cannot run on '${wanted.join(' ')}': the kernels are ${KERNEL_SERIES.join(', ')}, here`)
  const implementations = [...(values.binary ?? []).map(namedImplementation), ...pinnedImplementations().filter(({ name }) => new RegExp(values.tool ?? '').test(name))]
  const runs = runsOf(scenarios.filter(({ id }) => new RegExp(values.only ?? '').test(id)), implementations)
  const all: { readonly series: KernelSeries | 'here'; readonly answers: readonly Answer[] }[] = []
  for (const one of series) if (one !== undefined) all.push({ series: one, answers: await answersOn(one, runs) })
  const [first, ...others] = all
  if (first === undefined) return 0
  if (values.json === true) for (const { series: name, answers } of all) process.stdout.write(`${asJson(name, answers)}\n`)
  else {
    const parts = [tables(first.answers)]
    for (const { series: name, answers } of others) {
      const lines = differences(first.answers, answers)
      parts.push(`## Where ${name} differs from ${first.series}\n\n${lines.length === 0 ? 'Nowhere.' : lines.join('\n')}\n`)
    }
    const body = parts.join('\n')
    process.stdout.write(body)
    if (isWhole) writeFileSync(page, pageWith(body))
  }
  const complaints = all.flatMap(({ series: name, answers }) => answers.filter(({ implementation }) => implementation.key === 'fulcrum')
    .flatMap(({ scenario, tool, observation }) => complaintsOf(scenario, tool, observation).map((complaint) => `${name}: ${tool}, ${scenario.id}: ${complaint}`)))
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
  return complaints.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = tellFailure('conformance', error)
}
