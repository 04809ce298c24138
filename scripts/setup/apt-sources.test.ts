// Tests of the source file reader: both formats, disabled entries, other vendors' entries.
import t from 'tap'
import { findMirrors } from './apt-sources.ts'

t.test('deb822, as Debian 12 and 13 images ship it', async (t) => {
  const text = [
    'Types: deb',
    '# a comment inside the stanza',
    'URIs: http://mirror.example/debian',
    'Suites: bookworm bookworm-updates',
    'Components: main',
    '',
    'Types: deb',
    'URIs: http://mirror.example/debian-security/',
    'Suites: bookworm-security',
    'Components: main',
  ].join('\n')
  t.same(findMirrors([{ name: 'debian.sources', text }]), {
    main: 'http://mirror.example/debian',
    security: 'http://mirror.example/debian-security',
  })
})

t.test('deb822 with continuation lines, disabled and source-only stanzas', async (t) => {
  const text = [
    'Enabled: no',
    'Types: deb',
    'URIs: http://wrong.example/debian',
    'Suites: trixie',
    '',
    'Types: deb-src',
    'URIs: http://wrong.example/src',
    'Suites: trixie',
    '',
    'Types: deb deb-src',
    'URIs:',
    '  http://right.example/debian',
    'Suites: trixie',
  ].join('\n')
  t.same(findMirrors([{ name: 'x.sources', text }]), { main: 'http://right.example/debian' })
})

t.test('one-line format, with options, and another vendor first', async (t) => {
  const text = [
    '# deb http://commented.example/debian trixie main',
    'deb [arch=amd64 signed-by=/x.gpg] https://vendor.example/node nodistro main',
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian/ trixie main',
    'deb-src http://m.example/debian trixie main',
    'deb http://s.example/debian-security trixie-security main',
  ].join('\n')
  t.same(findMirrors([{ name: 'sources.list', text }]), {
    main: 'http://m.example/debian',
    security: 'http://s.example/debian-security',
  })
})

t.test('no Debian mirror at all', async (t) => {
  t.equal(findMirrors([{ name: 'sources.list', text: 'deb http://archive.example/ubuntu noble main' }]), undefined)
})
