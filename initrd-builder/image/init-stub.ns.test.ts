// The stub as PID 1 of a namespace: priority, argv, environment, and what it says when there is nothing to become.
//
// Its root is a directory in which /bin/fulcrum is a static busybox that prints what it was given.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { busybox } from '../../qemu-tests/harness/small-root.ts'
import { initStub } from './init-stub.ts'

function root(directory: string, program: string | null): string {
  for (const folder of ['bin', 'proc']) mkdirSync(join(directory, folder))
  writeFileSync(join(directory, 'init'), initStub(), { mode: 0o755 })
  cpSync(busybox(), join(directory, 'bin/busybox'))
  symlinkSync('busybox', join(directory, 'bin/sh'))
  if (program !== null) writeFileSync(join(directory, 'bin/fulcrum'), program, { mode: 0o755 })
  return directory
}

/** As the kernel does it, but for argv[0], which chroot(1) makes the path. */
const asFirst = (directory: string, args: readonly string[]): ReturnType<typeof spawnSync> =>
  spawnSync('unshare', ['--pid', '--fork', '--mount', 'chroot', directory, '/init', ...args], { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', A: 'b' } })

const SAY = `#!/bin/sh
/bin/busybox mount -t proc proc /proc
set -- "$@" nice $(/bin/busybox awk '{ print $19 }' /proc/$$/stat)
echo "$$ $A $#: $*"
`

t.test('PID 1 has nice -20, and everything else as it was', async t => {
  const { stdout, stderr, status } = asFirst(root(t.testdir(), SAY), ['one', 'two words'])
  t.same([stdout, stderr, status], ['1 b 4: one two words nice -20\n', '', 0])
})

t.test('another process keeps its priority', async t => {
  const directory = root(t.testdir(), SAY)
  const { stdout } = spawnSync('unshare', ['--mount', 'nice', '-n', '3', 'chroot', directory, '/init', 'x'], { encoding: 'utf8' })
  t.match(stdout, /: x nice 3\n$/)
})

t.test('nothing to become: it says which errno, and that is its status', async t => {
  for (const [program, errno] of [[null, 2], ['', 8]] as const) {
    const { stdout, stderr, status } = asFirst(root(t.testdir(), program), [])
    t.same([stdout, stderr, status], ['', `/init: Cannot execute '/bin/fulcrum': errno 00${errno}\n`, errno])
  }
})
