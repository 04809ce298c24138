// Every conformance scenario, in the order of the table.
// A new one is a line in the file of its group; docs/conformance.md is written again by `npm run conformance`.
// See scenario.ts for what a scenario is, and docs/conformance.md for the outcome.
import type { Scenario } from './scenario.ts'
import { argumentScenarios } from './scenarios-arguments.ts'
import { handOverScenarios } from './scenarios-hand-over.ts'
import { initScenarios } from './scenarios-init.ts'
import { pivotScenarios } from './scenarios-pivot.ts'
import { rootScenarios } from './scenarios-roots.ts'

export const scenarios: readonly Scenario[] = [...argumentScenarios, ...handOverScenarios, ...rootScenarios, ...initScenarios, ...pivotScenarios]
