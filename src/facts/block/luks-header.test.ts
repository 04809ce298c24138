// Headers of LUKS 1 and 2 as bytes: what algorithms they need.
//
// Source: LUKS1 on-disk format 1.2.3, LUKS2 on-disk format 1.1.
import t from 'tap'
import { luksHeaderBytes, luksModules, parseLuksHeader } from './luks-header.ts'

function header(version: number, size: number, write: (bytes: Buffer) => void): Uint8Array {
  const bytes = Buffer.alloc(size)
  bytes.write('LUKS\xba\xbe', 'latin1')
  bytes.writeUInt16BE(version, 6)
  if (version === 2) bytes.writeBigUInt64BE(BigInt(size), 8)
  write(bytes)
  return bytes
}

const luks1 = header(1, 4096, (bytes) => {
  bytes.write('serpent', 8)
  bytes.write('cbc-essiv:sha256', 40)
})
const luks2 = (json: string): Uint8Array => header(2, 16384, (bytes) => void bytes.write(json, 4096))

t.test('LUKS1', async (t) => {
  t.equal(luksHeaderBytes(luks1), 4096)
  t.same(parseLuksHeader(luks1), { version: 1, ciphers: ['serpent-cbc-essiv:sha256'], integrity: null, tokens: [] })
})

t.test('LUKS2', async (t) => {
  const bytes = luks2(JSON.stringify({
    keyslots: { 0: { type: 'luks2', area: { encryption: 'aes-xts-plain64' } }, 1: { type: 'reencrypt', area: {} } },
    segments: { 0: { type: 'crypt', encryption: 'capi:gcm(aes)-random', integrity: { type: 'aead' } }, 1: { type: 'crypt', encryption: 'aes-xts-plain64' } },
    tokens: { 0: { type: 'systemd-tpm2' } },
  }))
  t.equal(luksHeaderBytes(bytes.subarray(0, 4096)), 16384)
  t.same(parseLuksHeader(bytes), { version: 2, ciphers: ['capi:gcm(aes)-random', 'aes-xts-plain64'], integrity: 'aead', tokens: ['systemd-tpm2'] })
})

t.test('what is none', async (t) => {
  t.equal(luksHeaderBytes(new Uint8Array(4096)), 0)
  t.equal(luksHeaderBytes(header(2, 4096, (bytes) => void bytes.writeBigUInt64BE(1n << 40n, 8))), 0, 'a size that is no header')
  t.equal(parseLuksHeader(new Uint8Array(4096)), null)
  for (const json of ['', '{', '7', 'null']) t.same(parseLuksHeader(luks2(json))?.ciphers ?? [], [], json)
})

t.test('modules', async (t) => {
  t.same(luksModules(['aes-xts-plain64', 'aes-xts-plain64'], null), ['dm_crypt', 'crypto-aes', 'crypto-ecb', 'crypto-xts', 'crypto-plain64'])
  t.same(luksModules(['serpent-cbc-essiv:sha256'], null), ['dm_crypt', 'crypto-serpent', 'crypto-cbc', 'crypto-essiv', 'crypto-sha256'])
  const authenticated = luksModules(['aes-xts-plain64'], 'hmac(sha256)')
  for (const name of ['dm_integrity', 'crypto-hmac', 'crypto-sha256', 'crypto-authenc']) t.ok(authenticated.includes(name), name)
})
