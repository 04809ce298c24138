// The packed executable on this machine: it starts with no environment and under any name, has no ICU, ignores
// NODE_OPTIONS, loads koffi's addon from each place, and its bytes depend on nothing but the inputs.
// What needs root (chroot, no /proc, read-only) is in smoke.ns.test.ts.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parseElf64, PT_GNU_RELRO, PT_LOAD } from './elf64.ts'
import { koffiAddon, projectRoot, projectVersion } from './project.ts'
import { EXPECTED, answerOf, packProbe, run } from './testing/probe.ts'

const fulcrum = path.join(projectRoot, 'dist/fulcrum')

t.test('the packed probe', async (t) => {
  const one = t.testdir({ work: {}, bin: {} })
  const probe = path.join(one, 'bin/probe')
  const bytes = await packProbe(path.join(one, 'work'))
  fs.writeFileSync(probe, bytes, { mode: 0o755 })

  t.test('packed again elsewhere, it has the same bytes', async (t) => {
    const other = fs.mkdtempSync('/tmp/fulcrum-smoke-another-')
    t.teardown(() => fs.rmSync(other, { recursive: true }))
    t.ok(bytes.equals(await packProbe(other)))
  })

  t.test('the ICU table is gone from the file, RELRO is not', async (t) => {
    const headers = parseElf64(bytes).programHeaders
    t.ok(bytes.length < 80e6, `${bytes.length} bytes`)
    t.ok(headers.some((header) => header.type === PT_GNU_RELRO))
    t.ok(
      headers.some((header) => header.type === PT_LOAD && header.memsz - header.filesz > 30e6),
      'its memory is a hole',
    )
  })

  t.test('starts with no environment at all', async (t) => {
    t.match(answerOf(run(probe, ['a', '-b'], {})), {
      ...EXPECTED,
      version: projectVersion(),
      argv: ['a', '-b'],
    })
  })

  t.test("NODE_OPTIONS and Node's own flags are not obeyed", async (t) => {
    const env = { NODE_OPTIONS: '--require=/nonexistent', NODE_EXTRA_CA_CERTS: '/nonexistent' }
    t.match(answerOf(run(probe, ['--inspect', '--version'], env)), {
      ...EXPECTED,
      argv: ['--inspect', '--version'],
    })
  })

  t.test('the addon can be chosen, and a bad choice is not fatal', async (t) => {
    t.match(answerOf(run(probe, [], { FULCRUM_KOFFI: koffiAddon })), EXPECTED)
    t.match(answerOf(run(probe, [], { FULCRUM_KOFFI: '/nonexistent.node' })), EXPECTED)
  })

  t.test('an addon beside the executable that is not one is passed over', async (t) => {
    const beside = path.join(path.dirname(probe), 'koffi.node')
    fs.writeFileSync(beside, 'not an addon')
    t.match(answerOf(run(probe, [], {})), EXPECTED)
    fs.copyFileSync(koffiAddon, beside)
    t.match(answerOf(run(probe, [], {})), EXPECTED)
  })

  t.test('extracting the asset leaves nothing behind', async (t) => {
    const left = ['/run', '/dev/shm', '/tmp', '/'].flatMap((directory) =>
      fs.readdirSync(directory).filter((name) => name.startsWith('.fulcrum-koffi-')),
    )
    t.same(left, [])
  })
})

t.test("fulcrum: V8 takes the command line's code cache", async (t) => {
  const result = run(fulcrum, ['help'], { FULCRUM_DEBUG: '1' })
  t.match(result, { status: 0, stderr: '' })
  t.match(result.stdout, 'switch_root')
})

t.test("fulcrum: V8 takes the program's code cache", async (t) => {
  t.match(run(fulcrum, ['--version'], { FULCRUM_DEBUG: '1' }), { status: 0, stderr: '' })
})

t.test('fulcrum: nobody reads what it says, and the exit status still says it', async (t) => {
  const script = 'sleep 0.3; "$0" version --nosuch; status=$?; "$0" help; echo "$status $?" >"$1"'
  const file = path.join(t.testdir(), 'statuses')
  // The reader has gone by then, or it goes while this is written: the same statuses, and no stack of Node.js.
  spawnSync('/bin/sh', ['-c', `{ ${script}; } 2>&1 | true`, fulcrum, file])
  t.equal(fs.readFileSync(file, 'utf8'), '100 141\n')
})

t.test('fulcrum: version and help under each of its names', async (t) => {
  t.match(run(fulcrum, ['--version'], {}), { status: 0, stdout: `fulcrum ${projectVersion()}\n` })
  for (const name of ['switch_root', 'run-init', 'pivot_root', 'shutdown', '/usr/sbin/switch_root']) {
    const result = run(fulcrum, ['--help'], {}, name)
    t.match(result, { status: 0, signal: null }, name)
    t.match(result.stdout, path.basename(name))
  }
})
