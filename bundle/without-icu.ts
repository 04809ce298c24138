// Runs before anything else in the executable: takes away what would need the ICU data that remove-icu.ts cut out.
// It exists because the failure is not always an exception: `new Intl.DateTimeFormat()` and Date's toLocaleString
// abort the process ("FATAL ERROR: DateTimePatternGeneratorCache"), and for PID 1 an abort is a kernel panic.
// Seen to work without ICU data: normalize, toUpperCase, TextDecoder, URL, local time, and \p{…} in regular expressions
// but for Emoji and its kin, which are syntax errors.

function refuse(): never {
  throw new Error('Cannot use Intl: this executable has no ICU data')
}

Reflect.deleteProperty(globalThis, 'Intl')
for (const prototype of [Array, BigInt, Date, Number, Object.getPrototypeOf(Uint8Array)].map(
  (it) => it.prototype,
)) {
  Reflect.set(prototype, 'toLocaleString', refuse)
}
Reflect.set(Date.prototype, 'toLocaleDateString', refuse)
Reflect.set(Date.prototype, 'toLocaleTimeString', refuse)
Reflect.set(String.prototype, 'localeCompare', refuse)
