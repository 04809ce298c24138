// A refusal as an exception, for the few ways on which nothing else can answer: nothing was done, or all was undone.
//
// Planners answer with a Refusal (refusal.ts); only who calls several of them in a row throws it.

import type { Refusal } from './refusal.ts'

/** The message is the detail and the remedy of the refusal. Each who throws one has a class of its own. */
export abstract class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`${refusal.detail}; ${refusal.remedy}`)
    this.refusal = refusal
  }
}
