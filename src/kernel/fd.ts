// An open file descriptor as a type of its own.
//
// A number that is none, AT_FDCWD for instance, cannot be taken for one.  open(2)

declare const brand: unique symbol
/** An open file descriptor. */
export type Fd = number & { readonly [brand]: 'Fd' }

/** True for a number that can be a descriptor. */
export function isFd(value: number): value is Fd {
  return Number.isInteger(value) && value >= 0
}

/** Brands a descriptor number, for instance 0 to 2. Throws RangeError for anything else. */
export function toFd(value: number): Fd {
  if (!isFd(value)) throw new RangeError(`Cannot use '${value}' as a descriptor`)
  return value
}
