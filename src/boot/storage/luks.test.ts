// The assembler of encrypted devices against a cryptsetup that only compares keys: what is tried, asked and told.
//
// Devices are data, the console is a list of what is typed; null stands for nobody who types.
import t from 'tap'
import { Trace } from '../../execute/trace.ts'
import type { BlockDevice } from '../../facts/block/block-device.ts'
import { device, filesystem } from '../../facts/block/device-for-tests.ts'
import { parseRootSpec } from '../../facts/block/root-spec.ts'
import { superblock } from '../../facts/block/superblock.ts'
import { parseCommandLine } from '../../facts/cmdline.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { createModelKernel } from '../../kernel/model/model-kernel.ts'
import { dir, executable, file } from '../../kernel/model/vfs.ts'
import { BootFailure } from '../boot-failure.ts'
import type { ModuleLoader } from '../devices/index.ts'
import { readParameters } from '../parameters.ts'
import { createAssembly } from './assembly.ts'
import { createLuks } from './luks.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000000'
const B = 'bbbbbbbb-0000-4000-8000-000000000000'
const luks = (name: string, uuid: string): BlockDevice => device(name, { superblock: superblock({ type: 'crypto_LUKS', usage: 'crypto', uuid, label: null }) })
const stick = device('vdz', { superblock: filesystem({ label: 'stick' }) })

interface Machine {
  readonly line?: string
  readonly crypttab?: string
  readonly typed?: readonly (string | null)[]
  /** What opens each device. */
  readonly keys: Readonly<Record<string, readonly string[]>>
  readonly devices: readonly BlockDevice[]
  readonly files?: Readonly<Record<string, string>>
  readonly status?: number
  readonly wanted?: string
}

function play(machine: Machine): { readonly opened: string[]; readonly runs: string[]; readonly lines: string[]; readonly shown: string; readonly failure: string; readonly inputs: Uint8Array[]; readonly forget: () => void } {
  const model = createModelKernel({
    absoluteRoot: true,
    files: {
      '/sbin/cryptsetup': executable('x'), '/run': dir(),
      ...(machine.crypttab === undefined ? {} : { '/etc/crypttab': file(machine.crypttab) }),
      ...Object.fromEntries(Object.entries(machine.files ?? {}).map(([name, text]) => [`/etc/${name}`, file(text)])),
    },
  })
  // 0 to 2 are the console.
  for (const _ of [0, 1, 2]) model.open('/sbin/cryptsetup', 0)
  const typed = [...(machine.typed ?? [])]
  let shown = ''
  const kernel: Kernel = {
    ...model,
    tcgetattr: () => null,
    poll: (fds) => fds.map((fd) => ({ fd, revents: typed[0] === null ? 0 : 1 })),
    monotonicUs: () => BigInt(now += 100_000),
    read: (fd, into, position) => {
      if (fd !== 0) return model.read(fd, into, position)
      const bytes = Buffer.from(typed.shift() ?? '')
      into.set(bytes)
      return bytes.length
    },
    write: (fd, data) => void (fd === 1 ? (shown += String(data)) : model.write(fd, data)),
    exists: (path) => path.startsWith('/dev/v') || model.exists(path),
  }
  let now = 0
  const devices = [...machine.devices]
  const opened: string[] = []
  const runs: string[] = []
  const inputs: Uint8Array[] = []
  model.world.programs.set('/sbin/cryptsetup', (args, options) => {
    runs.push(args.join(' '))
    if (options.input !== undefined) inputs.push(options.input)
    if (machine.status !== undefined) return { code: machine.status, stderr: 'it said no' }
    const name = args.at(-1) ?? ''
    const path = args.at(-2) ?? ''
    const keyFile = args[args.indexOf('--key-file') + 1] ?? ''
    const key = keyFile === '-' ? Buffer.from(options.input ?? []).toString() : model.readText(keyFile)
    if (machine.keys[path]?.includes(key) !== true) return { code: 2, stderr: 'No key available with this passphrase.' }
    opened.push(name)
    devices.push(device(`dm-${opened.length}`, { mapperName: name, slaves: [path.slice(5)] }))
    return { code: 0 }
  })
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const log = { info: say, warn: say, debug: say, setLevel: () => undefined }
  const loader: ModuleLoader = { load: () => [], loadIfThere: () => undefined, loadForDevice: () => 0, claims: () => false, isBlacklisted: () => false, trace: () => [] }
  const trace = new Trace(() => 0n)
  const assembler = createLuks({ kernel, log, trace, parameters: readParameters(parseCommandLine(machine.line ?? '')).values }, loader)
  if (assembler === null) throw new Error('no assembler')
  const { spec } = parseRootSpec(machine.wanted ?? 'LABEL=root', null)
  if (spec === null) throw new Error(machine.wanted)
  const assembly = createAssembly({ log, trace }, [assembler])
  let failure = ''
  try {
    for (let steps = 0; steps < 20; steps++) {
      if (!assembly.step(() => devices, null, spec) && !assembly.step(() => devices, 0, spec) && !assembly.step(() => devices, 11_000, spec)) break
    }
  } catch (error) {
    if (!(error instanceof BootFailure)) throw error
    failure = `${error.failure.refusal?.reason}: ${error.message}`
  }
  return { opened, runs, lines, shown, failure, inputs, forget: () => assembler.forget?.() }
}

t.test('an image without cryptsetup has none', async (t) => {
  const kernel = createModelKernel({ absoluteRoot: true, files: {} })
  const log = { info: () => undefined, warn: () => undefined, debug: () => undefined, setLevel: () => undefined }
  const loader: ModuleLoader = { load: () => [], loadIfThere: () => undefined, loadForDevice: () => 0, claims: () => false, isBlacklisted: () => false, trace: () => [] }
  t.equal(createLuks({ kernel, log, trace: new Trace(() => 0n), parameters: readParameters(parseCommandLine('')).values }, loader), null)
})

t.test('a passphrase: wrong ones are counted, Enter alone is not, the right one is tried on the next device', async (t) => {
  const keys = { '/dev/vda': ['right'], '/dev/vdb': ['right'] }
  const played = play({ devices: [luks('vda', A), luks('vdb', B)], keys, typed: ['wrong\n', '\n', 'right\n'] })
  t.same(played.opened, [`luks-${A}`, `luks-${B}`])
  t.ok(played.lines.includes('wrong passphrase for /dev/vda, 2 more tries'))
  t.equal(played.shown.match(/Passphrase for/g)?.length, 3)
  for (const run of played.runs) t.match(run, /^open --type luks --batch-mode --key-file - \/dev\/vd[ab] luks-[ab]/)
  t.notMatch(JSON.stringify([played.runs, played.lines, played.shown]), /right|"wrong"/, 'no secret in arguments or on the screen')
  t.same(played.inputs.map((bytes) => bytes[0] === 0), [true, false, false], 'a wrong one is overwritten at once')
  played.forget()
  t.ok(played.inputs.every((bytes) => bytes.every((byte) => byte === 0)), 'the right one when it is no longer needed')
})

t.test('giving up: after the last try, without an answer, by ^C, without a console', async (t) => {
  const one = { devices: [luks('vda', A)], keys: { '/dev/vda': ['right'] } }
  t.equal(play({ ...one, typed: ['1\n', '2\n', '3\n'] }).failure, "root-locked: Cannot unlock '/dev/vda': the passphrase was wrong 3 times")
  t.equal(play({ ...one, line: 'rd.luks.timeout=5', typed: [null] }).failure, "root-locked: Cannot unlock '/dev/vda': no passphrase was typed for 5 s")
  t.equal(play({ ...one, typed: ['\x03'] }).failure, "root-locked: Cannot unlock '/dev/vda': no passphrase was given")
  t.equal(play({ ...one, typed: [] }).failure, "root-locked: Cannot unlock '/dev/vda': there is no console to ask on")
  t.equal(play({ ...one, line: 'rd.luks.options=tries=1', typed: ['1\n'] }).failure, "root-locked: Cannot unlock '/dev/vda': the passphrase was wrong 1 times")
  t.equal(play({ ...one, line: 'rd.luks.options=headless' }).failure, "root-locked: Cannot unlock '/dev/vda': no key file opens it, and 'headless' forbids to ask")
})

t.test('^C goes on to the next device; the last one ends the wait', async (t) => {
  const both = { devices: [luks('vda', A), luks('vdb', B)], keys: { '/dev/vdb': ['right'] } }
  const skipped = play({ ...both, typed: ['\x03', 'right\n'] })
  t.same([skipped.opened, skipped.failure], [[`luks-${B}`], ''])
  t.match(play({ ...both, typed: ['\x03', '\x03'] }).failure, /^root-locked/)
  const absent = play({ devices: [luks('vda', A)], keys: {}, line: `rd.luks.uuid=${A} rd.luks.uuid=${B}`, typed: ['\x03'] })
  t.equal(absent.failure, '', 'the other one may still come')
  const optional = play({ devices: [luks('vda', A)], keys: {}, crypttab: `a UUID=${A} none nofail\n`, typed: ['\x03'] })
  t.equal(optional.failure, '', 'nofail')
})

t.test('a key file of the image; a wrong one or none, and a passphrase instead', async (t) => {
  const crypttab = `a UUID=${A} /etc/key keyfile-size=4,discard\n`
  const base = { devices: [luks('vda', A)], keys: { '/dev/vda': ['in file', 'typed'] }, crypttab }
  const good = play({ ...base, files: { key: 'in file' } })
  t.same(good.runs, ['open --type luks --batch-mode --allow-discards --key-file /etc/key --keyfile-size 4 /dev/vda a'])
  t.equal(good.shown, '')
  const wrong = play({ ...base, files: { key: 'other' }, typed: ['typed\n'] })
  t.same(wrong.opened, ['a'])
  t.ok(wrong.lines.includes("Cannot unlock '/dev/vda' with key file '/etc/key': it is the wrong key"))
  const none = play({ ...base, typed: ['typed\n'] })
  t.same(none.opened, ['a'])
  t.ok(none.lines.some((line) => line.startsWith("Cannot find key file '/etc/key'")))
})

t.test('a key file on another device is waited for', async (t) => {
  const base = { devices: [luks('vda', A)], keys: { '/dev/vda': ['typed'] }, line: 'rd.luks.key=/k:LABEL=stick', typed: ['typed\n'] }
  const late = play(base)
  t.same(late.opened, [`luks-${A}`])
  t.ok(late.lines.includes("Cannot find key file '/k' of 'LABEL=stick': it did not come; a passphrase is needed"))
  const impatient = play({ ...base, line: 'rd.luks.key=/k:LABEL=stick rd.luks.key.tout=60' })
  t.same([impatient.opened, impatient.shown], [[], ''], 'nobody is asked before')
  const there = play({ ...base, devices: [...base.devices, stick] })
  t.ok(there.lines.some((line) => line.includes("with key file '/k' of /dev/vdz")))
  t.same(there.opened, [`luks-${A}`], 'it cannot be mounted here: the passphrase')
})

t.test('what cannot be done is told, and what cryptsetup says', async (t) => {
  const tpm = play({ devices: [luks('vda', A)], keys: { '/dev/vda': ['x'] }, crypttab: `a UUID=${A} none tpm2-device=auto\n`, typed: ['x\n'] })
  t.same(tpm.opened, ['a'])
  t.ok(tpm.lines.includes("Cannot use 'tpm2-device' for 'a': fulcrum unlocks by passphrase or key file, ignoring"))
  const memory = play({ devices: [luks('vda', A)], keys: {}, status: 3, typed: ['x\n'] })
  t.match(memory.failure, /^root-locked: Cannot cryptsetup open .*it said no \(exit status 3\); its key derivation may need more memory/)
  t.ok(memory.inputs.every((bytes) => bytes.every((byte) => byte === 0)))
})

t.test('a header elsewhere, and plain dm-crypt', async (t) => {
  const detached = play({ devices: [device('vda')], keys: { '/dev/vda': ['x'] }, crypttab: 'a /dev/vda none header=/etc/h\n', files: { h: 'h' }, typed: ['x\n'] })
  t.same(detached.runs, ['open --type luks --batch-mode --header /etc/h --key-file - /dev/vda a'])
  const plain = play({ devices: [device('vda')], keys: { '/dev/vda': ['x'] }, crypttab: 'a /dev/vda none plain,cipher=aes-xts-plain64,size=512,hash=sha256\n', typed: ['x\n'] })
  t.same(plain.runs, ['open --type plain --batch-mode --cipher aes-xts-plain64 --key-size 512 --hash sha256 --key-file - /dev/vda a'])
})
