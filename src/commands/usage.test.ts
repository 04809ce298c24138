// Mistakes in the command line are told alike by every command: what is wrong, what was perhaps meant, where to read on.
//
// The stand-ins are left out: they speak as the tools that they stand in for.
import t from 'tap'
import { ScriptedKernel } from '../boot/rescue/scripted-kernel.ts'
import { dispatch } from './index.ts'
import { describeParseError } from './option-list.ts'
import { commandTable } from './table.ts'

async function run(args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const kernel = new ScriptedKernel({ typed: [] })
  kernel.getpid = () => 4711
  const status = await dispatch('fulcrum', args, {
    stdout: (text) => void (out += text), stderr: (text) => void (err += text), isTerminal: false, env: {}, kernel: () => kernel,
  })
  return { status, out, err }
}

const commands = commandTable.filter(({ standsIn, name }) => !standsIn || name === 'shutdown').map(({ name }) => name)

t.test('an option that there is not', async (t) => {
  for (const name of commands) {
    const hint = `Try 'fulcrum ${name} --help'\n`
    t.strictSame(await run([name, '--no-such-thing']), { status: 100, out: '', err: `fulcrum ${name}: Cannot understand option '--no-such-thing'\n${hint}` }, name)
    t.strictSame(await run([name, '-Z']), { status: 100, out: '', err: `fulcrum ${name}: Cannot understand option '-Z'\n${hint}` }, name)
  }
})

t.test('an option with a letter too few', async (t) => {
  let count = 0
  for (const name of commands) {
    const { out } = await run(['help', name])
    const [option] = ['json', 'dry-run', 'force'].filter((it) => out.includes(`--${it}`))
    if (option === undefined) continue
    count += 1
    t.match(await run([name, `--${option.slice(0, -1)}`]), { status: 100, out: '', err: `: did you mean '--${option}'?\n` }, `${name} --${option.slice(0, -1)}`)
  }
  t.ok(count > 15, `${count} commands`)
  t.match(await run(['--hlp']), { status: 100, err: "fulcrum: Cannot understand option '--hlp': did you mean '--help'?\nTry 'fulcrum --help'\n" })
})

t.test('help, also behind another option', async (t) => {
  for (const name of commands) {
    const asked = await run(['help', name])
    const [option] = ['--json', '--dry-run', '--tty'].filter((it) => asked.out.includes(it))
    for (const help of ['--help', '-h']) {
      t.strictSame(await run([name, help]), asked, `${name} ${help}`)
      if (option !== undefined) t.strictSame(await run([name, option, help]), asked, `${name} ${option} ${help}`)
    }
  }
})

t.test('values and words', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['mounts --svg --html', /Cannot do both: --svg and --html\n/],
    ['mounts --busy / --all-namespaces', /Cannot do both: --all-namespaces and --busy\n/],
    ['mounts --color=x', /Cannot understand --color 'x': expected auto, always, never\n/],
    ['mounts 1 2', /Cannot understand '2': expected one process id\n/],
    ['mounts --busy', /Cannot understand '--busy': expected a value behind it\n/],
    ['mounts diff a', /Cannot compare: expected two files/],
    ['shutdown --timeout -5 poweroff', /Cannot understand --timeout '-5': expected seconds\n/],
    ['kill --timeout', /Cannot understand '--timeout': expected a value behind it\n/],
    ['kill 123', /Cannot understand '123': expected options only\n/],
    ['switch /sysroot', /Cannot switch: expected NEWROOT and INIT, and there is only '\/sysroot'\n/],
    ['keep a b', /Cannot understand 'b': expected one NEWROOT\n/],
    ['dmesg 1 2', /Cannot understand '2': expected one number of lines\n/],
    ['build --output', /Cannot understand '--output': expected a value behind it\n/],
    ['build --output -k', /Cannot understand '--output': expected a value behind it; one that begins with a dash/],
    ['build --json=1', /Cannot understand '--json': it takes no value\n/],
    ['replace --layer= /usr', /Cannot understand '--layer': expected a value behind it\n/],
    ['cmdline -Z', /Cannot understand option '-Z'\n/],
  ]
  for (const [line, message] of cases) {
    const { status, out, err } = await run(line.split(' '))
    t.strictSame({ status, out }, { status: 100, out: '' }, line)
    t.match(err, message, line)
    t.match(err, new RegExp(`\nTry 'fulcrum ${line.split(' ')[0] ?? ''} --help'\n$`), line)
  }
})

t.test('what Node.js says of options', async (t) => {
  t.equal(describeParseError('?', []), 'Cannot understand the arguments: ?')
})
