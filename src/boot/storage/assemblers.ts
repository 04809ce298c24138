// The assemblers that a boot has: one line for each kind of device that is made of others.
//
// An assembler of which the image has no tool is not made: it costs nothing then.

import type { BootState } from '../boot-state.ts'
import type { ModuleLoader } from '../devices/index.ts'
import type { Assembler } from './assembly.ts'
import { isoScanner } from './iso-scan.ts'
import { createLuks } from './luks.ts'
import { createLvm } from './lvm.ts'
import { createMd } from './md.ts'

export function createAssemblers(state: BootState, loader: ModuleLoader): readonly Assembler[] {
  return [createMd(state, loader), createLvm(state, loader), createLuks(state, loader), isoScanner(state, loader)].filter((assembler) => assembler !== null)
}
