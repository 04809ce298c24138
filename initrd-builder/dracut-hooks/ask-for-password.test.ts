// ask_for_password on a terminal: what fulcrum is asked for, what its answer is taken for, and who asks without it.
//
// With a stand-in for fulcrum, on a terminal of script(1). What fulcrum does with a terminal is in src/boot/ask.ns.test.ts.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { shellTexts } from './shell-texts.ts'

interface Asked {
  readonly said: string
  /** The arguments of each call of fulcrum, a line each. */
  readonly calls: string
}

/** Runs `text` on a terminal with the library sourced; `fulcrum` is the program of that name, null: there is none. */
function onTerminal(directory: string, fulcrum: string | null, text: string): Asked {
  mkdirSync(join(directory, 'bin'))
  writeFileSync(join(directory, 'calls'), '')
  writeFileSync(join(directory, 'lib.sh'), shellTexts['dracut-lib.sh'])
  writeFileSync(join(directory, 'run.sh'), `set -e\n. ${directory}/lib.sh\n${text}\n`)
  if (fulcrum !== null) writeFileSync(join(directory, 'bin/fulcrum'), `#!/bin/sh\necho "$*" >> ${directory}/calls\n${fulcrum}\n`, { mode: 0o755 })
  const env = { PATH: `${directory}/bin:/usr/bin:/bin`, FULCRUM_HOOKS_STATE: directory, FULCRUM_ASK_TIMEOUT: '7', SHELL: '/bin/sh' }
  const { stdout } = spawnSync('script', ['-qec', `sh ${directory}/run.sh`, '/dev/null'], { encoding: 'utf8', env, input: 'by hand\n' })
  return { said: stdout.replaceAll('\r', ''), calls: readFileSync(join(directory, 'calls'), 'utf8') }
}

t.test('the question is one word, whatever is in it, and the answer reaches the command', async (t) => {
  const { said, calls } = onTerminal(t.testdir(), "printf '%s' 'a  %s\\b'", `ask_for_password --prompt '-h 100 % of "it"' --cmd 'cat > ${t.testdirName}/got'; echo "status $?"`)
  t.equal(calls, 'ask --timeout 7 -- -h 100 % of "it"\n')
  t.match(said, /^status 0$/m)
  t.equal(readFileSync(join(t.testdirName, 'got'), 'utf8'), 'a  %s\\b')
})

t.test('no answer ends it at once; Enter alone is no try', async (t) => {
  const { said, calls } = onTerminal(t.testdir(), 'exit 1', `ask_for_password --prompt Key --tries 3 --cmd cat || echo "status $?"`)
  t.match(said, /^status 1$/m)
  t.equal(calls.split('\n').length, 2, 'asked once')
  const again = onTerminal(t.testdir(), `[ "$(wc -l < ${t.testdirName}/calls)" -lt 3 ] || printf word`, `ask_for_password --prompt Key --tries 1 --cmd 'grep -qx word' && echo good`)
  t.match(again.said, /^good$/m)
  t.equal(again.calls.split('\n').length, 4, 'asked three times')
})

t.test('the shell asks where there is no fulcrum', async (t) => {
  const { said } = onTerminal(t.testdir(), null, `ask_for_password --prompt '50 %s' --cmd 'grep -x "by hand"' && echo good`)
  t.match(said, /50 %s: /)
  t.match(said, /^good$/m)
})
