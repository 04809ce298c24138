// Mounting by NFS on a kernel that answers as told: versions in their order, a server that comes late or not at all,
// one that stumbles over a version, and names.
import t from 'tap'
import { errnoNumber } from '../../abi/errno.ts'
import type { ErrnoName } from '../../abi/errno.ts'
import { Trace } from '../../execute/trace.ts'
import { parseCommandLine } from '../../facts/cmdline.ts'
import { SyscallError } from '../../kernel/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { createModelKernel } from '../../kernel/model/model-kernel.ts'
import { BootFailure } from '../boot-failure.ts'
import { readParameters } from '../parameters.ts'
import type { MountedRoot } from '../storage/context.ts'
import { mountNfs } from './nfs-root.ts'
import { parseNfs } from './parse-netroot.ts'
import { firstAddress } from './server.ts'

interface Answers {
  /** What each mount(2) answers, by version. */
  readonly mount?: Readonly<Record<string, ErrnoName | 'hung'>>
  /** What stat(2) of the mounted root answers, by version. */
  readonly stat?: Readonly<Record<string, ErrnoName>>
  /** How many questions go unanswered. */
  readonly silent?: number
}

const fail = (call: string, code: ErrnoName): SyscallError => new SyscallError(call, [], errnoNumber(code) ?? 0)

function play(root: string, answers: Answers, version: string | null = null, line = 'rd.timeout=5'): { readonly calls: string[]; readonly result: MountedRoot | BootFailure } {
  const calls: string[] = []
  let now = 0n
  let silent = answers.silent ?? 0
  let mounted = ''
  const kernel: Kernel = {
    ...createModelKernel({ absoluteRoot: true, files: {} }),
    monotonicUs: () => now,
    sleepMs: (ms) => { now += BigInt(ms) * 1000n },
    probeTcp: (address, port) => {
      calls.push(`probe ${[...address].join('.')}:${port}`)
      now += 1_000_000n
      if (silent-- > 0) throw fail('connect', 'ECONNREFUSED')
    },
    bounded: (call) => {
      if (call.call !== 'mount') throw new Error(call.call)
      mounted = /vers=([\d.]+)/.exec(call.data ?? '')?.[1] ?? ''
      calls.push(`mount ${call.source} ${mounted}`)
      const answer = answers.mount?.[mounted]
      if (answer !== undefined && answer !== 'hung') throw fail('mount', answer)
      return answer === 'hung' ? 'hung' : 'done'
    },
    readdir: () => [],
    stat: () => {
      const answer = answers.stat?.[mounted]
      if (answer !== undefined) throw fail('stat', answer)
      return { dev: 0n, ino: 0n, mode: 0, rdev: 0n, uid: 0, gid: 0, size: 0n }
    },
    umount2: () => { calls.push('umount') },
  }
  const { value } = parseNfs(root, version)
  if (value === null) throw new Error(root)
  const log = { info: (): void => {}, warn: (): void => {}, debug: (): void => {}, setLevel: (): void => {} }
  const state = { kernel, parameters: readParameters(parseCommandLine(line)).values, log, trace: new Trace(() => now) }
  try {
    return { calls, result: mountNfs({ state, loader: { loadIfThere: () => {} } }, value, { role: 'root', spec: '', fstypes: [], options: '', readOnly: true, target: '/sysroot' }, null) }
  } catch (error) {
    if (error instanceof BootFailure) return { calls, result: error }
    throw error
  }
}

t.test('the newest version that the server has', async (t) => {
  t.same(play('10.0.2.2:/x', {}).calls, ['probe 10.0.2.2:2049', 'mount 10.0.2.2:/x 4.2'])
  t.match(play('10.0.2.2:/x', {}).result, { source: '10.0.2.2:/x', type: 'nfs4', options: 'ro,vers=4.2,addr=10.0.2.2,proto=tcp' })
  const old = play('10.0.2.2:/x', { mount: { '4.2': 'EPROTONOSUPPORT', '4.1': 'EPROTONOSUPPORT', '4.0': 'ENOENT' } })
  t.same(old.calls.slice(1), ['4.2', '4.1', '4.0', '3'].map((version) => `mount 10.0.2.2:/x ${version}`))
  t.match(old.result, { type: 'nfs', options: /nolock/ })
  t.same(play('10.0.2.2:/x', { mount: { '4.2': 'EACCES' } }).calls.slice(1), ['mount 10.0.2.2:/x 4.2'], 'who says no says no to all')
  t.same(play('10.0.2.2:/x,vers=4.1,port=99', {}).calls, ['probe 10.0.2.2:99', 'mount 10.0.2.2:/x 4.1'])
  t.same(play('10.0.2.2:/x', { mount: { '4.2': 'EPROTONOSUPPORT', '4.1': 'EPROTONOSUPPORT', '4.0': 'EPROTONOSUPPORT' } }, '4').calls.at(-1), 'mount 10.0.2.2:/x 4.0')
})

t.test('a server that stumbles', async (t) => {
  const { calls, result } = play('10.0.2.2:/x', { stat: { '4.2': 'EREMOTEIO' } })
  t.same(calls.slice(1), ['mount 10.0.2.2:/x 4.2', 'umount', 'mount 10.0.2.2:/x 4.1'])
  t.match(result, { type: 'nfs4' })
})

t.test('a server that is late, silent, or unnamed', async (t) => {
  t.equal(play('10.0.2.2:/x', { silent: 2 }).calls.length, 4)
  const gone = play('10.0.2.2:/x', { silent: 99 })
  t.match(gone.result, { failure: { refusal: { reason: 'server-not-reached', detail: /10\.0\.2\.2:2049: nobody listens/ } } })
  t.ok(gone.calls.length < 8, 'rd.timeout is kept')
  t.match(play('10.0.2.2:/x', { mount: { '4.2': 'hung' } }).result, { failure: { refusal: { reason: 'server-not-reached', detail: /no answer/ } } })
  t.match(play('/x', {}).result, { failure: { refusal: { reason: 'server-not-reached', detail: /server is not told/ } } })
  t.match(play('server.example:/x', {}).result, { failure: { refusal: { reason: 'server-not-reached', detail: /Cannot look up the server 'server\.example'/ } } })
  t.equal(firstAddress('fe80::1%eth0 STREAM x\n2001:db8::2 STREAM server\n'), '2001:db8::2')
  t.equal(firstAddress(''), null)
})
