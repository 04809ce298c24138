// Whether an init can be executed, on small trees in a temporary directory: links, modes, scripts, ELF.

import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { createKoffiKernel } from '../kernel/koffi-kernel.ts'
import { chaseInRoot } from './chase.ts'
import { classifyExecutable, machineName, machineRuns } from './executable.ts'
import { checkInit } from './init-check.ts'

const kernel = createKoffiKernel()

/** A 64-bit little-endian ELF with one PT_INTERP. */
function elf(machine: number, interpreter: string | null): Buffer {
  const bytes = Buffer.alloc(256)
  bytes.write('\x7fELF', 'latin1')
  bytes[4] = 2
  bytes[5] = 1
  bytes.writeUInt16LE(machine, 18)
  bytes.writeBigUInt64LE(64n, 32)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(interpreter === null ? 0 : 1, 56)
  if (interpreter !== null) {
    bytes.writeUInt32LE(3, 64)
    bytes.writeBigUInt64LE(128n, 72)
    bytes.writeBigUInt64LE(BigInt(interpreter.length + 1), 96)
    bytes.write(`${interpreter}\0`, 128)
  }
  return bytes
}

function tree(t: { testdir(content: Record<string, never>): string }, files: Record<string, { data: string | Buffer; mode?: number } | { link: string }>): string {
  const root = t.testdir({})
  for (const [name, file] of Object.entries(files)) {
    const full = path.join(root, name)
    fs.mkdirSync(path.dirname(full), { recursive: true })
    if ('link' in file) fs.symlinkSync(file.link, full)
    else fs.writeFileSync(full, file.data, { mode: file.mode ?? 0o755 })
  }
  return root
}

const X86_64 = 62
const good = { data: elf(X86_64, null) }

t.test('links are followed inside the root, absolute and relative', async (t) => {
  const root = tree(t, { 'usr/lib/systemd/systemd': good, 'sbin/init': { link: '/lib/systemd/systemd' }, lib: { link: 'usr/lib' }, 'a/b': { link: '../../../usr/lib/systemd' } })
  t.equal(chaseInRoot(kernel, root, '/sbin/init'), '/usr/lib/systemd/systemd')
  t.equal(chaseInRoot(kernel, root, '/a/b/systemd'), '/usr/lib/systemd/systemd', '".." stops at the root')
  t.equal(chaseInRoot(kernel, root, '/'), '/')
  t.strictSame(checkInit(kernel, root, 'x64', ['/sbin/init']), { path: '/sbin/init', resolved: '/usr/lib/systemd/systemd', problem: null, passedOver: [] })
})

t.test('a loop of links ends', async (t) => {
  const root = tree(t, { 'sbin/init': { link: 'init2' }, 'sbin/init2': { link: 'init' } })
  t.throws(() => chaseInRoot(kernel, root, '/sbin/init'), { code: 'ELOOP' })
  t.equal(checkInit(kernel, root, 'x64', ['/sbin/init']).problem?.reason, 'init-missing')
})

t.test('the first candidate that can run is taken; if none can, the first is explained', async (t) => {
  const root = tree(t, { 'bin/sh': good, 'sbin/init': { data: 'no magic' } })
  const found = checkInit(kernel, root, 'x64', ['/sbin/init', '/etc/init', '/bin/sh'])
  t.equal(found.path, '/bin/sh')
  t.match(found, { passedOver: [/'\/sbin\/init': neither an ELF file nor a script/] }, 'and it says which was there but could not run')
  const none = checkInit(kernel, root, 'x64', ['/sbin/init', '/etc/init'])
  t.equal(none.path, '/sbin/init')
  t.equal(none.problem?.reason, 'init-not-executable')
})

t.test('each reason', async (t) => {
  const root = tree(t, {
    directory: { link: '.' },
    plain: { data: elf(X86_64, null), mode: 0o644 },
    foreign: { data: elf(183, null) },
    dynamic: { data: elf(X86_64, '/lib64/ld-linux-x86-64.so.2') },
    script: { data: '#! /bin/nosuch -e\n' },
    deep: { data: '#!/deep\n' },
    empty: { data: '' },
  })
  const reasons: Record<string, string> = {
    '/nosuch': 'init-missing',
    '/plain/init': 'init-missing',
    '/directory': 'init-not-executable',
    '/plain': 'init-not-executable',
    '/empty': 'init-not-executable',
    '/foreign': 'init-wrong-architecture',
    '/dynamic': 'init-interpreter-missing',
    '/script': 'init-interpreter-missing',
    '/deep': 'init-not-executable',
  }
  for (const [file, reason] of Object.entries(reasons)) {
    const { problem } = checkInit(kernel, root, 'x64', [file])
    t.equal(problem?.reason, reason, `${file}: ${problem?.detail}`)
  }
  t.match(checkInit(kernel, root, 'x64', ['/script']).problem?.detail, /'\/bin\/nosuch'/, 'names the interpreter')
  t.match(checkInit(kernel, root, 'x64', ['/foreign']).problem?.detail, /aarch64/)
})

t.test('scripts and interpreters that exist are fine', async (t) => {
  const root = tree(t, { init: { data: '#!/bin/sh -e\nexit\n' }, 'bin/sh': { data: elf(X86_64, '/lib/ld.so') }, 'lib/ld.so': good })
  t.equal(checkInit(kernel, root, 'x64', ['/init']).problem, null)
})

t.test('classification of file heads', async (t) => {
  t.strictSame(classifyExecutable(Buffer.from('#!/bin/sh\n')), { kind: 'script', interpreter: '/bin/sh', argument: null })
  t.strictSame(classifyExecutable(Buffer.from('#!\t/bin/env  a b \n')), { kind: 'script', interpreter: '/bin/env', argument: 'a b' })
  t.strictSame(classifyExecutable(Buffer.from('#!\n')), { kind: 'unknown' })
  t.match(classifyExecutable(elf(X86_64, '/ld')), { kind: 'elf', machine: 62, bits: 64, interpreter: '/ld' })
  t.strictSame(classifyExecutable(elf(X86_64, '/ld').subarray(0, 40)), { kind: 'unknown' })
  t.match(classifyExecutable(fs.readFileSync(process.execPath).subarray(0, 4096)), { kind: 'elf', machine: 62, interpreter: /ld-linux/ })
  t.equal(machineName(4242), 'machine 4242')
  t.ok(machineRuns('x64', 3), 'i386 runs on x86-64')
  t.notOk(machineRuns('x64', 183))
})
