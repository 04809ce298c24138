// What init is given: the kernel's own choice is passed on unchanged, what others added is dropped, and
// the model for `fulcrum cmdline` follows init/main.c.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import { parseCommandLine } from './cmdline.ts'
import { initArguments, predictInitArguments } from './init-arguments.ts'

const line = parseCommandLine('BOOT_IMAGE=/vmlinuz root=/dev/vda rd.break=mount fulcrum.keep=none single FOO=bar -- -x y=z')

t.test('what the kernel gave PID 1 goes on to init', async (t) => {
  const got = initArguments(['/init', 'single', '-x', 'y=z'], { HOME: '/', TERM: 'linux', BOOT_IMAGE: '/vmlinuz', FOO: 'bar' }, line)
  t.same(got.args, ['single', '-x', 'y=z'])
  t.same(got.env, { HOME: '/', TERM: 'linux', BOOT_IMAGE: '/vmlinuz', FOO: 'bar' })
})

t.test('variables that the kernel cannot have set are dropped, its own are restored', async (t) => {
  const polluted = { HOME: '/root', TERM: 'vt102', PATH: '/bin', SHLVL: '1', FOO: 'other', 'rd.break': 'mount', BOOT_IMAGE: '/vmlinuz', GONE: undefined }
  t.same(initArguments(['/init'], polluted, line).env, { HOME: '/', TERM: 'linux', BOOT_IMAGE: '/vmlinuz' })
})

t.test('TERM= of the command line wins as it does in the kernel', async (t) => {
  const got = initArguments(['/init'], { HOME: '/', TERM: 'vt100' }, parseCommandLine('TERM=vt100'))
  t.same(got.env, { HOME: '/', TERM: 'vt100' })
})

t.test('a variable that the kernel kept for itself does not come back', async (t) => {
  t.same(initArguments(['/init'], { HOME: '/', TERM: 'linux' }, line).env, { HOME: '/', TERM: 'linux' })
})

t.test('without a command line the environment is taken as it is', async (t) => {
  t.same(initArguments(['/init'], { X: '1' }, null).env, { HOME: '/', TERM: 'linux', X: '1' })
})

t.test('the model of the kernel', async (t) => {
  const known = (key: string): boolean => ['root', 'ro', 'init', 'rdinit'].includes(key)
  t.same(predictInitArguments(line, known), {
    args: ['single', '-x', 'y=z'],
    env: { HOME: '/', TERM: 'linux', BOOT_IMAGE: '/vmlinuz', FOO: 'bar' },
  })
  t.same(predictInitArguments(parseCommandLine('auto A=1 init=/bin/sh b A=2 nvme.x=1'), known), {
    args: ['b'],
    env: { HOME: '/', TERM: 'linux', A: '2' },
  }, 'words in front of init= are forgotten, variables are not')
})
