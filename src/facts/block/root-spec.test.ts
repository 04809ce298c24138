// root= in all its spellings.

import fc from 'fast-check'
import t from 'tap'
import { decodeUdev, parseRootSpec, rootSpecText, type RootSpec } from './root-spec.ts'

const uuid = '0d4dbbf5-3b2d-4a36-a0a5-19c6ad0c0c3a'

t.test('spellings', async t => {
  const cases: [value: string, fstype: string | null, expected: RootSpec][] = [
    ['/dev/vda1', null, { kind: 'name', name: 'vda1' }],
    ['/dev//nvme0n1p2', null, { kind: 'name', name: 'nvme0n1p2' }],
    ['"/dev/sda"', null, { kind: 'name', name: 'sda' }],
    ['block:/dev/sda', null, { kind: 'name', name: 'sda' }],
    ['/dev/mapper/vg-root', null, { kind: 'mapper', name: 'vg-root' }],
    ['/dev/cciss/c0d0p1', null, { kind: 'link', path: '/dev/cciss/c0d0p1' }],
    ['/dev/disk/by-id/virtio-root', null, { kind: 'link', path: '/dev/disk/by-id/virtio-root' }],
    ['/dev/disk/by-path/pci-0000:00:04.0', null, { kind: 'link', path: '/dev/disk/by-path/pci-0000:00:04.0' }],
    [`/dev/disk/by-uuid/${uuid}`, null, { kind: 'uuid', uuid }],
    ['/dev/disk/by-label/my\\x20root', null, { kind: 'label', label: 'my root' }],
    ['/dev/disk/by-label/gr\\xc3\\xbcn', null, { kind: 'label', label: 'grün' }],
    [`/dev/disk/by-partuuid/${uuid}`, null, { kind: 'partuuid', uuid, offset: 0 }],
    ['/dev/disk/by-partlabel/root', null, { kind: 'partlabel', label: 'root' }],
    [`UUID=${uuid}`, null, { kind: 'uuid', uuid }],
    [`uuid=${uuid}`, null, { kind: 'uuid', uuid }],
    [`UUID="${uuid}"`, null, { kind: 'uuid', uuid }],
    ['LABEL=my root', null, { kind: 'label', label: 'my root' }],
    ['LABEL=a=b', null, { kind: 'label', label: 'a=b' }],
    ['PARTUUID=0badcafe-02', null, { kind: 'partuuid', uuid: '0badcafe-02', offset: 0 }],
    ['PARTUUID=0badcafe-01/PARTNROFF=2', null, { kind: 'partuuid', uuid: '0badcafe-01', offset: 2 }],
    ['PARTUUID=0badcafe-03/PARTNROFF=-1', null, { kind: 'partuuid', uuid: '0badcafe-03', offset: -1 }],
    ['PARTLABEL=root', 'ext4', { kind: 'partlabel', label: 'root' }],
    ['254:1', null, { kind: 'number', major: 254, minor: 1 }],
    ['8:16:extra', null, { kind: 'number', major: 8, minor: 16 }],
    ['fe01', null, { kind: 'number', major: 254, minor: 1 }],
    ['801', null, { kind: 'number', major: 8, minor: 1 }],
    ['00100812', null, { kind: 'number', major: 8, minor: 0x112 }],
    ['fe01', 'virtiofs', { kind: 'tag', tag: 'fe01', fstype: 'virtiofs' }],
    ['myroot', null, { kind: 'tag', tag: 'myroot', fstype: null }],
    ['/dev/root', '9p', { kind: 'tag', tag: '/dev/root', fstype: '9p' }],
    ['virtiofs:host', null, { kind: 'tag', tag: 'host', fstype: 'virtiofs' }],
    ['9p:host', '9p', { kind: 'tag', tag: 'host', fstype: '9p' }],
  ]
  for (const [value, fstype, expected] of cases) t.same(parseRootSpec(value, fstype), { spec: expected, error: null }, value)
})

t.test('what is refused, and why', async t => {
  const cases: [value: string, error: RegExp][] = [
    ['', /empty root=/],
    ['""', /empty root=/],
    ['UUID=', /nothing behind UUID=/],
    ['FOO=bar', /'FOO' is none of/],
    ['PARTUUID=x/OTHER=1', /PARTNROFF/],
    ['/etc/passwd', /below \/dev/],
    ['/dev/../etc', /below \/dev/],
    ['/dev', /below \/dev/],
    ['nfs:server:/path', /not supported/],
    ['10.0.0.1:/path', /neither a device nor a tag/],
  ]
  for (const [value, error] of cases) t.match(parseRootSpec(value, null), { spec: null, error }, value)
})

t.test('a spec written out parses to itself', async t => {
  const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,20}$/)
  const spec: fc.Arbitrary<RootSpec> = fc.oneof(
    word.map(name => ({ kind: 'name' as const, name })),
    word.map(name => ({ kind: 'mapper' as const, name })),
    word.map(id => ({ kind: 'uuid' as const, uuid: id })),
    word.map(label => ({ kind: 'label' as const, label })),
    word.map(label => ({ kind: 'partlabel' as const, label })),
    fc.tuple(word, fc.integer({ min: -9, max: 9 })).map(([id, offset]) => ({ kind: 'partuuid' as const, uuid: id, offset })),
    fc.tuple(fc.nat(999), fc.nat(99999)).map(([major, minor]) => ({ kind: 'number' as const, major, minor })),
    fc.tuple(word, fc.constantFrom('virtiofs' as const, '9p' as const)).map(([tag, fstype]) => ({ kind: 'tag' as const, tag, fstype })),
  )
  fc.assert(fc.property(spec, s => {
    t.same(parseRootSpec(rootSpecText(s), null).spec, s)
  }), { numRuns: 60 })
})

t.test('nothing makes the parser throw', async t => {
  fc.assert(fc.property(fc.string(), fc.option(fc.string()), (value, fstype) => {
    const result = parseRootSpec(value, fstype)
    return (result.spec === null) !== (result.error === null)
  }))
  t.equal(decodeUdev('\\x2fa\\x'), '/a\\x')
})
