// The boot as a picture of text: one row per stage, with a bar where it lies in time.
// Pure. Stages come from the boot's record, from the kernel's log and from systemd; one that is not known has no row.

import type { BootEvent, Evidence } from './evidence.ts'

export interface Stage {
  readonly label: string
  readonly fromUs: number
  readonly toUs: number
}

/** The events of some phases, from the start of the first to the end of the last. */
function span(label: string, events: readonly BootEvent[], phases: readonly string[]): Stage[] {
  const found = events.filter((event) => phases.includes(event.phase))
  if (found.length === 0) return []
  return [{ label, fromUs: Math.min(...found.map((event) => event.us)), toUs: Math.max(...found.map((event) => event.us + event.tookUs)) }]
}

function between(label: string, fromUs: number | null, toUs: number | null): Stage[] {
  return fromUs === null || toUs === null || toUs < fromUs ? [] : [{ label, fromUs, toUs }]
}

/** The stages in order of their beginning. */
export function stages(evidence: Evidence): Stage[] {
  const { boot, runInitUs, systemdUs, gettyUs, finishUs } = evidence
  if (boot === null) return []
  const { events, engine } = boot
  const hooks = events.filter((event) => event.phase === 'hooks' && Array.isArray(event.data.get('hooks')) && event.data.get('hooks')?.toString() !== '')
  return [
    ...between('kernel', 0, runInitUs ?? boot.initUs),
    ...between('  unpacks the initramfs', evidence.unpackUs, evidence.unpackedUs),
    ...between('/init is loaded', runInitUs, boot.initUs),
    ...between('  Node.js starts', boot.initUs, events[0]?.us ?? null),
    ...span('  /proc, /sys, /dev, /run', events, ['api-mounts']),
    ...span('  modules of the image', events, ['modules']),
    ...span('  hooks', hooks, ['hooks']),
    ...span('  root found', events, ['root-device']),
    ...span('  root checked', events, ['fsck']),
    ...span('  root mounted', events, ['mount']),
    ...span(`  switch (${engine})`, events, [engine]),
    ...between('exec to systemd\'s start', boot.handOverUs, systemdUs),
    ...between('systemd', systemdUs, finishUs),
    ...between('  to the login prompt', systemdUs, gettyUs),
  ]
}

function seconds(us: number): string {
  return (us / 1e6).toFixed(3)
}

/** One row per stage: label, begin, duration, bar. `columns` is the width of the whole. */
export function drawTimeline(rows: readonly Stage[], columns: number, unicode: boolean): string[] {
  if (rows.length === 0) return []
  const endUs = Math.max(...rows.map((row) => row.toUs))
  const label = Math.max(...rows.map((row) => row.label.length))
  const number = seconds(endUs).length
  const width = Math.max(10, columns - label - 2 * number - 8)
  const [full, empty] = unicode ? ['█', '·'] : ['#', '.']
  const column = (us: number): number => Math.min(width - 1, Math.floor((us / endUs) * width))
  const head = `${''.padEnd(label)}  ${'at s'.padStart(number)}  ${'for s'.padStart(number)}`
  const lines = rows.map((row) => {
    const from = column(row.fromUs)
    const to = Math.max(from + 1, Math.ceil((row.toUs / endUs) * width))
    const bar = `${empty.repeat(from)}${full.repeat(to - from)}${empty.repeat(Math.max(0, width - to))}`
    return `${row.label.padEnd(label)}  ${seconds(row.fromUs).padStart(number)}  ${seconds(row.toUs - row.fromUs).padStart(number)}  ${bar}`
  })
  return [head, ...lines]
}
