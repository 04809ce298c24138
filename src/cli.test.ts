// The command line as a process: standard output whose reader has gone.
//
// A FIFO that was opened for reading and writing, and then for writing alone, has no reader: nothing depends on time.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const main = join(import.meta.dirname, 'main.ts')
const SCRIPT = 'mkfifo "$1/fifo"; exec 3<>"$1/fifo" 4>"$1/fifo" 3<&-; shift; "$@" >&4'

function withoutReader(directory: string, ...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', SCRIPT, 'sh', directory, process.execPath, '--no-warnings', main, ...args], { encoding: 'utf8' })
  return { status, stderr }
}

t.test('a reader that has gone ends a command silently, as SIGPIPE does with others', async (t) => {
  t.same(withoutReader(t.testdir({ one: {} }), 'help'), { status: 141, stderr: '' })
  t.match(withoutReader(t.testdir({ two: {} }), 'version', '--json', '--nosuch'), { status: 100, stderr: /Cannot understand option/ }, 'the status of a failure stays')
})

t.test('a full disk is told', async (t) => {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', '"$@" >/dev/full', 'sh', process.execPath, '--no-warnings', main, 'help'], { encoding: 'utf8' })
  t.match({ status, stderr }, { status: 111, stderr: /^fulcrum: Cannot write to standard output: .*ENOSPC/ })
})
