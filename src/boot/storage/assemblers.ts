// The assemblers that a boot has: one line for each kind of device that is made of others.
//
// An assembler of which the image has no tool answers no tasks.

import type { BootState } from '../boot-state.ts'
import type { ModuleLoader } from '../devices/index.ts'
import type { Assembler } from './assembly.ts'

export function createAssemblers(_state: BootState, _loader: ModuleLoader): readonly Assembler[] {
  return []
}
