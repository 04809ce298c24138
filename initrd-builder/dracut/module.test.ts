// The dracut module as text: the shells that read it take it, and what replaces a program does not leave PID 1 without one.
//
// What it does in images of dracut is qemu-tests/dracut.qemu.test.ts. bash(1), dash(1)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Test } from 'tap'

const MODULE = path.join(import.meta.dirname, '50fulcrum')

t.test('syntax', async (t) => {
  for (const [shell, file] of [['bash', 'module-setup.sh'], ['sh', 'fulcrum-keep.sh'], ['sh', 'switch_root']] as const) {
    const { status, stderr } = spawnSync(shell, ['-n', path.join(MODULE, file)], { encoding: 'utf8' })
    t.strictSame({ status, stderr }, { status: 0, stderr: '' }, `${shell} ${file}`)
  }
})

/** The stand-in with its programs in a folder of ours; a script has no libraries of its own, so that one cannot be missing. */
function standIn(t: Test, hasProgram: boolean, args: readonly string[]): { readonly stdout: string; readonly stderr: string } {
  const folder = fs.mkdtempSync('/tmp/fulcrum-dracut-')
  t.teardown(() => fs.rmSync(folder, { recursive: true }))
  fs.mkdirSync(`${folder}/usr/bin`, { recursive: true })
  fs.mkdirSync(`${folder}/usr/lib/fulcrum`, { recursive: true })
  const script = (name: string, text: string): void => fs.writeFileSync(`${folder}/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  if (hasProgram) script('usr/bin/fulcrum', 'echo ours "$@"')
  script('usr/lib/fulcrum/switch_root', 'echo original "$@"')
  fs.writeFileSync(`${folder}/switch_root`, fs.readFileSync(path.join(MODULE, 'switch_root'), 'utf8').replaceAll(' /usr/', ` ${folder}/usr/`))
  return spawnSync('sh', [`${folder}/switch_root`, ...args], { encoding: 'utf8' })
}

t.test('the stand-in hands on what is no boot, and leaves the switch to the original when the program cannot start', async (t) => {
  t.equal(standIn(t, true, ['/sysroot', '/sbin/init', 'a b']).stdout, 'ours switch_root /sysroot /sbin/init a b\n', 'not PID 1')
  const broken = standIn(t, false, ['/sysroot', '/sbin/init'])
  t.equal(broken.stdout, 'original /sysroot /sbin/init\n')
  t.match(broken.stderr, /Cannot start .*dracut --force/)
  t.equal(standIn(t, false, ['-h']).stdout, 'original -h\n')
})
