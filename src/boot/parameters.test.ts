// Every parameter of the table: its effect, its bad values, and that nothing on a command line can make
// reading it fail.
//
// Man pages and sources are named in the file that is tested.

import t from 'tap'
import fc from 'fast-check'
import { parseCommandLine } from '../facts/cmdline.ts'
import { findParameter, parameters } from './parameter-table.ts'
import { networkParameters } from './words/network-words.ts'
import { readParameters } from './parameters.ts'
import type { BootParameters } from './parameters.ts'
import { luksParameters } from './words/luks-words.ts'
import { volumeParameters } from './words/volume-words.ts'
import { layerCases } from './words/layer-cases-for-tests.ts'

const read = (text: string): BootParameters => readParameters(parseCommandLine(text)).values
const problems = (text: string): string[] => readParameters(parseCommandLine(text)).problems.map((p) => p.detail)

/** Tested in network-words.test.ts. */
const NO_NETWORK = read('').network

t.test('defaults', async (t) => {
  t.same(read(''), {
    root: null, gptAuto: true, rootFstypes: [], rootFlags: '', readOnly: true, rootTimeoutMs: 90_000, rootDelayMs: 0, init: null,
    logLevel: 'normal', rebootAfterS: null, breaks: [], rescueShell: true, blacklist: [], preload: [], usr: null,
    fsckMode: 'auto', fsckRepair: 'preen', engine: 'auto', keep: null, secrets: [], dryRun: false, processRules: [], processMarks: true, timestamps: true, shutdownTimeoutMs: null,
    block: read('').block,
    layers: {
      verity: { root: null, '/usr': null }, overlay: null, overlayReadOnly: false, overlayReset: false,
      live: { directory: 'LiveOS', image: 'squashfs.img', toRam: false, isoFile: null }, resume: null, noResume: false,
    }, network: NO_NETWORK,
  })
  t.same(problems('BOOT_IMAGE=/x console=ttyS0 nomodeset systemd.unit=rescue.target rd.luks.uuid=1 a.b=c'), [], 'unknown words pass')
})

t.test('each word has its effect, and a bad value a problem and the default', async (t) => {
  const defaults = read('')
  const cases: readonly (readonly [string, Partial<BootParameters>, number])[] = [
    ['root=UUID=0A-b root=/dev/vda1', { root: '/dev/vda1' }, 0],
    ['root=LABEL="my disk"', { root: 'LABEL=my disk' }, 0],
    ['root=', { root: null }, 1],
    ['root', { root: null }, 1],
    ['systemd.gpt_auto=0', { gptAuto: false }, 0],
    ['rd.systemd.gpt_auto=no', { gptAuto: false }, 0],
    ['rootfstype=ext4,xfs', { rootFstypes: ['ext4', 'xfs'] }, 0],
    ['rootflags=subvol=@,noatime', { rootFlags: 'subvol=@,noatime' }, 0],
    ['rw', { readOnly: false }, 0],
    ['rw ro', { readOnly: true }, 0],
    ['ro rw', { readOnly: false }, 0],
    ['rootwait', { rootTimeoutMs: null }, 0],
    ['rootwait=5', { rootTimeoutMs: 5000 }, 0],
    ['rootwait=soon', { rootTimeoutMs: 90_000 }, 1],
    ['rootwait rd.timeout=3', { rootTimeoutMs: 3000 }, 0],
    ['rd.timeout=0', { rootTimeoutMs: null }, 0],
    ['rd.timeout=250ms', { rootTimeoutMs: 250 }, 0],
    ['rd.timeout=-1', { rootTimeoutMs: 90_000 }, 1],
    ['rd.retry=2min', { rootTimeoutMs: 120_000 }, 0],
    ['rootdelay=100', { rootTimeoutMs: 100_000, rootDelayMs: 100_000 }, 0],
    ['rootdelay=5', { rootTimeoutMs: 90_000, rootDelayMs: 5000 }, 0],
    ['init=/bin/sh', { init: '/bin/sh' }, 0],
    ['init=sh', { init: '/sh' }, 1],
    ['rootfstype=', {}, 1],
    ['rootfstype=ext4 rootfstype=', {}, 0],
    ['quiet', { logLevel: 'quiet' }, 0],
    ['quiet debug', { logLevel: 'debug' }, 0],
    ['debug fulcrum.log=quiet', { logLevel: 'quiet' }, 0],
    ['rd.debug=0', { logLevel: 'normal' }, 0],
    ['fulcrum.log=loud', { logLevel: 'normal' }, 1],
    ['panic=10', { rebootAfterS: 10 }, 0],
    ['panic=0', { rebootAfterS: null }, 0],
    ['panic=-1', { rebootAfterS: 0 }, 0],
    ['panic=10 fulcrum.panic=0', { rebootAfterS: null }, 0],
    ['fulcrum.panic=3 panic=0', { rebootAfterS: 3 }, 0],
    ['fulcrum.panic=x', { rebootAfterS: null }, 1],
    ['rd.break', { breaks: ['pre-switch'] }, 0],
    ['rd.break=mount rd.break=cmdline', { breaks: ['cmdline', 'mount'] }, 0],
    ['rd.break=pre-pivot,initqueue', { breaks: ['pre-mount', 'pre-switch'] }, 0],
    ['rd.break=mount rd.break=', { breaks: [] }, 0],
    ['rd.break=lunch', { breaks: [] }, 1],
    ['rd.shell=0', { rescueShell: false }, 0],
    ['rd.shell=maybe', { rescueShell: true }, 1],
    ['rd.driver.blacklist=a-b,c modprobe.blacklist=d module_blacklist=e', { blacklist: ['a_b', 'c', 'd', 'e'] }, 0],
    ['rd.driver.pre=loop,dm-mod rd.modules-load=x', { preload: ['loop', 'dm-mod', 'x'] }, 0],
    ['mount.usr=LABEL=u mount.usrfstype=erofs mount.usrflags=ro', { usr: { source: 'LABEL=u', fstypes: ['erofs'], flags: 'ro' } }, 0],
    ['fsck.mode=force fsck.repair=yes', { fsckMode: 'force', fsckRepair: 'yes' }, 0],
    ['fastboot', { fsckMode: 'skip' }, 0],
    ['forcefsck', { fsckMode: 'force' }, 0],
    ['fsck.mode=never', { fsckMode: 'auto' }, 1],
    ['fsck.repair=all', { fsckRepair: 'preen' }, 1],
    ['fulcrum.switch=pivot fulcrum.keep=none', { engine: 'pivot', keep: 'none' }, 0],
    ['fulcrum.keep=slim fulcrum.secret=/etc/a,/etc/b', { keep: 'slim', secrets: ['/etc/a', '/etc/b'] }, 0],
    ['fulcrum.keep=half fulcrum.secret=etc/a', { keep: null, secrets: [] }, 2],
    ['fulcrum.switch=jump', { engine: 'auto' }, 1],
    ['fulcrum.process=keep:/bin/a,kill:b fulcrum.process=c', {
      processRules: [
        { action: 'keep', exe: '/bin/a', where: 'fulcrum.process=keep:/bin/a' }, { action: 'kill', name: 'b', where: 'fulcrum.process=kill:b' },
      ],
    }, 1],
    ['fulcrum.process_marks=no', { processMarks: false }, 0],
    ['fulcrum.dry-run', { dryRun: true }, 0],
    ['fulcrum.dry_run=no', { dryRun: false }, 0],
    ['fulcrum.timestamps=no', { timestamps: false }, 0],
    ['fulcrum.shutdown_timeout=20', { shutdownTimeoutMs: 20_000 }, 0], ['fulcrum.shutdown_timeout=soon', { shutdownTimeoutMs: null }, 1],
    ...layerCases.map(([text, layers, count]) => [text, { layers: { ...defaults.layers, ...layers } }, count] as const),
  ]
  for (const [text, expected, count] of cases) {
    t.same(read(text), { ...defaults, ...expected }, text)
    t.equal(problems(text).length, count, `${text}: problems`)
  }
  // The table must not promise a word that nothing reads: each one appears in a case above.
  const used = new Set(cases.flatMap(([text]) => parseCommandLine(text).words.map((w) => findParameter(w.key)?.key)))
  const elsewhere = new Set([...luksParameters, ...volumeParameters, ...networkParameters].map((p) => p.key))
  t.same(parameters.filter((p) => !used.has(p.key) && !elsewhere.has(p.key)).map((p) => p.key), [], 'every parameter of the table is tried')
})

t.test('problems say what was expected, and guess', async (t) => {
  t.same(problems('rd.shell=maybe'), ["Cannot understand 'rd.shell=maybe': expected a boolean ('yes' or 'no'), ignoring"])
  t.same(problems('fulcrum.nosuch'), ["Cannot find a parameter 'fulcrum.nosuch', ignoring"], 'nothing is near')
  t.same(problems('fulcrum.swich=move'), ["Cannot find a parameter 'fulcrum.swich' (did you mean 'fulcrum.switch'?), ignoring"])
  t.same(problems('init=sh'), ["Cannot understand 'init=sh': expected an absolute path, taking '/sh'"])
  t.same(problems('rootfstype='), ["Cannot understand 'rootfstype=': expected 'TYPE[,TYPE…]' behind '=', ignoring"])
  t.same(problems('roothash=zz'), ["Cannot understand 'roothash=zz': expected 32 to 128 hexadecimal digits, an even number, opening nothing by it"])
  t.same(problems('roothash=zz systemd.verity=no'), [], 'not looked at')
  t.match(problems('resume=foo'), [/^Cannot understand 'resume=foo': expected \/dev\/NAME, UUID=, .* or 'none', ignoring$/])
  t.same(problems('netroot=foo'), ["Cannot understand 'netroot=foo': expected nfs:…, nbd:…, iscsi:… or dhcp, leaving it to hooks"])
  t.same(problems('init'), ["Cannot understand 'init' without a value: expected 'PATH' behind '=', ignoring"])
})

t.test('words behind "--" are not ours', async (t) => {
  t.equal(read('-- root=/dev/vda rd.break').root, null)
})

t.test('the table', async (t) => {
  const names = parameters.flatMap((p) => [p.key, ...p.aliases])
  t.equal(new Set(names).size, names.length, 'no name twice')
  for (const p of parameters) t.notMatch(p.summary, /\.$/, p.key)
})

t.test('any line can be read', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...parameters.map((p) => p.key)), fc.option(fc.string()))), (words) => {
      const { values } = readParameters(parseCommandLine(words.map(([k, v]) => (v === null ? k : `${k}=${v}`)).join(' ')))
      return values.rootTimeoutMs === null || values.rootTimeoutMs >= 0
    }),
  )
})
