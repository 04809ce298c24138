// What became of one run, in the words of the table; and what fulcrum is not allowed to do. Pure.
// A cell says what the reader of the table needs; complaintsOf() is stricter than any cell.
// See scenario.ts for what a scenario is, and docs/conformance.md for the outcome.
import type { Tool } from './implementations.ts'
import { deletionText, lookText } from './looks.ts'
import type { Given } from './looks.ts'
import type { Observation } from './observation.ts'
import { ENVIRONMENT, expectationOf, isRunAsPid1, looks } from './scenario.ts'
import type { Expectation, Look, Scenario } from './scenario.ts'

/** Behind the options: NEWROOT INIT ARGUMENTS. */
function wantedArgv(scenario: Scenario): string[] {
  const args = scenario.args ?? ['/newroot', '/sbin/init']
  let first = 0
  while (first < args.length && args[first]?.startsWith('-') === true && args[first] !== '--') first += /^-[cd]$/.test(args[first] ?? '') ? 2 : 1
  if (args[first] === '--') first += 1
  return args.slice(first + 1)
}

function wantedUmask(scenario: Scenario): string {
  const at = scenario.stage?.indexOf('--umask') ?? -1
  return at < 0 ? '0022' : (scenario.stage?.[at + 1] ?? '').padStart(4, '0')
}

const given = (scenario: Scenario): Given => ({
  argv: wantedArgv(scenario), environment: scenario.stage?.includes('--no-env') === true ? [] : ENVIRONMENT, umask: wantedUmask(scenario),
})

/** Mounts that are no longer where they were, and what is gone of the old root, after a tool that failed. */
function damage(seen: Observation, inBackground = false): string[] {
  const moved = seen.mountsBefore.filter(({ id, mountPoint }) => !seen.mountsAfter.some((m) => m.id === id && m.mountPoint === mountPoint))
  const where = moved.filter(({ id, mountPoint }) => !seen.mountsAfter.some((m) => m.id === id && m.mountPoint === '/') && !moved.some((m) => mountPoint.startsWith(`${m.mountPoint}/`))).map(({ mountPoint }) => mountPoint).sort()
  const isSwitched = moved.some(({ id }) => seen.mountsAfter.some((m) => m.id === id && m.mountPoint === '/'))
  const parts: string[] = isSwitched ? ['root switched'] : []
  if (where.length > 0) parts.push(`mounts gone: ${where.join(' ')}`)
  // A child of a PID 1 that ends is ended with it, sooner or later.
  if (!seen.oldTree.includes('/marker/other') && !inBackground) parts.push('initramfs deleted')
  return parts
}

/** Without the banner of busybox. */
const firstLine = (text: string): string => text.split('\n').map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('BusyBox v')) ?? ''

/** What it said: the first line of standard error, or of standard output. */
export function messageOf(seen: Observation): string {
  const from = seen.err.trim() === '' ? seen.out : seen.err
  return firstLine(from.replaceAll('\r', '')).replace(/(?<=from fulcrum )\S+/, 'VERSION')
}

function endText(scenario: Scenario, tool: Tool, seen: Observation): string {
  switch (seen.end) {
    case 'init': return seen.isChild ? 'init runs, not as PID 1' : 'init runs'
    case 'exit': return isRunAsPid1(scenario) ? `**panic** (status ${seen.status})` : `status ${seen.status}`
    case 'signal': return isRunAsPid1(scenario) ? `**panic** (signal ${seen.status})` : `signal ${seen.status}`
    case 'waits': return /Cannot boot|fulcrum>/.test(seen.console) ? 'rescue console' : 'waits'
    case 'limit': return `busy (${tool})`
  }
}

/** The lines of a row: one for what happened, or one for each look of the scenario where it has several. */
export function rowsOf(scenario: Scenario): readonly (Look | null)[] {
  return scenario.look === undefined || scenario.look.length === 1 ? [scenario.look?.[0] ?? null] : scenario.look
}

/** A cell of the table. */
export function cellText(scenario: Scenario, tool: Tool, seen: Observation | null, look: Look | null, inBackground = false): string {
  if (seen === null) return 'not run'
  const end = endText(scenario, tool, seen)
  const isPivot = tool === 'pivot_root' && seen.status === 0
  if (seen.end !== 'init' && !isPivot) return [end, ...damage(seen, inBackground)].join('; ')
  if (look === null || seen.process === null) return end
  const text = isPivot ? pivotLook(look, seen) : lookText(look, seen, seen.process, given(scenario))
  return seen.isChild || seen.end !== 'init' ? `${end}; ${text}` : text
}

function pivotLook(look: Look, seen: Observation): string {
  if (look === 'cwd') return `PID 1 is in ${seen.process?.cwd ?? '?'}`
  const before = seen.mountsBefore.find(({ mountPoint }) => mountPoint === '/')
  const old = seen.process?.mounts.find(({ id }) => id === before?.id)
  return `old root at ${old?.mountPoint ?? '?'}`
}

/** What a hand-over by fulcrum has to look like; a scenario may say that some of it differs. */
const PLAIN: Readonly<Partial<Record<Look, string>>> = {
  argv: 'as given', umask: 'as given', cwd: '/', deletion: 'before init', mounts: 'all carried',
}

function initComplaints(scenario: Scenario, expected: Expectation, seen: Observation): string[] {
  const { process } = seen
  if (process === null) return ['nothing is known of init']
  const complaints: string[] = []
  const wanted = { ...PLAIN, ...expected.differs }
  for (const look of looks) {
    const one = wanted[look]
    if (one === undefined) continue
    const text = lookText(look, seen, process, given(scenario))
    if (text !== one) complaints.push(`${look}: '${text}', and not '${one}'`)
  }
  if (seen.isChild) complaints.push('init is not PID 1')
  if (!seen.keepTree.includes('/seen')) complaints.push('a file on another mount was deleted')
  return complaints
}

/** Why an answer of fulcrum is not what the scenario expects; empty when it is. */
export function complaintsOf(scenario: Scenario, tool: Tool, seen: Observation | null): string[] {
  if (seen === null) return ['it was not run']
  const expected = expectationOf(scenario, tool)
  const complaints: string[] = []
  const wantedEnd = expected.end === 'init' ? 'init' : expected.end === 'exit' || !isRunAsPid1(scenario) ? 'exit' : 'waits'
  if (seen.end !== wantedEnd) complaints.push(`it ended by '${seen.end}' (status ${seen.status}), and not by '${wantedEnd}'`)
  if (seen.end === 'exit' && seen.status !== (expected.status ?? 1)) complaints.push(`status ${seen.status}, and not ${expected.status ?? 1}`)
  const said = seen.err.trim() === '' ? seen.out : seen.err
  if (expected.says !== undefined && !expected.says.test(said)) complaints.push(`it said '${said.trim()}', and nothing like ${String(expected.says)}`)
  if (expected.says === undefined && seen.err !== '') complaints.push(`it said '${seen.err.trim()}'`)
  if (seen.end === 'init' && expected.end === 'init') complaints.push(...initComplaints(scenario, expected, seen))
  if (expected.end !== 'init' && !(tool === 'pivot_root' && expected.status === 0)) {
    complaints.push(...damage(seen))
    if (!deletionText(seen).startsWith('nothing deleted')) complaints.push(deletionText(seen))
  }
  return complaints
}
