// fulcrum.toml: what it may say, and what is said of mistakes in it.

import t from 'tap'
import { parseConfig } from './config-file.ts'

const parse = (text: string): ReturnType<typeof parseConfig> => parseConfig(text, 'f.toml', path => (path.startsWith('/') ? path : `/base/${path}`))

t.test('every key', async t => {
  t.same(parse(`
output = "out.img"
kernel = "6.1"
sysroot = "/root"
kernel-sysroot = "k"
mode = "host-only"
features = ["shell"]
compress = "xz"
include = ["a:/b", "sysroot:/c"]
secrets = ["key:/etc/key"]
keep = "slim"
add-modules = ["m"]
omit-modules = ["o"]
load = ["l"]
microcode = false
binary = "bin"
addon = "addon"
`), {
    output: '/base/out.img', kernel: '6.1', sysroot: '/root', kernelSysroot: '/base/k', mode: 'host', features: ['shell'],
    compress: 'xz', include: [{ source: '/base/a', destination: '/b' }, { source: 'sysroot:/c' }], secrets: [{ source: '/base/key', destination: '/etc/key' }], keep: 'slim', addModules: ['m'],
    omitModules: ['o'], load: ['l'], microcode: false, binary: '/base/bin', addon: '/base/addon',
  })
  t.same(parse(''), {})
})

t.test('mistakes name the file, the line and the key', async t => {
  const bad: [text: string, message: RegExp][] = [
    ['kernel = "1"\ncompres = "xz"\n', /^Cannot read 'f\.toml', line 2: there is no key 'compres', there are 'output', /],
    ['\n\nfeatures = ["a", 3]\n', /^Cannot read 'f\.toml', line 3: key 'features', item 2 must be string, not 3$/],
    ['compress = "lz5"\n', /^Cannot read 'f\.toml', line 1: key 'compress' must be .*"zstd".*, not "lz5"$/],
    ['kernel = ""\n', /^Cannot read 'f\.toml', line 1: key 'kernel' /],
    ['kernel = 6\n', /key 'kernel' must be string, not 6$/],
    ['kernel = "6\n', /^Cannot read 'f\.toml', line 1: /],
    ['[table]\nkernel = "6"\n', /^Cannot read 'f\.toml', line 1: there is no key 'table'/],
  ]
  for (const [text, message] of bad) t.throws(() => parse(text), { message, kind: 'usage' })
})
