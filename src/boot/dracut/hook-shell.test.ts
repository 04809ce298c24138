// What hooks leave for PID 1: variables, a root of their own, a boot that they stop. The shell itself is tested in
// initrd-builder/dracut-hooks/shell.test.ts; here a program of the model stands for it.

import t from 'tap'
import { file } from '../../kernel/model/vfs.ts'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { readParameters } from '../parameters.ts'
import { play } from '../scripted-boot-for-tests.ts'
import { formatVariables, parseVariables } from './hook-variables.ts'
import { withHookVariables } from './root-by-hooks.ts'

const RUNNER = '/lib/fulcrum/run-hooks'

t.test('variables there and back', async (t) => {
  const all = { a: 'plain', b: "it's 'quoted'", c: 'two\nlines', d: '', e: "x'\\''y" }
  t.same(Object.fromEntries(parseVariables(formatVariables(all))), all)
  t.same([...parseVariables("not this\nexport one='1'\ntwo='2'\nthree=3\n")], [['one', '1'], ['two', '2']])
})

t.test('what hooks say about the root', async (t) => {
  const given = readParameters(parseCommandLine('root=UUID=1-2 rootflags=noatime rw')).values
  const after = (variables: Readonly<Record<string, string>>): unknown => withHookVariables(given, new Map(Object.entries(variables)))
  t.same(after({}), { ...given, rootFlags: '' }, 'nothing but the options, which they would have repeated')
  t.match(after({ root: 'block:/dev/disk/by-uuid/1-2', rflags: 'noatime,rw' }), { root: 'UUID=1-2', rootFlags: 'noatime', readOnly: false }, 'the same in other words')
  t.match(after({ root: 'LABEL=other', fstype: 'xfs', rflags: 'ro,discard' }), { root: 'LABEL=other', rootFstypes: ['xfs'], rootFlags: 'discard', readOnly: true })
})

t.test('a boot with hooks', async (t) => {
  const calls: string[] = []
  const { output, execs } = play({
    commandLine: 'root=/dev/vda', files: { [RUNNER]: file('#!/bin/sh\n', 0o755), '/var/lib/dracut/hooks/pre-pivot/50-a.sh': file(''), '/etc/dracut/hooks/pre-mount/50-b.sh': file('') },
    arrange: (kernel) => void kernel.world.programs.set(RUNNER, (args) => {
      calls.push(args.join(' '))
      return { code: 0 }
    }),
  })
  t.same(calls, ['run cmdline', 'run pre-mount', 'run pre-pivot'], 'points without hooks start no shell')
  t.equal(execs.length, 1, output)
})

t.test('a hook that says die opens the rescue console, and everything runs again', async (t) => {
  const calls: string[] = []
  const { output, execs, model } = play({
    commandLine: 'root=/dev/vda', typed: ['set fsck.repair=yes', 'retry'],
    files: { [RUNNER]: file('#!/bin/sh\n', 0o755), '/var/lib/dracut/hooks/pre-mount/50-a.sh': file(''), '/var/lib/dracut/hooks/emergency/50-e.sh': file('') },
    arrange: (kernel) => void kernel.world.programs.set(RUNNER, (args) => {
      calls.push(args.join(' '))
      const isMended = kernel.readText('/run/fulcrum/hooks/cmdline').includes('fsck.repair=yes')
      if (args[1] !== 'pre-mount' || isMended) return { code: 0 }
      kernel.writeFile('/var/lib/dracut/hooks/emergency/80-made.sh', '')
      kernel.writeFile('/run/fulcrum/hooks/stopped', 'die\nthe disk is on fire\n')
      return { code: 77 }
    }),
  })
  t.notOk(model.exists('/var/lib/dracut/hooks/emergency/80-made.sh'), 'what it queued is forgotten')
  t.ok(model.exists('/var/lib/dracut/hooks/emergency/50-e.sh'))
  t.match(output, /Cannot go on: a hook of 'pre-mount' gave up: the disk is on fire \[hook-stopped\]/)
  // The exec itself fails on this machine, which opens the console once more.
  t.same(calls, ['run cmdline', 'run pre-mount', 'run emergency', 'run cmdline', 'run pre-mount', 'run emergency'])
  t.equal(execs.length, 1, output)
})

t.test('what is set at a stop is in the line of the hooks that come, and newer than what a hook said', async (t) => {
  const lines: string[] = []
  const said: string[] = []
  const { execs, output } = play({
    commandLine: 'root=/dev/vdx rd.break=pre-mount', typed: ['set mine=two\\ words', 'set root=/dev/vda', 'continue'],
    files: { [RUNNER]: file('#!/bin/sh\n', 0o755), '/var/lib/dracut/hooks/pre-mount/50-a.sh': file('') },
    arrange: (kernel) => void kernel.world.programs.set(RUNNER, (args) => {
      lines.push(`${args[1] ?? ''}: ${kernel.readText('/run/fulcrum/hooks/cmdline').trim()}`)
      said.push(parseVariables(kernel.readText('/run/fulcrum/hooks/variables')).get('root') ?? '')
      if (args[1] === 'cmdline') kernel.appendFile('/run/fulcrum/hooks/variables', "root='/dev/vdy'\nrflags='discard'\n")
      return { code: 0 }
    }),
  })
  t.match(lines[0], /^cmdline: root=\/dev\/vdx rd.break=pre-mount$/, output)
  t.match(lines[1], /^pre-mount: root=\/dev\/vdx rd.break=pre-mount .*root=\/dev\/vda/)
  t.same(said, ['/dev/vdx', 'block:/dev/vda'])
  t.match(execs[0]?.record, /discard/, 'what a hook said of the options still holds')
})

t.test('a root that a hook takes for its own and does not mount is refused', async (t) => {
  const { output, execs } = play({
    commandLine: 'root=mine:x', files: { [RUNNER]: file('#!/bin/sh\n', 0o755) },
    arrange: (kernel) => void kernel.world.programs.set(RUNNER, (args) => {
      if (args[1] === 'cmdline') kernel.appendFile('/run/fulcrum/hooks/variables', "rootok='1'\n")
      return { code: 0 }
    }),
  })
  t.match(output, /took root='mine:x' for its own .*\[root-not-mounted\]/)
  t.equal(execs.length, 0)
})
