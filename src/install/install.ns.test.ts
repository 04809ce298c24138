// Installing where the file system says no: full, read-only, another user's; and a mount of its own below the prefix.
//
// Needs root and a private mount namespace (scripts/test.ts gives both).  tmpfs(5)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { MS_RDONLY, MS_REMOUNT } from '../abi/mount.ts'
import { capturedIo } from '../commands/testing/captured-io.ts'
import { install } from '../commands/install.ts'
import { parseInstallOptions } from '../commands/install-options.ts'
import { uninstallCommand } from '../commands/uninstall.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { Payload } from './layout.ts'

const kernel = createKoffiKernel()
const fulcrum = `${import.meta.dirname}/../../dist/fulcrum`

function payload(version: string, megabytes = 1): Payload {
  return { program: Buffer.alloc(megabytes << 20, version), addon: Buffer.from(version), texts: new Map([['man/fulcrum.1', version]]) }
}

function tmpfs(t: Test, directory: string, size: string): void {
  fs.mkdirSync(directory, { recursive: true })
  kernel.mount('tmpfs', directory, 'tmpfs', 0, `size=${size},mode=755`)
  t.teardown(() => kernel.umount2(directory, 2))
}

function folder(t: Test): string {
  const root = fs.mkdtempSync('/tmp/fulcrum-install-ns-')
  t.teardown(() => fs.rmSync(root, { recursive: true }))
  return root
}

function run(root: string, what: Payload): { status: number; err: string } {
  const io = capturedIo(kernel)
  return { status: install(what, parseInstallOptions(['--root', root]), io), err: io.err() }
}

const everything = (root: string): string[] => fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()

t.test('a full file system: a first install leaves nothing, an upgrade leaves the old version', async (t) => {
  const root = folder(t)
  tmpfs(t, root, '4m')
  t.match(run(root, payload('1', 5)), { status: 111, err: /ENOSPC .*; free some space/ })
  t.same(everything(root), [])
  t.equal(run(root, payload('1', 1)).status, 0)
  const before = everything(root)
  t.match(run(root, payload('2', 5)), { status: 111, err: /ENOSPC/ })
  t.same(everything(root), before)
  t.equal(fs.readFileSync(`${root}/usr/local/share/man/man1/fulcrum.1`, 'utf8'), '1')
  t.equal(run(root, payload('2', 2)).status, 0, 'the file system is as empty as before')
})

t.test('read-only: an error that says so; uninstall too, and it can be repeated', async (t) => {
  const root = folder(t)
  tmpfs(t, root, '8m')
  t.equal(run(root, payload('1')).status, 0)
  const before = everything(root)
  kernel.mount('', root, null, MS_REMOUNT | MS_RDONLY, null)
  t.match(run(root, payload('2')), { status: 111, err: /EROFS .*; mount that file system read-write/ })
  const io = capturedIo(kernel)
  t.equal(uninstallCommand.run(['--root', root], io), 111)
  t.match(io.err(), /Cannot uninstall from '.*': unlink\(.*EROFS/)
  kernel.mount('', root, null, MS_REMOUNT, null)
  t.same(everything(root), before)
  t.equal(uninstallCommand.run(['--root', root], capturedIo(kernel)), 0)
  t.same(everything(root), [])
})

t.test('the man pages on a file system of their own that is full', async (t) => {
  const root = folder(t)
  tmpfs(t, `${root}/usr/local/share/man`, '4k')
  fs.writeFileSync(`${root}/usr/local/share/man/other`, 'x'.repeat(4096))
  t.match(run(root, payload('1')), { status: 111, err: /ENOSPC/ })
  t.same(everything(root), ['usr', 'usr/local', 'usr/local/share', 'usr/local/share/man', 'usr/local/share/man/other'])
  fs.unlinkSync(`${root}/usr/local/share/man/other`)
  t.equal(run(root, payload('1')).status, 0, 'renames stay on their file system')
})

t.test('without permission', async (t) => {
  const root = folder(t)
  fs.chmodSync(root, 0o755)
  // A copy: the checkout may be in a directory that nobody else may enter.
  const copy = `${folder(t)}/fulcrum`
  fs.copyFileSync(fulcrum, copy)
  fs.chmodSync(path.dirname(copy), 0o755)
  const { status, stderr } = spawnSync(copy, ['install', '--root', root], { uid: 65534, gid: 65534, encoding: 'utf8' })
  t.match({ status, stderr }, { status: 111, stderr: /EACCES .*; run it as root, or choose another --prefix/ })
  t.same(everything(root), [])
})

t.test('killed at any time, the packed program leaves nothing that it cannot clean up', async (t) => {
  const root = folder(t)
  let killed = 0
  for (let ms = 60; ms < 300; ms += 30) {
    const { signal } = spawnSync(fulcrum, ['install', '--root', root], { timeout: ms, killSignal: 'SIGKILL' })
    if (signal === 'SIGKILL') killed += 1
    const program = `${root}/usr/local/bin/fulcrum`
    if (fs.existsSync(program)) t.equal(fs.statSync(program).size, fs.statSync(fulcrum).size, `${ms} ms: whole`)
    if (ms % 60 === 0) spawnSync(fulcrum, ['uninstall', '--root', root])
  }
  t.ok(killed > 0, `${killed} times`)
  t.equal(spawnSync(fulcrum, ['install', '--root', root]).status, 0)
  t.equal(spawnSync(fulcrum, ['uninstall', '--root', root]).status, 0)
  t.same(everything(root).filter((it) => !fs.statSync(`${root}/${it}`).isDirectory()), [])
})
