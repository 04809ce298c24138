// What the two halves of the executable agree on: the names of the command line's assets, and how its text is wrapped.
// The wrapper is part of what V8's code cache is made of, and of the asset, so that no start puts it around a megabyte.
// The parameters are those of a CommonJS module as far as a bundle uses them.

export const CLI_ASSET = 'fulcrum-commands.cjs'
export const CLI_CACHE_ASSET = 'fulcrum-commands.cache'

/** Flags of the process that makes a code cache: what V8 writes depends on the seed of its hash tables. */
export const GENERATOR_FLAGS = ['--random-seed=1']

/** An expression: a function of exports, require and module. */
export function wrapCli(text: string): string {
  return `(function (exports, require, module) {${text}\n})`
}
