// What the executable's start and its builder agree on: the names of the program's assets, and how its text is wrapped.
// The program is an asset and not the main of the executable because Node makes the code cache of a main before it has
// run, with none of its functions in it; ours is made in the middle of a rehearsed boot (rehearse.ts). docs/binary.md

/** Also the name in stack traces. */
export const PROGRAM_ASSET = 'fulcrum.cjs'
export const PROGRAM_CACHE_ASSET = 'fulcrum.cache'

/** An expression: a function of exports, require, module and process, as the asset has it. */
export function wrapProgram(text: string): string {
  return `(function (exports, require, module, process) {${text}\n})`
}
