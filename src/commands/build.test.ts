// The build command: flags, fulcrum.toml, output for people and programs, exit statuses.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeSysroot, smallSystem, testKernel } from '../../initrd-builder/testing/make-sysroot.ts'
import { buildCommand } from './build.ts'
import { inspectCommand, writeContent } from './inspect.ts'
import type { Command, CommandIo } from './command.ts'

interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

async function run(command: Command, args: readonly string[], over: Partial<CommandIo> = {}): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  const io: CommandIo = {
    stdout: text => { stdout += text },
    stderr: text => { stderr += text },
    isTerminal: false,
    env: {},
    kernel: () => { throw new Error('the builder needs no kernel') },
    ...over,
  }
  const status = await command.run(args, io)
  return { status, stdout, stderr }
}

function setUp(t: { testdir(): string }): { directory: string; root: string; image: string; flags: string[] } {
  const directory = t.testdir()
  const root = makeSysroot(join(directory, 'root'), smallSystem)
  const image = join(directory, 'image')
  return { directory, root, image, flags: ['-o', image, '--sysroot', root, '--binary', join(root, 'fulcrum')] }
}

t.test('a pipe gets nothing on either side, a terminal progress and a summary', async t => {
  const { flags, image } = setUp(t)
  t.same(await run(buildCommand, flags), { status: 0, stdout: '', stderr: '' })
  const { stdout, stderr } = await run(buildCommand, flags, { isTerminal: true })
  t.equal(stdout, '')
  t.match(stderr, /\r\x1b\[Kreading kernel modules …/)
  t.ok(stderr.includes(`${image}: `))
})

t.test('--json', async t => {
  const { flags, image } = setUp(t)
  const { stdout } = await run(buildCommand, [...flags, '--json', '-f', 'shell', '-c', 'gzip'])
  t.match(JSON.parse(stdout), { output: image, kernel: testKernel, compress: 'gzip', features: ['shell'], mode: 'generic' })
})

t.test('flags beat fulcrum.toml, lists add up, its paths are relative to it', async t => {
  const { directory, root } = setUp(t)
  mkdirSync(join(directory, 'conf'))
  const config = join(directory, 'conf/fulcrum.toml')
  writeFileSync(config, 'output = "../from-file"\nsysroot = "../root"\ncompress = "xz"\nfeatures = ["shell"]\nload = ["loud"]\n')
  const { stdout, stderr } = await run(buildCommand, ['--config', config, '-c', 'none', '-f', 'fsck', '--json', '--binary', join(root, 'fulcrum')])
  t.equal(stderr, '')
  t.match(JSON.parse(stdout), { output: join(directory, 'from-file'), compress: 'none', features: ['shell', 'fsck'], modules: 3 })
})

t.test('usage errors are 100, what is missing 111, what is refused 112', async t => {
  const { flags, directory } = setUp(t)
  const cases: [args: string[], status: number, message: RegExp][] = [
    [[], 100, /^fulcrum build: Cannot build: no --output\n/],
    [['--bogus'], 100, /Cannot understand option '--bogus'\n/],
    [['extra'], 100, /Cannot understand 'extra': expected options only/],
    [['-o', 'x', '--generic', '--host-only'], 100, /--generic and --host-only exclude each other/],
    [[...flags, '-c', 'lzo'], 100, /Cannot compress by 'lzo': there are 'zstd', 'lz4', 'gzip', 'xz', 'none'\n/],
    [[...flags, '-f', 'nosuch'], 100, /Cannot add feature 'nosuch'/],
    [[...flags, '--addon', join(directory, 'root/etc/os-release')], 112, /Cannot use '.*os-release' as '\/lib\/fulcrum\/koffi.node': it is no ELF file/],
    [[...flags, '-k', '9'], 111, /Cannot find kernel '9'/],
    [[...flags, '--config', '/nosuch'], 111, /Cannot read '\/nosuch': ENOENT \(No such file or directory\)\n/],
    [[...flags, '-o', directory], 112, /it exists and is not a regular file/],
  ]
  for (const [args, status, message] of cases) t.match(await run(buildCommand, args), { status, stdout: '', stderr: message })
})

t.test('--help and --feature list', async t => {
  t.match(await run(buildCommand, ['--help']), { status: 0, stdout: /^usage: fulcrum build --output FILE/ })
  t.match(await run(buildCommand, ['--feature', 'list']), { status: 0, stdout: /^shell +busybox/ })
})

t.test('inspect: summary, list, why, cat, extract of what build made', async t => {
  const { flags, image, directory } = setUp(t)
  await run(buildCommand, [...flags, '-f', 'shell'])
  t.match(await run(inspectCommand, [image]), { status: 0, stdout: /made by fulcrum, modules for 6\.1\.0-test/ })
  t.match(JSON.parse((await run(inspectCommand, [image, '--json'])).stdout), { maker: 'fulcrum', kernels: [testKernel] })
  t.match(await run(inspectCommand, [image, '--list']), { status: 0, stdout: /^crw------- 0\/0 +5, 1 \/dev\/console$/m })
  t.match(await run(inspectCommand, [image, '--why', '/sbin/busybox']), { status: 0, stdout: "/bin/busybox (from the image's manifest):\n  feature 'shell'\n" })
  t.match(await run(inspectCommand, [image, '--cat', '/etc/initrd-release']), { status: 0, stdout: /^ID=fulcrum\n/ })
  const out = join(directory, 'out')
  t.match(await run(inspectCommand, [image, '--extract', out]), { status: 0 })
  t.match(readFileSync(join(out, 'etc/initrd-release'), 'utf8'), /^ID=fulcrum\n/)
  t.match(await run(inspectCommand, [image, '--extract', out]), { status: 112, stderr: /the directory is not empty\n$/ })
})

t.test('inspect --cat: bytes that are no text, and nobody to take them', async t => {
  const bytes = Uint8Array.of(0xff, 0, 1, 2)
  const io = { stdout: () => { t.fail('no text') } }
  const fail = (code: string): never => { throw Object.assign(new Error(`${code}: no`), { code }) }
  const froms: number[] = []
  t.equal(writeContent(bytes, io, from => { froms.push(from); return 2 }), 0)
  t.same(froms, [0, 2])
  t.equal(writeContent(bytes, io, () => fail('EPIPE')), 141, 'silently')
  t.throws(() => writeContent(bytes, io, () => fail('ENOSPC')), /Cannot write to standard output: ENOSPC/)
})

t.test('inspect: what goes wrong', async t => {
  const { flags, image, directory } = setUp(t)
  await run(buildCommand, flags)
  const cut = join(directory, 'cut')
  writeFileSync(cut, readFileSync(image).subarray(0, 3000))
  const cases: [args: string[], status: number, message: RegExp][] = [
    [[], 100, /Cannot inspect: no image given/],
    [[image, 'more'], 100, /unexpected argument 'more'/],
    [[image, '--list', '--why', '/x'], 100, /more than one of/],
    [[image, '--cat', '/init', '--json'], 100, /--cat writes the bytes of the file/],
    [['/nosuch'], 111, /Cannot open image '\/nosuch': ENOENT/],
    [[cut], 111, /Cannot read image '.*': segment \d at byte .* cut short/],
    [[image, '--why', '/nosuch'], 111, /Cannot find '\/nosuch' in image/],
    [[image, '--cat', '/bin'], 112, /it is a directory/],
  ]
  for (const [args, status, message] of cases) {
    const seen = await run(inspectCommand, args)
    t.match(seen, { status, stderr: message })
    if (!args.includes('--json')) t.equal(seen.stdout, '')
  }
})
