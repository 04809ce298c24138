// Lends the boot's knowledge to the rescue console, and takes its answer.
//
// The console itself (src/boot/rescue) knows no devices and no modules: it is handed functions, so that
// it works in tests and whatever state the boot is in. Settings that were typed become words behind
// those of the kernel command line.

import { describeMounts } from '../commands/mounts.ts'
import { describeProcesses } from '../commands/ps.ts'
import { withSettings } from '../facts/cmdline.ts'
import { errorLine } from '../kernel/errors.ts'
import { tellHooks } from './dracut/hook-points.ts'
import type { BootState } from './boot-state.ts'
import { handOver } from './hand-over.ts'
import { loadKeymap } from './keymap.ts'
import { readParameters } from './parameters.ts'
import type { Failure } from './rescue/failure.ts'
import { rescue } from './rescue/rescue.ts'
import type { RescueContext, RescueOutcome } from './rescue/session.ts'
import { readRulesFile } from '../processes/judge.ts'
import { findRootCandidates } from './root-candidates.ts'
import { createDevices } from './root-search.ts'

function traceLines(state: BootState): string[] {
  return state.trace.events.map((event) => {
    const at = (event.us / 1000).toFixed(1).padStart(9)
    const took = (event.tookUs / 1000).toFixed(1).padStart(8)
    return `${at} ms ${took} ms  ${event.phase}: ${event.what}${event.error === undefined ? '' : `  FAILED: ${event.error}`}`
  })
}

function contextOf(state: BootState): RescueContext {
  const devices = (state.devices ??= createDevices(state))
  devices.loadForPerson()
  loadKeymap(state.kernel, state.log)
  return {
    commandLine: state.line,
    parameters: state.parameters,
    describeMounts: () => describeMounts(state.kernel),
    describeProcesses: () => {
      const { processRules: rules, keep } = state.parameters
      return describeProcesses(state.kernel, { rules, file: readRulesFile(state.kernel).file, keep: keep ?? state.image.keep ?? 'full', default: null })
    },
    describeDevices: () => devices.describe(),
    describeTrace: () => traceLines(state),
    loadModule: (name) => devices.loadModule(name),
    loadFilesystem: (type) => devices.loadFilesystem(type),
    findDevice: (spec) => devices.findDevice(spec),
    findRoots: () => findRootCandidates(state.kernel, (type) => devices.loadFilesystem(type)),
    exec: (path, argv) => handOver(state.kernel, { op: 'exec', path, argv, env: { HOME: '/', TERM: 'linux', PATH: '/bin' }, kind: 'plain' }, state.start),
  }
}

/** Opens the console; returns whether the boot shall go on (from a stop) or be tried again, its settings applied. */
export function rescueFrom(state: BootState, failure: Failure): RescueOutcome['action'] {
  state.trace.note('rescue', failure.point, failure.error === null ? {} : { error: errorLine(failure.error) })
  const { action, settings } = rescue(state.kernel, failure, contextOf(state))
  state.line = withSettings(state.line, settings)
  const { values, problems } = readParameters(state.line)
  state.parameters = values
  state.log.setLevel(values.logLevel)
  if (action === 'continue') tellHooks(state, settings)
  for (const problem of problems) state.log.warn(problem.detail)
  return action
}
