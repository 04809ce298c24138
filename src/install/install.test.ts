// Installing and uninstalling in a folder, with the real kernel: what is there afterwards, and after a stop at every call.
//
// The stop is a Kernel whose N-th change fails, with everything after it too: as a kill does, nothing can be undone then;
// or with that one only: then the install undoes what it did.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { install } from '../commands/install.ts'
import { parseInstallOptions } from '../commands/install-options.ts'
import { uninstallCommand } from '../commands/uninstall.ts'
import { capturedIo } from '../commands/testing/captured-io.ts'
import type { CapturedIo } from '../commands/testing/captured-io.ts'
import { SyscallError } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import type { Payload } from './layout.ts'

const kernel = createKoffiKernel()

function payload(version: string, pages: readonly string[] = ['fulcrum.1', 'switch_root.8']): Payload {
  return {
    program: Buffer.from(`program ${version}`), addon: Buffer.from(`addon ${version}`),
    texts: new Map([...pages.map((name): [string, string] => [`man/${name}`, `${name} ${version}`]), ['completions/fulcrum.bash', 'bash']]),
  }
}

/** Every file below a folder with its content, links as '-> TARGET', directories that are empty with '/'. */
function tree(root: string, at = ''): Record<string, string> {
  const entries = fs.readdirSync(path.join(root, at), { withFileTypes: true })
  if (entries.length === 0 && at !== '') return { [`${at}/`]: '' }
  return Object.assign({}, ...entries.map((entry) => {
    const file = `${at}/${entry.name}`
    if (entry.isDirectory()) return tree(root, file)
    if (entry.isSymbolicLink()) return { [file]: `-> ${fs.readlinkSync(path.join(root, file))}` }
    return { [file]: fs.readFileSync(path.join(root, file), 'utf8') }
  }))
}

const MANIFEST = '/usr/local/share/fulcrum/manifest.json'

/** The same without the record. */
function files(root: string): Record<string, string> {
  const { [MANIFEST]: _, ...rest } = tree(root)
  return rest
}

interface Run {
  readonly status: number
  readonly io: CapturedIo
}

function runInstall(root: string, what: Payload, args: readonly string[] = [], by: Kernel = kernel): Run {
  const io = capturedIo(by)
  return { status: install(what, parseInstallOptions(['--root', root, ...args]), io), io }
}

function runUninstall(root: string, args: readonly string[] = [], by: Kernel = kernel): Run {
  const io = capturedIo(by)
  const status = uninstallCommand.run(['--root', root, ...args], io)
  if (typeof status !== 'number') throw new Error('uninstall answers at once')
  return { status, io }
}

function folder(t: Test): string {
  const root = fs.mkdtempSync('/tmp/fulcrum-install-')
  t.teardown(() => fs.rmSync(root, { recursive: true }))
  return root
}

const installed = (version: string): Record<string, string> => ({
  '/usr/local/bin/fulcrum': `program ${version}`, '/usr/local/lib/fulcrum/koffi.node': `addon ${version}`,
  '/usr/local/share/man/man1/fulcrum.1': `fulcrum.1 ${version}`, '/usr/local/share/bash-completion/completions/fulcrum': 'bash',
})

const CHANGES: readonly string[] = ['write', 'open', 'mkdir', 'rmdir', 'unlink', 'symlink', 'rename', 'chmod', 'syncfs', 'flock']

/** A kernel whose change number `at` fails with ENOSPC, and with `forever` all that follow; `count` is how many there were. */
function failing(at: number, forever: boolean): { kernel: Kernel; count: () => number } {
  let count = 0
  const proxy = new Proxy(kernel, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (typeof name === 'string' && CHANGES.includes(name)) {
          count += 1
          if (count === at || (forever && count > at)) throw new SyscallError(name, [], 28)
        }
        return Reflect.apply(value, target, args)
      }
    },
  })
  return { kernel: proxy, count: () => count }
}

t.test('install, again, a later version, uninstall', async (t) => {
  const root = folder(t)
  fs.mkdirSync(`${root}/usr/local/share`, { recursive: true })
  t.match(runInstall(root, payload('1', ['fulcrum.1', 'old.7'])), { status: 0 })
  t.same(files(root), { ...installed('1'), '/usr/local/share/man/man7/old.7': 'old.7 1' })
  t.equal(fs.statSync(`${root}/usr/local/bin/fulcrum`).mode & 0o777, 0o755)
  t.match(runInstall(root, payload('1', ['fulcrum.1', 'old.7'])).io.out(), '0 files written, 5 were there')
  t.match(runInstall(root, payload('2')).io.out(), '1 of an earlier version removed')
  const { '/usr/local/share/man/man7/': old, ...rest } = files(root)
  t.same(rest, installed('2'))
  t.equal(old, '', 'its directory goes with the uninstall')
  t.match(runUninstall(root), { status: 0 })
  t.same(tree(root), { '/usr/local/share/': '' }, 'what was there before stays')
  t.match(runUninstall(root), { status: 112 })
})

t.test('the umask does not matter', async (t) => {
  const root = folder(t)
  const before = process.umask(0o77)
  t.teardown(() => process.umask(before))
  runInstall(`${root}/a/b`, payload('1'))
  t.equal(fs.statSync(`${root}/a/b/usr/local/share/man/man1`).mode & 0o777, 0o755)
  t.equal(fs.statSync(`${root}/a/b/usr/local/share/man/man1/fulcrum.1`).mode & 0o777, 0o644)
})

t.test('components: stand-ins by name, with the program that they are links to; an upgrade keeps them', async (t) => {
  const root = folder(t)
  t.match(runInstall(root, payload('1'), ['stand-ins']).io.out(), '/usr/local/lib/fulcrum/bin')
  t.equal(fs.readFileSync(`${root}/usr/local/lib/fulcrum/bin/switch_root`, 'utf8'), 'program 1')
  t.equal(fs.existsSync(`${root}/usr/local/share/man/man1`), false)
  runInstall(root, payload('2'))
  t.equal(fs.readFileSync(`${root}/usr/local/lib/fulcrum/share/man/man8/switch_root.8`, 'utf8'), 'switch_root.8 2')
  t.equal(runUninstall(root).status, 0)
  t.same(tree(root), {})
})

t.test('components: the module of dracut, by name, with the program; uninstall takes all of it', async (t) => {
  const root = folder(t)
  fs.mkdirSync(`${root}/usr/lib/dracut/modules.d/80base`, { recursive: true })
  const before = payload('1')
  const texts = new Map([...before.texts, ['dracut/50fulcrum/module-setup.sh', 'at=@PREFIX@/bin/fulcrum'], ['dracut/50fulcrum/switch_root', '#!/bin/sh']])
  t.match(runInstall(root, { ...before, texts }, ['dracut', '--prefix', '/opt/f']).io.out(), /dracut --force/)
  const module = `${root}/usr/lib/dracut/modules.d/50fulcrum`
  t.equal(fs.readFileSync(`${module}/module-setup.sh`, 'utf8'), 'at=/opt/f/bin/fulcrum')
  t.equal(fs.statSync(`${module}/switch_root`).mode & 0o777, 0o755)
  t.equal(fs.readFileSync(`${root}/opt/f/bin/fulcrum`, 'utf8'), 'program 1')
  const { status, io } = runUninstall(root, ['--prefix', '/opt/f'])
  t.equal(status, 0)
  t.match(io.out(), /dracut --force' takes it out of the initramfs/)
  t.same(tree(root), { '/usr/lib/dracut/modules.d/80base/': '' })
})

t.test("components: hooks of initramfs-tools and mkinitcpio, in an administrator's place or a package's", async (t) => {
  const before = payload('1')
  const texts = new Map([...before.texts, ['initramfs-tools/hooks/fulcrum', 'program=@PREFIX@/bin/fulcrum'], ['mkinitcpio/install/fulcrum', 'build']])
  for (const [prefix, folders] of [['/usr', ['/usr/share/initramfs-tools', '/usr/lib/initcpio']], ['/usr/local', ['/etc/initramfs-tools', '/etc/initcpio']]] as const) {
    const root = folder(t)
    t.match(runInstall(root, { ...before, texts }, ['--prefix', prefix, 'initramfs-tools', 'mkinitcpio']).io.out(), /update-initramfs -u[^]*mkinitcpio -P/)
    t.equal(fs.readFileSync(`${root}${folders[0]}/hooks/fulcrum`, 'utf8'), `program=${prefix}/bin/fulcrum`)
    t.equal(fs.statSync(`${root}${folders[0]}/hooks/fulcrum`).mode & 0o777, 0o755)
    t.equal(fs.readFileSync(`${root}${folders[1]}/install/fulcrum`, 'utf8'), 'build')
    t.ok(fs.existsSync(`${root}${prefix}/bin/fulcrum`), 'with the program')
    t.equal(runInstall(root, { ...before, texts }, ['--prefix', prefix]).status, 0)
    t.ok(fs.existsSync(`${root}${folders[0]}/hooks/fulcrum`), 'an install of the usual keeps what is there')
    t.match(runUninstall(root, ['--prefix', prefix]).io.out(), /update-initramfs -u' takes it out[^]*mkinitcpio -P' takes it out/)
    t.same(tree(root), {})
  }
})

t.test('a file of somebody else stops the install before anything is changed', async (t) => {
  const root = folder(t)
  fs.mkdirSync(`${root}/usr/local/bin`, { recursive: true })
  fs.writeFileSync(`${root}/usr/local/bin/fulcrum`, 'mine')
  const { status, io } = runInstall(root, payload('1'), ['--json'])
  t.equal(status, 112)
  t.match(JSON.parse(io.out()), { refusal: { reason: 'file-not-ours', detail: `Cannot replace '${root}/usr/local/bin/fulcrum': fulcrum did not install it, or it was changed since` } })
  t.same(tree(root), { '/usr/local/bin/fulcrum': 'mine' })
  t.equal(runInstall(root, payload('1'), ['--force', '--dry-run']).status, 0)
  t.same(tree(root), { '/usr/local/bin/fulcrum': 'mine' })
  t.equal(runInstall(root, payload('1'), ['--force']).status, 0)
  t.same(files(root), installed('1'))
  fs.rmSync(`${root}/usr/local/bin/fulcrum`)
  fs.mkdirSync(`${root}/usr/local/bin/fulcrum`)
  t.match(runInstall(root, payload('1'), ['--force']).io.err(), /it is a directory or no regular file; move it away/)
})

t.test('a changed file stays, is named, and goes by force', async (t) => {
  const root = folder(t)
  runInstall(root, payload('1'))
  const page = '/usr/local/share/man/man1/fulcrum.1'
  fs.appendFileSync(`${root}${page}`, ' and more')
  t.match(runInstall(root, payload('2')), { status: 112 })
  t.match(runUninstall(root).io.err(), `Cannot remove '${root}${page}': it was changed since the install`)
  t.same(files(root), { [page]: 'fulcrum.1 1 and more' })
  t.equal(runUninstall(root, ['--force']).status, 0)
  t.same(tree(root), {})
})

t.test('a link that leads out of the root is not followed, and neither is a record that does', async (t) => {
  const root = folder(t)
  const other = folder(t)
  fs.mkdirSync(`${root}/usr`)
  fs.symlinkSync(other, `${root}/usr/local`)
  t.match(runInstall(root, payload('1')).io.err(), /leads out of the root, to '.*\[outside-of-root\]/)
  t.same(tree(other), {})
  fs.rmSync(`${root}/usr/local`)
  runInstall(root, payload('1'))
  const manifest = fs.readFileSync(`${root}${MANIFEST}`, 'utf8')
  fs.writeFileSync(`${root}${MANIFEST}`, manifest.replace('/usr/local/bin/fulcrum', '/../../bin/fulcrum'))
  t.match(runUninstall(root), { status: 111 })
  t.match(runInstall(root, payload('1')).io.err(), /Cannot read manifest '.*': it is damaged/)
})

t.test('another install at work', async (t) => {
  const root = folder(t)
  runInstall(root, payload('1'))
  const fd = kernel.open(`${root}/usr/local/share/fulcrum`, 0)
  kernel.flock(fd, 2)
  t.match(runInstall(root, payload('2')).io.err(), /another install or uninstall is at work/)
  t.match(runUninstall(root).io.err(), /another install or uninstall is at work/)
  kernel.close(fd)
  t.same(files(root), installed('1'))
})

t.test('a call that fails: before the renames all is undone, and afterwards the next install finishes it', async (t) => {
  const seen = new Set<string>()
  for (let at = 1; ; at += 1) {
    const root = folder(t)
    runInstall(root, payload('1'))
    const before = tree(root)
    const broken = failing(at, false)
    const { status } = runInstall(root, payload('2'), ['program', 'man', 'stand-ins'], broken.kernel)
    if (broken.count() < at) break
    if (status === 0) continue
    const after = files(root)
    if (JSON.stringify(tree(root)) === JSON.stringify(before)) seen.add('undone')
    else {
      seen.add('half')
      t.notOk(Object.keys(after).some((it) => it.endsWith('.fulcrum-new')) && !fs.existsSync(`${root}${MANIFEST}.pending`), `call ${at}: what is left is recorded`)
    }
    t.equal(runInstall(root, payload('3')).status, 0, `call ${at}`)
    t.match(files(root), installed('3'))
    t.equal(runUninstall(root).status, 0)
    t.same(tree(root), {}, `call ${at}`)
  }
  t.same([...seen].sort(), ['half', 'undone'])
})

t.test('a kill at any call leaves every file whole, and install and uninstall know what is left', async (t) => {
  for (const first of [true, false]) {
    for (const next of [runUninstall, (root: string) => runInstall(root, payload('3'))]) {
      for (let at = 1; ; at += 1) {
        const root = folder(t)
        if (!first) runInstall(root, payload('1'))
        const broken = failing(at, true)
        runInstall(root, payload('2'), [], broken.kernel)
        if (broken.count() < at) break
        for (const [file, content] of Object.entries(tree(root))) {
          if (!/\.fulcrum-new$|manifest|\/$/.test(file)) t.match(content, / [12]$|^bash$/, `${at}: ${file}`)
        }
        const { status } = next(root)
        t.ok(status === 0 || (first && status === 112), `call ${at}: ${status}`)
        if (status === 112) continue
        if (next !== runUninstall) t.same(files(root), installed('3'), `call ${at}`)
        else t.notOk(Object.keys(tree(root)).some((it) => !it.endsWith('/')), `call ${at}`)
      }
    }
  }
})
