// `--check`: what was measured now against docs/bench.json, section by section, as text and an exit status.
// What was not measured, or has nothing to be compared with, is said: nothing passes unseen. Pure.
// docs/performance.md

import { incomparable, SECTION_NAMES } from './bench-file.ts'
import type { SectionName, Sections } from './bench-file.ts'
import { bootFigures } from './boot-figures.ts'
import { compareFigures } from './figures.ts'
import type { Figure } from './figures.ts'
import { keepFigures } from './keep-results.ts'
import { scaleFigures } from './scale-results.ts'
import { shutdownFigures } from './shutdown-results.ts'

export interface Verdict {
  readonly text: string
  /** 0: nothing got worse; 1: something did; 111: a section that was measured could not be compared. */
  readonly status: 0 | 1 | 111
}

/** Figures of one section; undefined when it was not measured. Those of a build are times by the clock: none. */
function figuresOf(sections: Sections, name: SectionName): Figure[] | undefined {
  switch (name) {
    case 'boot': return sections.boot === undefined ? undefined : bootFigures(sections.boot)
    case 'keep': return sections.keep === undefined ? undefined : keepFigures(sections.keep)
    case 'shutdown': return sections.shutdown === undefined ? undefined : shutdownFigures(sections.shutdown)
    case 'scale': return sections.scale === undefined ? undefined : scaleFigures(sections.scale)
    case 'build': return sections.build === undefined ? undefined : []
  }
}

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function judge(before: Sections, now: Sections, name: SectionName): { readonly lines: string[]; readonly status: 0 | 1 | 111 } | undefined {
  const [old, fresh] = [figuresOf(before, name), figuresOf(now, name)]
  const [was, is] = [before[name], now[name]]
  if (fresh === undefined || is === undefined) return undefined
  if (name === 'build') return { lines: ['build: not compared: its times are by the clock of a machine that does other things too'], status: 0 }
  const anew = '; write it anew with --write-docs'
  if (old === undefined || was === undefined) return { lines: [`${name}: cannot be compared: docs/bench.json has no such section${anew}`], status: 111 }
  const why = incomparable(was, is)
  if (why !== undefined) return { lines: [`${name}: cannot be compared: ${why}${anew}`], status: 111 }
  const { worse, figures, rows, onlyBefore, onlyNow } = compareFigures(old, fresh)
  if (figures === 0) return { lines: [`${name}: cannot be compared: docs/bench.json has nothing of what was measured${anew}`], status: 111 }
  const of = `${many(figures, 'figure')} of ${many(rows, 'row')}`
  return {
    lines: [
      worse.length === 0 ? `${name}: nothing got worse in ${of}` : `${name}: got worse, ${worse.length} of ${of}:`, ...worse.map((line) => `  ${line}`),
      ...(onlyBefore.length === 0 ? [] : [`  not compared, because not measured now: ${onlyBefore.join('; ')}`]),
      ...(onlyNow.length === 0 ? [] : [`  not compared, because not in docs/bench.json: ${onlyNow.join('; ')}`]),
    ],
    status: worse.length === 0 ? 0 : 1,
  }
}

/** Compares every section that was measured. */
export function check(before: Sections, now: Sections): Verdict {
  const verdicts = SECTION_NAMES.flatMap((name) => judge(before, now, name) ?? [])
  const absent = SECTION_NAMES.filter((name) => name !== 'build' && now[name] === undefined)
  const lines = [...verdicts.flatMap((it) => it.lines), ...(absent.length === 0 ? [] : [`not measured, so not compared: ${absent.join(', ')}`])]
  const status = verdicts.some((it) => it.status === 1) ? 1 : verdicts.length === 0 || verdicts.some((it) => it.status === 111) ? 111 : 0
  return { text: `${lines.join('\n')}\n`, status }
}
