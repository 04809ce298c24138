// The version of fulcrum: that of package.json, put in by the bundler.
//
// A define instead of a JSON import, because PID 1 has no package.json; unbundled runs (tests) read 0.0.0-dev.

declare const FULCRUM_VERSION: string | undefined

export const VERSION: string = typeof FULCRUM_VERSION === 'undefined' ? '0.0.0-dev' : FULCRUM_VERSION
