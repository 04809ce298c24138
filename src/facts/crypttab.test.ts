// crypttab(5): lines, options as arguments of cryptsetup(8), and what cannot be done.
//
// Man pages: crypttab(5), cryptsetup-open(8).
import t from 'tap'
import { crypttabLines, parseCryptOptions, parseCrypttab } from './crypttab.ts'

const TEXT = `# comment
root UUID=0f0c-1 /etc/keys/root.key luks,discard
  home\t/dev/sda3\tnone

broken
swap LABEL="my-swap" - -
my\\040disk /dev/sdb
`

t.test('lines', async (t) => {
  t.same(parseCrypttab(TEXT), [
    { name: 'root', device: 'UUID=0f0c-1', key: '/etc/keys/root.key', options: 'luks,discard' },
    { name: 'home', device: '/dev/sda3', key: null, options: '' },
    { name: 'swap', device: 'LABEL=my-swap', key: null, options: '' },
    { name: 'my disk', device: '/dev/sdb', key: null, options: '' },
  ])
})

t.test('those that an image of one machine needs, as they stand', async (t) => {
  t.equal(crypttabLines(TEXT, ({ name }) => name === 'root'), 'root UUID=0f0c-1 /etc/keys/root.key luks,discard\n')
  t.equal(crypttabLines(TEXT, () => false), '')
})

t.test('options', async (t) => {
  const defaults = parseCryptOptions('')
  t.same(defaults, {
    type: 'luks', tries: 3, timeoutMs: undefined, keyfileTimeoutMs: undefined, header: null, noauto: false, nofail: false, initrdAttach: false,
    tryEmpty: false, headless: false, args: [], keyfileArgs: [], cipher: null, unsupported: [],
  })
  const cases: readonly (readonly [string, Partial<typeof defaults>])[] = [
    ['luks,_netdev,x-systemd.device-timeout=5,initramfs', { initrdAttach: true }],
    ['tries=0', { tries: 0 }],
    ['tries=many', {}],
    ['timeout=10s,keyfile-timeout=2min', { timeoutMs: 10_000, keyfileTimeoutMs: 120_000 }],
    ['timeout=0', { timeoutMs: null }],
    ['discard,read-only,readonly', { args: ['--allow-discards', '--readonly'] }],
    ['no-read-workqueue,no-write-workqueue,same-cpu-crypt,submit-from-crypt-cpus', {
      args: ['--perf-same_cpu_crypt', '--perf-submit_from_crypt_cpus', '--perf-no_read_workqueue', '--perf-no_write_workqueue'],
    }],
    ['key-slot=2,keyfile-offset=512,keyfile-size=64', { args: ['--key-slot', '2'], keyfileArgs: ['--keyfile-offset', '512', '--keyfile-size', '64'] }],
    ['header=/etc/h.img,nofail,noauto,x-initrd.attach', { header: '/etc/h.img', nofail: true, noauto: true, initrdAttach: true }],
    ['try-empty-password,headless=yes', { tryEmpty: true, headless: true }],
    ['headless=no', {}],
    ['plain,cipher=aes-cbc-essiv:sha256,size=256,hash=plain', {
      type: 'plain', cipher: 'aes-cbc-essiv:sha256', args: ['--cipher', 'aes-cbc-essiv:sha256', '--key-size', '256', '--hash', 'plain'],
    }],
    ['cipher=aes', {}],
    ['tpm2-device=auto,keyscript=/x', { unsupported: ['tpm2-device', 'keyscript'] }],
  ]
  for (const [text, expected] of cases) t.same(parseCryptOptions(text), { ...defaults, ...expected }, text)
})
