// Puts the programs and links of the chosen features into the image and collects their modules.
//
// Apart from the table of features, so that the table stays data which a person can read as a whole.

import { BuilderError } from './builder-error.ts'
import { features, findFeature, type Feature } from './features.ts'
import type { ImageTree } from './image/image-tree.ts'
import type { Collector } from './io/collector.ts'
import type { Sysroot } from './io/sysroot.ts'
import type { WantedModule } from './modules/select-modules.ts'

/** The modules that the features want. */
export interface FeatureModules {
  readonly wanted: readonly WantedModule[]
  /** To be loaded at start, in order. */
  readonly load: readonly string[]
}

/** Adds the features by name. Throws BuilderError for an unknown one, or one the sysroot cannot serve. */
export function addFeatures(names: readonly string[], tree: ImageTree, collector: Collector, sysroot: Sysroot): FeatureModules {
  const chosen = withNeeds(names)
  for (const feature of chosen) addPrograms(feature, tree, collector, sysroot)
  return {
    wanted: chosen.flatMap(({ name, modules = [], drivers = [] }) => {
      const reason = `feature '${name}'`
      return [...modules.map(module => ({ name: module, reason })), ...drivers.map(module => ({ name: module, reason, isDriver: true }))]
    }),
    load: chosen.flatMap(({ load }) => load ?? []),
  }
}

/** The features by name, each behind those that it needs, once. */
function withNeeds(names: readonly string[], chosen: Feature[] = []): Feature[] {
  for (const name of names) {
    const feature = findFeature(name)
    if (feature === undefined) {
      const known = features.map(({ name }) => name).join("', '")
      throw new BuilderError('usage', `Cannot add feature '${name}': there is none of that name, there are '${known}'`)
    }
    if (chosen.includes(feature)) continue
    withNeeds(feature.needs ?? [], chosen)
    chosen.push(feature)
  }
  return chosen
}

function addPrograms(feature: Feature, tree: ImageTree, collector: Collector, sysroot: Sysroot): void {
  const reason = `feature '${feature.name}'`
  const lacking = (what: string): BuilderError => {
    const packages = feature.packages === undefined ? '' : ` (Debian packages '${feature.packages.join("', '")}')`
    const detail = `the sysroot '${sysroot.directory}' has no ${what}${packages}`
    return new BuilderError('system', `Cannot add feature '${feature.name}': ${detail}`)
  }
  for (const program of feature.programs ?? []) {
    if (!collector.addProgram(program, { reason })) throw lacking(`'${program}'`)
  }
  if (feature.anyPrograms !== undefined) {
    const found = feature.anyPrograms.filter(program => collector.addProgram(program, { reason }))
    if (found.length === 0) throw lacking(`'${feature.anyPrograms.join("', '")}'`)
  }
  for (const program of feature.optionalPrograms ?? []) collector.addProgram(program, { reason })
  for (const file of feature.optionalFiles ?? []) collector.add(file, { reason })
  for (const link of feature.links ?? []) {
    if (feature.linkTo !== undefined && !tree.has(`/bin/${link}`)) {
      tree.add(`/bin/${link}`, { type: 'symlink', target: feature.linkTo }, reason)
    }
  }
}
