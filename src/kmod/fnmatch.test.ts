// fnmatch against the cases that modules.alias holds, and against a RegExp made of the same pattern.

import fc from 'fast-check'
import t from 'tap'
import { fnmatch } from './fnmatch.ts'

t.test('patterns as they stand in modules.alias', async t => {
  const cases: [pattern: string, text: string, expected: boolean][] = [
    ['pci:v00008086d*sv*sd*bc01sc06i01*', 'pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01', true],
    ['pci:v00008086d*sv*sd*bc01sc06i01*', 'pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i00', false],
    ['usb:v05ACp026[0-9A-F]d*', 'usb:v05ACp026Cd0100', true],
    ['usb:v05ACp026[!0-9]d*', 'usb:v05ACp0261d0100', false],
    ['input:b*v*e*-e*k*r*a*m*l*s*f*w*', 'input:b0019v0000e0000-e0,1,k74,ramlsfw', true],
    ['acpi*:PNP0A08:*', 'acpi:PNP0A08:PNP0A03:', true],
    ['a*b*c', 'a-b-b-c-c', true],
    ['a*b*c', 'a-b-b-c-d', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a?c', 'ac', false],
    ['[]a]', ']', true],
    ['[a', '[a', true],
  ]
  for (const [pattern, text, expected] of cases) t.equal(fnmatch(pattern, text), expected, `${pattern} ~ ${text}`)
})

t.test('agrees with a regular expression of the same meaning', async t => {
  const element = fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', '[a-b]')
  fc.assert(
    fc.property(fc.array(element, { maxLength: 8 }), fc.stringMatching(/^[abc]{0,10}$/), (elements, text) => {
      const source = elements.map(e => (e === '*' ? '.*' : e === '?' ? '.' : e.replace('!', '^'))).join('')
      return fnmatch(elements.join(''), text) === new RegExp(`^${source}$`, 's').test(text)
    }),
  )
  t.pass('500 random pairs')
})
