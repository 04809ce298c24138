// The command line as a whole: which command runs under which name, help, typing errors, exit statuses;
// and the small commands that have no test of their own.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { parameters } from '../boot/parameter-table.ts'
import { ScriptedKernel } from '../boot/rescue/scripted-kernel.ts'
import type { Script } from '../boot/rescue/scripted-kernel.ts'
import { formatOverview } from './help.ts'
import { dispatch } from './index.ts'
import { commandTable } from './table.ts'

interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

async function run(argv0: string, args: readonly string[], script: Script = { typed: [] }, pid = 4711): Promise<Ran> {
  let out = ''
  let err = ''
  const kernel = new ScriptedKernel(script)
  kernel.getpid = () => pid
  const status = await dispatch(argv0, args, {
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    isTerminal: false,
    env: {},
    kernel: () => kernel,
  })
  return { status, out, err }
}

t.test('the table agrees with the commands', async (t) => {
  const names = commandTable.map((entry) => entry.name)
  t.equal(new Set(names).size, names.length)
  for (const entry of commandTable) {
    const command = await entry.load()
    t.equal(command.name, entry.name)
    t.equal(command.summary, entry.summary, `${entry.name}: summary`)
    t.notMatch(command.summary, /\.$/)
    t.ok(command.usage.length > 0 && command.help.length > 0, `${entry.name}: usage and help`)
  }
})

t.test('help', async (t) => {
  const overview = await run('fulcrum', ['--help'])
  t.equal(overview.status, 0)
  t.equal(overview.err, '')
  for (const { name } of commandTable) t.match(overview.out, new RegExp(`^  ${name} `, 'm'))
  for (const line of overview.out.split('\n')) t.ok(line.length <= 100, line)
  const nothing = await run('fulcrum', [])
  t.equal(nothing.status, 100)
  t.equal(nothing.out, '')
  t.equal(nothing.err, overview.out)
  for (const { name, standsIn } of commandTable) {
    const asked = await run('fulcrum', ['help', name])
    t.equal(asked.status, 0)
    t.match(asked.out, /^usage: /)
    const option = await run('fulcrum', [name, '--help'])
    t.equal(option.status, 0, `${name} --help`)
    if (!standsIn) t.equal(option.out, asked.out)
  }
  t.match(formatOverview([], '1'), /usage: fulcrum COMMAND/)
})

t.test('typing errors', async (t) => {
  const typo = await run('fulcrum', ['biuld'])
  t.equal(typo.status, 100)
  t.equal(typo.err, "fulcrum: Cannot find a command 'biuld': did you mean 'build'?\n")
  const far = await run('fulcrum', ['zzzzzz'])
  t.match(far.err, /'fulcrum --help' lists them/)
  t.equal((await run('fulcrum', ['help', 'biuld'])).status, 100)
})

t.test('the name that it is called with', async (t) => {
  const init = await run('init', [])
  t.equal(init.status, 112)
  t.match(init.err, /not PID 1/)
  t.equal((await run('shutdown', ['explode'])).status, 100)
  t.equal((await run('shutdown', ['--help'])).status, 0)
  t.equal((await run('anything', ['--version'])).out, (await run('fulcrum', ['version'])).out)
})

t.test('version', async (t) => {
  t.match((await run('fulcrum', ['--version'])).out, /^fulcrum \d+\.\d+\.\d+\S*\n$/)
  t.match(JSON.parse((await run('fulcrum', ['version', '--json'])).out), { node: process.versions.node, arch: process.arch })
  t.equal((await run('fulcrum', ['version', '-x'])).status, 100)
})

t.test('cmdline', async (t) => {
  const help = await run('fulcrum', ['cmdline', '--help'])
  for (const { key } of parameters) t.match(help.out, new RegExp(`^  ${key.replace('.', '\\.')}(=|\\[|$)`, 'm'), key)
  const files = { '/proc/cmdline': 'root=/dev/vda rd.shell=maybe single -- -x\n', '/dev/stdin': 'root=/dev/vdb\n' }
  const own = await run('fulcrum', ['cmdline'], { typed: [], files })
  t.equal(own.status, 0)
  t.match(own.out, /^ {2}root=\/dev\/vda +The root$/m)
  t.match(own.out, /^Problems\n {2}Cannot understand 'rd.shell=maybe'/m)
  t.match(own.out, /^ {2}arguments +'single' '-x'$/m)
  const piped = await run('fulcrum', ['cmdline', '-', '--json'], { typed: [], files })
  const parsed: unknown = JSON.parse(piped.out)
  t.match(parsed, { words: [{ key: 'root', value: '/dev/vdb' }], values: { root: '/dev/vdb', rootTimeoutMs: 90_000 }, problems: [] })
  t.match((await run('fulcrum', ['cmdline', 'root=x "a b"'])).out, /^ {2}a b/m)
  t.equal((await run('fulcrum', ['cmdline', 'a', 'b'])).status, 100)
  t.equal((await run('fulcrum', ['cmdline', '--nosuch'])).status, 100)
  const none = await run('fulcrum', ['cmdline'])
  t.equal(none.status, 111)
  t.match(none.err, /^fulcrum cmdline: open\(.*ENOENT/)
})

t.test('dmesg', async (t) => {
  const script: Script = { typed: [], kmsg: ['6,1,1000000,-;first', '6,2,2000000,-;second'] }
  t.equal((await run('fulcrum', ['dmesg'], script)).out, '[    1.000000] first\n[    2.000000] second\n')
  t.equal((await run('fulcrum', ['dmesg', '1'], script)).out, '[    2.000000] second\n')
  t.match(JSON.parse((await run('fulcrum', ['dmesg', '--json'], script)).out), [{ us: 1_000_000, text: 'first' }, { sequence: 2 }])
  t.equal((await run('fulcrum', ['dmesg', 'x'], script)).status, 100)
  t.match(await run('fulcrum', ['dmesg']), { status: 111, err: /^fulcrum dmesg: Cannot read the messages of the kernel: open\(/ })
})
