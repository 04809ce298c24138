// The smaller parsers of src/kmod: names, softdep, weakdep, modinfo, the alias filing.

import fc from 'fast-check'
import t from 'tap'
import { fnmatch } from './fnmatch.ts'
import { builtinAliases, parseBuiltinModinfo, parseModinfo } from './modinfo.ts'
import { isModulePath, moduleCompression, moduleNameOfPath, normalizeModuleName } from './module-name.ts'
import { makeAliasMatcher, parseModulesAlias } from './modules-alias.ts'
import { parseModulesSoftdep, parseModulesWeakdep } from './modules-softdep.ts'

t.test('module names and files', async t => {
  t.equal(normalizeModuleName('virtio-blk'), 'virtio_blk')
  t.equal(normalizeModuleName('usb:v05ACp026[0-9]-x'), 'usb:v05ACp026[0-9]_x', 'a range keeps its dash')
  t.equal(moduleNameOfPath('kernel/drivers/md/dm-mod.ko.zst'), 'dm_mod')
  t.equal(moduleNameOfPath('xor.ko'), 'xor')
  t.same(['a.ko', 'a.ko.gz', 'a.ko.xz', 'a.ko.zst'].map(moduleCompression), ['none', 'gz', 'xz', 'zst'])
  t.equal(isModulePath('kernel/a.koi'), false)
})

t.test('softdep: words before pre: and post: belong to nobody, lines add up', async t => {
  const parsed = parseModulesSoftdep('softdep cifs gcm\nsoftdep cifs pre: a-b\nsoftdep cifs pre: c post: d\n# softdep x pre: y')
  t.same([...parsed], [['cifs', { pre: ['a_b', 'c'], post: ['d'] }]])
})

t.test('weakdep', async t => {
  t.same([...parseModulesWeakdep('weakdep a b c-d\nweakdep a e')], [['a', ['b', 'c_d', 'e']]])
})

t.test('modinfo strings', async t => {
  const parsed = parseModinfo('license=GPL\0firmware=a/b.bin\0firmware=c=d\0junk\0')
  t.same(parsed.get('firmware'), ['a/b.bin', 'c=d'])
  const builtin = parseBuiltinModinfo('ahci.alias=pci:v1*\0ahci.alias=pci:v2*\0ahci.license=GPL\0nodot\0')
  t.same(builtinAliases(builtin), [{ pattern: 'pci:v1*', module: 'ahci' }, { pattern: 'pci:v2*', module: 'ahci' }])
})

t.test('an alias pattern with a space in it', async t => {
  t.same(parseModulesAlias('alias dmi*:svnSony Corp:* sony-laptop\nalias x\n'), [
    { pattern: 'dmi*:svnSony Corp:*', module: 'sony_laptop' },
  ])
})

t.test('filing patterns by bus and vendor loses no match', async t => {
  const bus = fc.constantFrom('pci:', 'usb:', 'acpi*:', '', 'p*')
  const piece = fc.constantFrom('v00008086', 'v1234p', 'd*', '*', 'a', 'v0000[89]', '?')
  const pattern = fc.tuple(bus, fc.array(piece, { maxLength: 4 })).map(([b, p]) => b + p.join('')).filter(p => p !== '')
  const text = fc
    .tuple(fc.constantFrom('pci:', 'usb:', 'acpi:', ''), fc.array(fc.constantFrom('v00008086', 'v1234p', 'd1', 'a', 'v00008'), { maxLength: 4 }))
    .map(([b, p]) => b + p.join(''))
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), text, (patterns, alias) => {
      const aliases = patterns.map((p, i) => ({ pattern: p, module: `m${i}` }))
      const expected = aliases.filter(a => fnmatch(a.pattern, alias)).map(a => a.module)
      t.same(makeAliasMatcher(aliases).match(alias), expected)
    }),
    { numRuns: 200 },
  )
})
