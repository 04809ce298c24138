// The packed executable where an initramfs leaves it: a root with its libraries and nothing else. No /proc, no /dev,
// no HOME, a read-only file system, directories that cannot execute, no space. Needs root and a private mount
// namespace (scripts/test.ts gives both). chroot(2)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { koffiAddon, projectRoot, projectVersion } from './project.ts'
import { EXPECTED, answerOf, copyInto, librariesOf, packProbe, run } from './testing/probe.ts'
import type { RunResult } from './testing/probe.ts'

const fulcrum = path.join(projectRoot, 'dist/fulcrum')

function sh(command: string, ...args: string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`Cannot run '${command} ${args.join(' ')}': ${result.stderr}`)
}

function requirePrivateNamespace(): void {
  if (process.getuid?.() !== 0) throw new Error('Cannot run this test: root is needed')
  if (fs.readlinkSync('/proc/self/ns/mnt') === fs.readlinkSync(`/proc/${process.ppid}/ns/mnt`)) {
    throw new Error('Cannot run this test: run it as `unshare --mount --propagation private node FILE`')
  }
}

/** A tmpfs with the programs, their libraries, and links of the names fulcrum goes by. Nothing else. */
function makeRoot(t: Test, programs: Record<string, Buffer | string>): string {
  const root = fs.mkdtempSync('/tmp/fulcrum-smoke-')
  sh('mount', '-t', 'tmpfs', '-o', 'size=400m,mode=755', 'tmpfs', root)
  t.teardown(() => {
    sh('umount', '--recursive', root)
    fs.rmdirSync(root)
  })
  fs.mkdirSync(`${root}/bin`)
  for (const [name, content] of Object.entries(programs)) {
    const file = `${root}/bin/${name}`
    fs.writeFileSync(file, typeof content === 'string' ? fs.readFileSync(content) : content, { mode: 0o755 })
    for (const library of librariesOf(file)) copyInto(root, library)
  }
  for (const library of librariesOf(koffiAddon)) copyInto(root, library)
  return root
}

function inRoot(root: string, program: string, ...args: string[]): RunResult {
  return run('/usr/sbin/chroot', [root, program, ...args], {})
}

requirePrivateNamespace()

t.test('the packed probe in a bare root', async (t) => {
  const work = fs.mkdtempSync('/tmp/fulcrum-smoke-work-')
  t.teardown(() => fs.rmSync(work, { recursive: true }))
  const root = makeRoot(t, { probe: await packProbe(work) })
  const before = fs.readdirSync(root)

  t.test('no /proc, no /dev, no HOME, nowhere to write but /', async (t) => {
    t.match(answerOf(inRoot(root, '/bin/probe', 'x')), { ...EXPECTED, argv: ['x'] })
    t.same(fs.readdirSync(root), before, 'the asset is gone again')
  })

  t.test('/run that cannot execute: the next place is taken', async (t) => {
    fs.mkdirSync(`${root}/run`)
    sh('mount', '-t', 'tmpfs', '-o', 'noexec', 'tmpfs', `${root}/run`)
    t.match(answerOf(inRoot(root, '/bin/probe')), EXPECTED)
    sh('umount', `${root}/run`)
  })

  t.test('/run with no space: the next place is taken, and nothing is left in it', async (t) => {
    sh('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', `${root}/run`)
    t.match(answerOf(inRoot(root, '/bin/probe')), EXPECTED)
    t.same(fs.readdirSync(`${root}/run`), [])
    sh('umount', `${root}/run`)
  })

  t.test(
    'read-only without the addon as a file: an error that says what was tried, not a crash',
    async (t) => {
      sh('mount', '-o', 'remount,ro', root)
      const result = inRoot(root, '/bin/probe')
      sh('mount', '-o', 'remount,rw', root)
      t.match(result, { status: 1, signal: null })
      t.match(result.stderr, /Cannot load koffi\.node: .*EROFS/)
    },
  )

  t.test('read-only with the addon where the image builder puts it', async (t) => {
    copyInto(root, koffiAddon, '/lib/fulcrum/koffi.node')
    sh('mount', '-o', 'remount,ro', root)
    const result = inRoot(root, '/bin/probe')
    sh('mount', '-o', 'remount,rw', root)
    t.match(answerOf(result), EXPECTED)
  })
})

t.test('fulcrum in a bare, read-only root', async (t) => {
  const root = makeRoot(t, { fulcrum })
  copyInto(root, koffiAddon, '/lib/fulcrum/koffi.node')
  for (const name of ['switch_root', 'pivot_root', 'run-init'])
    fs.symlinkSync('fulcrum', `${root}/bin/${name}`)
  sh('mount', '-o', 'remount,ro', root)
  t.match(inRoot(root, '/bin/fulcrum', '--version'), { status: 0, stdout: `fulcrum ${projectVersion()}\n` })
  for (const name of ['switch_root', 'pivot_root', 'run-init']) {
    const result = inRoot(root, `/bin/${name}`, '--help')
    t.match(result, { status: 0, signal: null }, name)
    t.match(result.stdout, name)
  }
})
