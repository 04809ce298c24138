// Tests of the comparison of hand-overs: every difference is seen but the listed ones.
import t from 'tap'
import { compareFingerprints, fingerprintOf } from './fingerprint.ts'
import { parseGuestReport } from './guest-report.ts'

const lines = [
  '{"record":"fd","fd":0,"flags":"0x2","cloexec":0,"dev":"0:2"}',
  '{"record":"limits","nofile":"1024:4096"}',
  '{"record":"status","SigIgn":"0000000000000000"}',
  '{"record":"environment","values":["HOME=/","TERM=linux"]}',
  '{"record":"memory","MemFree":12345}',
]
const reference = fingerprintOf(parseGuestReport(lines.join('\n')).records)

t.test('equal but for what may differ', async (t) => {
  const other = lines.map((line) => line.replace('"0:2"', '"0:6"').replace('12345', '9'))
  t.same(compareFingerprints(reference, fingerprintOf(parseGuestReport(other.join('\n')).records)), [])
  t.equal(reference.size, 6)
})

t.test('O_LARGEFILE and limits that follow memory', async (t) => {
  const of = (...texts: readonly string[]): ReturnType<typeof fingerprintOf> => fingerprintOf(parseGuestReport(texts.join('\n')).records)
  const kernel = of('{"record":"fd","fd":0,"flags":"0x2"}', '{"record":"limits","nproc":"1706:1706"}', '{"record":"status","SigQ":"0/1706"}')
  const ours = of('{"record":"fd","fd":0,"flags":"0x8002"}', '{"record":"limits","nproc":"1707:1707"}', '{"record":"status","SigQ":"0/1707"}')
  t.same(compareFingerprints(kernel, ours), [])
  const bad = of('{"record":"fd","fd":0,"flags":"0x8802"}', '{"record":"limits","nproc":"1706:1000"}', '{"record":"status","SigQ":"1/1706"}')
  t.equal(compareFingerprints(kernel, bad).length, 3, 'O_NONBLOCK, a changed limit and a queued signal are seen')
})

t.test('what cannot be compared is left out by name, and nothing else', async (t) => {
  const other = lines.map((line) => line.replace('HOME=/', 'HOME=/root').replace('1024:4096', '1:1'))
  const actual = fingerprintOf(parseGuestReport(other.join('\n')).records)
  t.same(compareFingerprints(reference, actual, [/^environment$/]), ['limits.nofile: kernel 1024:4096, we 1:1'])
})

t.test('each leak is named', async (t) => {
  const leaks: readonly (readonly [string, string, RegExp])[] = [
    ['"cloexec":0', '"cloexec":1', /^fd\.0\.cloexec: kernel 0, we 1$/],
    ['1024:4096', '4096:4096', /^limits\.nofile: /],
    ['"SigIgn":"0000000000000000"', '"SigIgn":"0000000000001000"', /^status\.SigIgn: /],
    ['"HOME=/"', '"HOME=/","PATH=/bin"', /^environment: .*PATH/],
  ]
  for (const [from, to, pattern] of leaks) {
    const actual = fingerprintOf(parseGuestReport(lines.join('\n').replace(from, to)).records)
    t.match(compareFingerprints(reference, actual).join('\n'), pattern)
  }
  const extra = fingerprintOf(parseGuestReport(`${lines.join('\n')}\n{"record":"fd","fd":7,"flags":"0x0"}`).records)
  t.match(compareFingerprints(reference, extra).join(), /fd\.7\.flags: kernel nothing, we 0x0/)
})
