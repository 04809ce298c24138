// The completions, in the shells that they are for: what bash, zsh and fish offer for the commands as they are.
//
// bash and fish can be asked by a script; zsh only checks the syntax, because it completes at a terminal alone.
// Needs the Debian packages zsh and fish.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import t from 'tap'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { commandTable } from '../../src/commands/table.ts'
import { installedTexts } from '../text-asset.ts'
import { describeOptions } from './options.ts'

const texts = await installedTexts()

function write(directory: string, shell: string): string {
  const file = `${directory}/fulcrum.${shell}`
  fs.writeFileSync(file, texts.get(`completions/fulcrum.${shell}`) ?? '')
  return file
}

function output(command: string, args: readonly string[], env: Record<string, string> = {}): string {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...env } })
  return status === 0 ? `${stdout}${stderr}` : `status ${status}: ${stderr}`
}

const describe = (help: string, usage: readonly string[] = ['fulcrum x']): unknown[] =>
  describeOptions({ name: 'x', summary: 's', usage, help }).options.slice(0, -1).map(({ short, long, value, isOptional, description }) =>
    [short, long, value?.kind === 'words' ? value.words.join() : (value?.kind ?? null), isOptional, description])

t.test('options as help texts have them', async (t) => {
  t.same(describe(`Text with --not-this in it.

  -o, --output FILE   image to write (atomically); more
      --root DIR      root
  --include FILE[:DEST] add a file of this system, with
                      its libraries; may be repeated
  --color=WHEN        always, never, or auto
  --mode METHOD       one, two, three
  --tty[=yes|no]      terminal
  --one LIST, --two LIST
                      both
  --long-flag
                      below
  -n                  short only
  - not an option
`), [
    ['-o', '--output', 'file', false, 'image to write (atomically)'],
    [null, '--root', 'directory', false, 'root'],
    [null, '--include', 'file', false, 'add a file of this system, with its libraries'],
    [null, '--color', 'other', false, 'always, never, or auto'],
    [null, '--mode', 'one,two,three', false, 'one, two, three'],
    [null, '--tty', 'yes,no', true, 'terminal'],
    [null, '--one', 'other', false, 'both'],
    [null, '--two', 'other', false, 'both'],
    [null, '--long-flag', null, false, 'below'],
    ['-n', null, null, false, 'short only'],
  ])
  t.same(describe('  --engine E  how\n', ['fulcrum x [--engine auto|move] [--quiet|--loud]', 'other --version']), [
    [null, '--engine', 'auto,move', false, 'how'], [null, '--quiet', null, false, ''], [null, '--loud', null, false, ''],
  ])
})

t.test('no option of a help text is lost', async (t) => {
  for (const entry of commandTable) {
    const command = await entry.load()
    const known = describeOptions(command).options.map((it) => it.long)
    const lines = command.help.split('\n').filter((line) => /^ {2,8}-/.test(line))
    for (const option of lines.flatMap((line) => line.match(/^ *(?:-\w, )?--[a-z][a-z-]*/)?.[0].match(/--.*/)?.[0] ?? [])) {
      t.ok(known.includes(option), `${entry.name} ${option}`)
    }
  }
})

t.test('names of what runs are offered where a command takes one', async (t) => {
  const commands = await Promise.all(commandTable.map((entry) => entry.load()))
  t.same(commands.map(describeOptions).filter((it) => it.takesNames).map((it) => it.name), ['enter', 'stop', 'bind', 'unbind'])
  const directory = t.testdir({ run: { 'web.json': '', 'db.1.json': '', other: '' }, empty: {} })
  const ask = (shell: string, where: string): string[] => {
    const file = `${directory}/asked.${shell}`
    fs.writeFileSync(file, (texts.get(`completions/fulcrum.${shell}`) ?? '').replaceAll('/run/fulcrum/run', `${directory}/${where}`))
    const script = shell === 'bash' ? `source ${file}; _fulcrum_names` : `source ${file}; complete -C 'fulcrum stop ' | string match -v '*/*' | string match -v 'asked*'`
    return output(shell, shell === 'bash' ? ['--norc', '-c', script] : ['--no-config', '-c', `cd ${directory}/empty; ${script}`], { HOME: directory }).split('\n').filter((it) => it !== '').sort()
  }
  ensureDebianPackages(['fish'])
  for (const shell of ['bash', 'fish']) {
    t.same(ask(shell, 'run'), ['db.1', 'web'], shell)
    t.notOk(ask(shell, 'empty').some((it) => /json/.test(it)), `${shell}: nothing runs`)
  }
})

t.test('bash', async (t) => {
  const file = write(t.testdir({ folder: {} }), 'bash')
  const complete = (...words: string[]): string[] =>
    output('bash', ['--norc', '-c', 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fulcrum 2> /dev/null; printf "%s\\n" "${COMPREPLY[@]}"', 'bash', file, ...words]).trim().split('\n')
  t.same(complete('fulcrum', 'sw'), ['switch', 'switch_root'])
  t.same(complete('fulcrum', 'build', '--ou'), ['--output'])
  t.same(complete('fulcrum', 'build', '--compress', 'z'), ['zstd'])
  t.same(complete('fulcrum', 'mounts', '--color', '=', 'a'), ['auto', 'always'])
  t.same(complete('fulcrum', 'run', '--tty', '='), ['auto', 'yes', 'no'])
  t.same(complete('fulcrum', 'run', '--tty', ''), [''], 'an optional value needs its "="')
  t.same(complete('fulcrum', 'help', 'unb'), ['unbind'])
  t.same(complete('fulcrum', 'build', '--sysroot', '/us'), ['/usr'])
  t.same(complete('fulcrum', 'shutdown', 'po'), ['poweroff'])
  t.same(complete('fulcrum', 'install', 'st'), ['stand-ins'])
})

t.test('fish', async (t) => {
  ensureDebianPackages(['fish'])
  const directory = t.testdir({})
  const file = write(directory, 'fish')
  const complete = (line: string): string[] =>
    output('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, line], { HOME: directory }).trim().split('\n').map((it) => it.replace(/\t.*/, ''))
  t.same(complete('fulcrum sw'), ['switch', 'switch_root'])
  t.same(complete('fulcrum build --ou'), ['--output'])
  t.same(complete('fulcrum build --compress z'), ['zstd'])
  t.same(complete('fulcrum mounts --color=a').sort(), ['--color=always', '--color=auto'])
  t.same(complete('fulcrum help unb'), ['unbind'])
  t.same(complete('fulcrum shutdown po'), ['poweroff'])
})

t.test('zsh', async (t) => {
  ensureDebianPackages(['zsh'])
  t.equal(output('zsh', ['-f', '-n', write(t.testdir({}), 'zsh')]), '')
  t.match(texts.get('completions/fulcrum.zsh'), /^#compdef fulcrum\n/)
})
