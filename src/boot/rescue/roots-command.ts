// `roots` of the rescue console: the guided choice of a root, by number.
//
// When the root is what the boot failed for, the list is there before the first prompt. A number sets
// what has to be set and tries again.

import { errorLine } from '../../kernel/errors.ts'
import type { RefusalReason } from '../../facts/refusal.ts'
import type { Failure } from './failure.ts'
import { settingText } from './settings.ts'
import type { RescueCommand, RescueOutcome, Session, Settings } from './session.ts'

const ABOUT_ROOT: readonly RefusalReason[] = ['root-not-given', 'root-not-found', 'root-ambiguous', 'root-invalid', 'root-no-filesystem', 'init-missing']

/** Whether another root may be the answer. */
export function isAboutRoot({ refusal, point }: Failure): boolean {
  return refusal !== null && point !== 'usr' && ABOUT_ROOT.includes(refusal.reason)
}

function showRoots(session: Session): void {
  const { roots, remarks } = session.context.findRoots()
  session.roots = roots
  if (roots.length === 0) session.console.print('No file system here looks like a root')
  else {
    const width = String(roots.length).length
    session.console.print('These look like root file systems; a number boots one:', ...roots.map(({ text }, i) => `  ${String(i + 1).padStart(width)}  ${text}`))
  }
  session.console.print(...remarks.map((line) => `  (${line})`))
}

/** The list at the start of the console; what hinders it is told. */
export function offerRoots(session: Session): void {
  try {
    showRoots(session)
  } catch (error) {
    session.console.print(`Cannot look for roots: ${errorLine(error)}, ignoring`)
  }
}

/** A number at the prompt. */
export function chooseRoot(session: Session, number: number): RescueOutcome | undefined {
  const chosen = session.roots[number - 1]
  if (chosen === undefined) {
    session.console.print(`Cannot choose ${number}: ${session.roots.length === 0 ? 'nothing is listed' : `the list ends at ${session.roots.length}`}; 'roots' looks again`)
    return undefined
  }
  const { parameters } = session.context
  const chosenSettings: Settings = {
    // What was meant for another file system must not reach this one.
    ...(parameters.rootFstypes.length > 0 || 'rootfstype' in session.settings ? { rootfstype: 'auto' } : {}),
    ...(parameters.rootFlags !== '' || 'rootflags' in session.settings ? { rootflags: 'defaults' } : {}),
    ...chosen.settings,
  }
  session.console.print(Object.entries(chosenSettings).map(([key, value]) => settingText(key, value)).join(' '))
  const settings = { ...session.settings }
  // Last wins by position on the command line.
  for (const key of Object.keys(chosenSettings)) delete settings[key]
  return { action: 'retry', settings: { ...settings, ...chosenSettings } }
}

export const rootCommands: readonly RescueCommand[] = [
  {
    name: 'roots',
    usage: '',
    summary: 'the file systems that look like roots; then a number boots one',
    run: showRoots,
  },
]
