// The shell library of the hooks, in every shell that an image may have as /bin/sh: busybox, dash, bash --posix.
//
// The cases of getarg are our own; what they expect is dracut.cmdline(7) and the kernel's parsing of words
// (src/facts/cmdline.ts reads the same lines the same way, and is asked too).

import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { parseCommandLine } from '../../src/facts/cmdline.ts'
import { ensureDebianPackages } from '../../scripts/setup/packages.ts'
import { shellTexts } from './shell-texts.ts'

ensureDebianPackages(['dash', 'busybox-static'])

const shells = [['dash'], ['busybox', 'sh'], ['bash', '--posix']] as const

interface Place {
  readonly directory: string
  readonly shell: readonly string[]
  /** Runs text with the library sourced. */
  script(text: string, cmdline?: string): { readonly out: string; readonly err: string; readonly status: number | null }
  /** Runs the runner. */
  hooks(args: readonly string[], env?: Readonly<Record<string, string>>): { readonly out: string; readonly err: string; readonly status: number | null }
  hook(path: string, text: string): void
  state(name: string): string
}

/** A place with the library whose absolute paths lead into it. */
function place(shell: readonly string[], teardown: (undo: () => void) => void): Place {
  const directory = fs.mkdtempSync('/tmp/fulcrum-hooks-')
  teardown(() => fs.rmSync(directory, { recursive: true }))
  const put = (text: string): string => text.replaceAll('/lib/dracut-lib.sh', `${directory}/dracut-lib.sh`)
    .replaceAll('/bin/sh /lib/fulcrum/run-hooks', `${shell.join(' ')} ${directory}/run-hooks`)
    .replaceAll('/etc/cmdline', `${directory}/etc/cmdline`)
  fs.writeFileSync(`${directory}/dracut-lib.sh`, put(shellTexts['dracut-lib.sh']))
  fs.writeFileSync(`${directory}/run-hooks`, put(shellTexts['run-hooks.sh']))
  fs.mkdirSync(`${directory}/state`)
  const base = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', hookdir: `${directory}/hooks`, FULCRUM_HOOKS_STATE: `${directory}/state`, NEWROOT: `${directory}/sysroot` }
  // bash reads .bashrc when its standard input is a socket, as a pipe of Node's is.
  const run = (args: readonly string[], env: Readonly<Record<string, string>>): ReturnType<Place['script']> => {
    const [program = '', ...first] = shell
    const { stdout, stderr, status } = spawnSync(program, [...first, ...args], { encoding: 'utf8', env: { ...base, ...env }, timeout: 20_000, stdio: ['ignore', 'pipe', 'pipe'] })
    return { out: stdout, err: stderr, status }
  }
  return {
    directory, shell,
    script: (text, cmdline = '') => {
      fs.writeFileSync(`${directory}/state/cmdline`, cmdline)
      return run(['-c', `. ${directory}/dracut-lib.sh\n${text}`], {})
    },
    hooks: (args, env = {}) => run([`${directory}/run-hooks`, ...args], env),
    hook: (path, text) => {
      const file = `${directory}/hooks/${path}`
      fs.mkdirSync(file.slice(0, file.lastIndexOf('/')), { recursive: true })
      fs.writeFileSync(file, `${text}\n`)
    },
    state: (name) => (fs.existsSync(`${directory}/state/${name}`) ? fs.readFileSync(`${directory}/state/${name}`, 'utf8') : ''),
  }
}

function inEachShell(name: string, body: (t: Test, at: Place) => void): void {
  for (const shell of shells) {
    void t.test(`${shell.join(' ')}: ${name}`, async (t) => {
      body(t, place(shell, (undo) => t.teardown(undo)))
    })
  }
}

/** Line, arguments of getarg, what is printed (null: nothing and status 1). */
const GETARG: readonly (readonly [string, string, string | null])[] = [
  ['root=/dev/vda1 quiet', 'root=', '/dev/vda1'],
  ['root=/dev/vda1 quiet', 'root', '/dev/vda1'],
  ['a=1 b=2 a=3', 'a=', '3'],
  ['quiet', 'quiet', ''],
  ['quiet', 'silent', null],
  ['a=', 'a=', ''],
  ['ab=1', 'a', null],
  ['a=1', 'ab', null],
  ['a=one a=two', 'a=two', ''],
  ['a=one a=two', 'a=one', null],
  ['a=" two  words "', 'a=', ' two  words '],
  ['"a=two words" b', 'a=', 'two words'],
  ['" a b "="x"', "' a b \"='", 'x'],
  ['a="x" b="y=z"', 'b=', 'y=z'],
  ['a=x"y z"w', 'a=', 'x"y z"w'],
  ['a="open to the end', 'a=', 'open to the end'],
  ['a=$(reboot) b=`reboot` c=*', 'a=', '$(reboot)'],
  ['a=$(reboot) c=*', 'c=', '*'],
  ["a=it's", 'a=', "it's"],
  ['a=back\\slash', 'a=', 'back\\slash'],
  ['=x a=1', 'a=', '1'],
  ['a=1 -- a=2', 'a=', '2'],
  ['old=1', 'new= -d old=', '1'],
  ['old=1 new=2', 'new= -d old=', '2'],
  ['rd_NO_X', 'rd.x -d -n rd_NO_X', '0!'],
  ['rd_X', 'rd.x -d -y rd_X', '1'],
]

inEachShell('getarg', (t, at) => {
  for (const [line, args, wanted] of GETARG) {
    const { out, status } = at.script(`getarg ${args}`, line)
    const printed = wanted?.endsWith('!') === true ? wanted.slice(0, -1) : wanted
    t.equal(out, printed === null || printed === '' ? '' : `${printed}\n`, `${line}: getarg ${args}`)
    t.equal(status, wanted === null || wanted.endsWith('!') ? 1 : 0, `${line}: getarg ${args}: status`)
  }
})

void t.test('the shell splits lines as PID 1 does', async (t) => {
  const at = place(['dash'], (undo) => t.teardown(undo))
  for (const [line] of GETARG) {
    const words = parseCommandLine(line).words.filter((word) => word.key !== '--')
    const { out } = at.script(`_f_rest=$(getcmdline); while _f_next_word; do [ "$_f_key" = -- ] || printf '%s|%s|%s\\n' "$_f_key" "$_f_bare" "$_f_value"; done`, line)
    const all = [...words, ...parseCommandLine(line).initWords]
    t.equal(out, all.map((word) => `${word.key}|${word.value === null ? 'yes' : 'no'}|${word.value ?? ''}\n`).join(''), line)
  }
})

inEachShell('getargs, getargbool, getargnum', (t, at) => {
  const line = 'ip=a ip=b ip=c bridge bridge=val rd.on rd.off=0 rd.no=no rd.two=1 rd.two=off rd.odd=maybe n=7 big=700 word=x'
  const say = (text: string): string => at.script(text, line).out
  t.equal(say('getargs ip='), 'a\nb\nc\n')
  t.equal(say('getargs bridge='), 'bridge\nval\n')
  t.equal(say('getargs ip=b >/dev/null && echo yes; getargs ip=x || echo no; getargs none= || echo no'), 'yes\nno\nno\n')
  const bool = (args: string): string => say(`if getargbool ${args}; then echo 1; else echo 0; fi`).trim()
  t.equal(bool('0 rd.on'), '1', 'a bare word is true')
  t.equal(bool('1 rd.off'), '0')
  t.equal(bool('1 rd.no'), '0')
  t.equal(bool('1 rd.two'), '0', 'the last wins')
  t.equal(bool('0 rd.odd'), '1', 'anything else is true')
  t.equal(bool('0 rd.none'), '0', 'the default')
  t.equal(bool('1 rd.none'), '1', 'the default')
  t.equal(bool('1 rd.none -d -n rd.on'), '0', 'an old word that means no')
  t.equal(bool('0 rd.none rd.on'), '1', 'the second name')
  t.equal(say('getargnum 5 0 10 n; getargnum 5 0 10 big; getargnum 5 0 10 word; getargnum 5 0 10 none'), '7\n5\n5\n5\n')
})

inEachShell('lines from more than one place', (t, at) => {
  fs.mkdirSync(`${at.directory}/etc/cmdline.d`, { recursive: true })
  fs.writeFileSync(`${at.directory}/etc/cmdline.d/10-a.conf`, 'a=1\nb=1')
  fs.writeFileSync(`${at.directory}/etc/cmdline`, 'b=2 c=2\n')
  t.equal(at.script('getcmdline; getarg a=; getarg b=; getarg c=', 'c=3').out, 'a=1 b=1 b=2 c=2 c=3\n1\n2\n3\n')
})

inEachShell('strings', (t, at) => {
  const { out, err } = at.script(`
check() { if "$@"; then echo "yes $*"; else echo "no $*"; fi; }
check str_starts foobar foo; check str_starts foobar bar; check str_starts '*a' '*'
check str_ends foobar bar; check str_ends foobar foo
check strstr foobar oba; check strstr foobar '*'; check strstr 'a*b' '*'
check strglob foobar 'f*r'; check strglob foobar 'f*x'; check strglobin foobar 'o[ab]'; check strglobin foobar 'x?'
str_replace '  one two ' ' ' _; str_replace 'a*b*' '*' '/'; str_replace same x y; str_replace abc '' y
echo "[$(trim '  two words	 ')] [$(trim '')] [$(trim x)]"
splitsep : 'a:b:c:d' one two three; echo "$one $two $three"
splitsep : 'a' one two; echo "$one $two"
check isdigit 12; check isdigit 1a; check isdigit ''
getoptcomma 'ro,vers=4,vers=3,x' vers=; getoptcomma ro,x x && echo there; getoptcomma ro,x y || echo absent
label_uuid_to_dev 'LABEL=my root/x'; label_uuid_to_dev block:UUID=1-2; label_uuid_to_dev /dev/sda
`)
  t.equal(err, '')
  t.equal(out, `yes str_starts foobar foo
no str_starts foobar bar
yes str_starts *a *
yes str_ends foobar bar
no str_ends foobar foo
yes strstr foobar oba
no strstr foobar *
yes strstr a*b *
yes strglob foobar f*r
no strglob foobar f*x
yes strglobin foobar o[ab]
no strglobin foobar x?
__one_two_
a/b/
same
abc
[two words] [] [x]
a b c:d
a b
yes isdigit 12
no isdigit 1a
no isdigit 
3
there
absent
/dev/disk/by-label/my\\x20root\\x2fx
/dev/disk/by-uuid/1-2
/dev/sda
`)
})

inEachShell('variables outlive the shell, in the order of the names', (t, at) => {
  at.hook('cmdline/20-second.sh', `echo second "$one"; more="it's
two=lines"; empty=`)
  at.hook('cmdline/10-first.sh', 'echo first; one="a  \\"b\\" \\$HOME"; export shared=yes; set -eu; cd /tmp')
  at.hook('cmdline/15-failing.sh', 'return 3')
  at.hook('cmdline/30-not-a-hook', 'echo never')
  at.hook('pre-mount/10-later.sh', `echo "$one|$more|\${empty-unset}|\${two-unset}|$(env | grep ^shared)|$(pwd)"`)
  t.same(at.hooks(['run', 'cmdline']), { out: 'first\nsecond a  "b" $HOME\n', err: '', status: 0 })
  t.same(at.hooks(['run', 'pre-mount']), { out: `a  "b" $HOME|it's\ntwo=lines||unset|shared=yes|/\n`, err: '', status: 0 })
  t.match(at.state('variables'), /^export shared='yes'$/m)
})

inEachShell('an exit is contained', (t, at) => {
  at.hook('pre-mount/10-a.sh', 'a=1; exit 4')
  at.hook('pre-mount/20-b.sh', 'echo "b $a"')
  const { out, err, status } = at.hooks(['run', 'pre-mount'])
  t.equal(out, 'b 1\n')
  t.match(err, /10-a\.sh' ended by 'exit 4'/)
  t.equal(status, 0)
})

inEachShell('a hook with a syntax error does not keep the next from running', (t, at) => {
  at.hook('pre-mount/10-a.sh', 'if then fi')
  at.hook('pre-mount/20-b.sh', 'echo b')
  const { out, status } = at.hooks(['run', 'pre-mount'])
  t.equal(out, 'b\n')
  t.equal(status, 0)
})

inEachShell('die stops', (t, at) => {
  at.hook('pre-mount/10-a.sh', 'a=1; die "No disk: give me one"; echo never')
  at.hook('pre-mount/20-b.sh', 'echo never')
  t.match(at.hooks(['run', 'pre-mount']), { out: '', status: 77 })
  t.equal(at.state('stopped'), 'die\nNo disk: give me one\n')
  t.match(at.state('variables'), /^a='1'$/m)
})

inEachShell('die in a shell of the hook stops as well', (t, at) => {
  at.hook('pre-mount/10-a.sh', 'x=$(emergency_shell -n name "look around")')
  at.hook('pre-mount/20-b.sh', 'echo never')
  t.match(at.hooks(['run', 'pre-mount']), { out: '', status: 77 })
  t.equal(at.state('stopped'), 'emergency\nlook around\n')
})

inEachShell('the initqueue', (t, at) => {
  at.hook('cmdline/10-a.sh', `
initqueue --onetime --name once echo "job once"
initqueue --unique --name often echo "job often"
initqueue --unique --name often echo "not this one"
initqueue --settled --env who=me --name set echo 'settled $who'
initqueue --timeout --onetime echo timeout
initqueue --finished --name f test -e ${at.directory}/there
wait_for_dev ${at.directory}/device
initqueue --name none /no/such/program
`)
  const first = at.hooks(['run', 'cmdline'])
  t.match(first.err, /initqueue: there is no such program/)
  t.ok(fs.existsSync(`${at.directory}/hooks/initqueue/work`))
  t.match(at.hooks(['queue']), { out: 'job often\njob once\nsettled me\n', status: 10 })
  t.match(at.state('unfinished'), /finished\/devexists-/)
  fs.writeFileSync(`${at.directory}/device`, '')
  t.match(at.hooks(['queue', 'timeout']), { out: 'job often\nsettled me\ntimeout\n', status: 10 })
  t.match(at.state('unfinished'), /finished\/f\.sh/)
  fs.writeFileSync(`${at.directory}/there`, '')
  t.match(at.hooks(['queue', 'timeout']), { out: 'job often\nsettled me\n', status: 0 })
})

inEachShell('rounds at the end: each until it answers 0, then no more', (t, at) => {
  at.hook('shutdown/10-a.sh', `echo "a [$1]"; exit 0`)
  at.hook('shutdown/20-b.sh', `echo "b [$1]"; [ -e ${at.directory}/gone ]`)
  t.match(at.hooks(['round', 'shutdown']), { out: 'a []\nb []\n', status: 10 })
  t.match(at.hooks(['round', 'shutdown', 'final']), { out: 'b [final]\n', status: 10 })
  fs.writeFileSync(`${at.directory}/gone`, '')
  t.match(at.hooks(['round', 'shutdown']), { out: 'b []\n', status: 0 })
  t.match(at.hooks(['round', 'shutdown']), { out: '', status: 0 })
})

inEachShell('netroot: the interface is $1, and the program of the type gets what the hooks made of it', (t, at) => {
  fs.writeFileSync(`${at.directory}/state/variables`, "export netroot='mine:a'\n")
  at.hook('netroot/10-a.sh', 'echo "a $1 $netroot"; netroot=mine:b; exit 1')
  at.hook('netroot/20-b.sh', 'echo "b $1"')
  t.equal(at.hooks(['run', 'netroot', 'eth0']).out, 'a eth0 mine:a\nb eth0\n')
  fs.writeFileSync(`${at.directory}/mineroot`, '#!/bin/sh\necho "$1 $2 ${3##*/} $netroot"; exit 3\n', { mode: 0o755 })
  const { out, err, status } = at.hooks(['handler', `${at.directory}/mineroot`, 'eth0'])
  t.equal(out, 'eth0 mine:b sysroot mine:b\n')
  t.match(err, /mineroot eth0 mine:b' ended with status 3, ignoring/)
  t.equal(status, 0)
})

inEachShell('a password: COMMAND reads it, and again when it is wrong', (t, at) => {
  const { out, err, status } = at.script(`printf 'wrong\\nright\\n' | ask_for_password --prompt Key --tries 3 --cmd 'grep -qx right'; echo $?`)
  t.equal(out, '0\n')
  t.equal(err, 'Key: \nKey: \n')
  t.equal(status, 0)
  t.equal(at.state('passphrases'), 'right\n', 'PID 1 tries it on LUKS devices')
})

inEachShell('what was right before is tried on a command that can tell, and on no other', (t, at) => {
  fs.writeFileSync(`${at.directory}/state/passphrases`, 'one\n two  words\\\n')
  fs.writeFileSync(`${at.directory}/cryptsetup`, '#!/bin/sh\nread -r word; [ "$word" = "two  words\\\\" ] || { echo wrong >&2; exit 2; }; echo opened\n', { mode: 0o755 })
  t.same(at.script(`ask_for_password --prompt Key --cmd '${at.directory}/cryptsetup open'; echo $?`), { out: 'opened\n0\n', err: '', status: 0 })
  t.match(at.script(`echo typed | ask_for_password --prompt Key --cmd cat`), { out: 'typed', err: 'Key: \n' })
})
