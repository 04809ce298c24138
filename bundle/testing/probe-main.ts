// A tiny program for the smoke tests: packed exactly as fulcrum is, it says what the executable can do where it runs.
// It exists beside fulcrum's own smoke tests because it tells more than a command that succeeds: which calls work,
// whether ICU is gone, what Node thinks it was started as. Prints one line of JSON.

import fs from 'node:fs'
import sea from 'node:sea'
import { inspect } from 'node:util'
import * as koffi from 'koffi'

declare const FULCRUM_VERSION: string

function attempt(work: () => unknown): string {
  try {
    return `ok ${String(work())}`
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : 'threw'
  }
}

const getpid = koffi.load(null).func('int getpid(void)')
fs.writeSync(
  1,
  `${JSON.stringify({
    version: FULCRUM_VERSION,
    isSea: sea.isSea(),
    execArgv: process.execArgv,
    argv: process.argv.slice(2),
    koffi: koffi.version,
    isPidRight: getpid() === process.pid,
    hasIntl: Reflect.has(globalThis, 'Intl'),
    localeCompare: attempt(() => 'a'.localeCompare('b')),
    dateToLocaleString: attempt(() => new Date(0).toLocaleString()),
    numberToLocaleString: attempt(() => (1).toLocaleString()),
    arrayToLocaleString: attempt(() => [1].toLocaleString()),
    normalize: attempt(() => 'e\u0301'.normalize('NFC').length),
    unicodeRegExp: attempt(() => /^\p{L}$/u.test('é')),
    utf8: attempt(() => Buffer.from('é').toString('utf8')),
    localHours: attempt(() => new Date(0).getHours()),
    inspectDate: attempt(() => inspect(new Date(0))),
  })}\n`,
)
