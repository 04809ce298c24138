// Facts of real directories: the program as execvp(3) would find it in the root, links that lead out of it, binds over it.

import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SyscallError } from '../../kernel/errors.ts'
import { createKoffiKernel } from '../../kernel/koffi-kernel.ts'
import type { MountDetails } from '../../kernel/kernel.ts'
import { bindOf, runFacts, serviceRequest } from './request-for-tests.ts'
import { readRunFacts } from './run-facts.ts'
import type { Bind, RunFacts, RunRequest, ServiceRequest } from './run-types.ts'

const kernel = createKoffiKernel()
const base = mkdtempSync(join(tmpdir(), 'fulcrum-run-facts-'))
t.teardown(() => rmSync(base, { recursive: true }))
const root = join(base, 'root')
const host = join(base, 'host')

function file(path: string, mode: number): void {
  writeFileSync(path, '')
  chmodSync(path, mode)
}

for (const path of ['usr/bin', 'usr/lib', 'opt/dir', 'data', 'srv']) mkdirSync(join(root, path), { recursive: true })
mkdirSync(join(host, 'tools/bin'), { recursive: true })
symlinkSync('usr/bin', join(root, 'bin'))
symlinkSync('/usr/lib', join(root, 'lib'))
symlinkSync('/usr/bin/tool', join(root, 'usr/lib/link'))
symlinkSync('../../../../../../../../etc', join(root, 'out'))
symlinkSync('loop', join(root, 'loop'))
symlinkSync('tools', join(host, 'alias'))
file(join(root, 'usr/bin/tool'), 0o755)
file(join(root, 'usr/bin/text'), 0o644)
file(join(root, 'opt/text'), 0o755)
file(join(host, 'tools/bin/extra'), 0o700)
file(join(host, 'settings'), 0o600)

const factsOf = (changes: Partial<ServiceRequest>): RunFacts => readRunFacts(kernel, { ...serviceRequest, root, ...changes }, runFacts.features)
const programOf = (name: string, changes: Partial<ServiceRequest> = {}): unknown => factsOf({ command: [name], ...changes }).program

t.test('programs', async (t) => {
  t.strictSame(programOf('tool'), { path: '/usr/bin/tool' }, 'by PATH')
  t.strictSame(programOf('tool', { env: { PATH: '/nowhere:/bin' } }), { path: '/bin/tool' }, 'in the first directory that has it, as PATH spells it')
  t.strictSame(programOf('tool', { env: {} }), { path: '/usr/bin/tool' }, 'a usual PATH where there is none')
  t.strictSame(programOf('text', { env: { PATH: '/usr/bin:/opt' } }), { path: '/opt/text' }, 'what cannot be executed is passed over')
  t.strictSame(programOf('/lib/link'), { path: '/lib/link' }, 'absolute links mean the root')
  t.strictSame(programOf('./tool', { workingDirectory: '/usr/bin' }), { path: '/usr/bin/./tool' }, 'from the working directory')
  t.strictSame(programOf('tool', { env: { PATH: '' }, workingDirectory: '/bin' }), { path: '/bin/./tool' }, 'an empty PATH is the working directory')
  t.match(programOf('nosuch'), { problem: 'command-not-found', detail: /'nosuch' is in none of .* PATH \(\/usr\/bin:\/bin\)/ })
  t.match(programOf('/nosuch/tool'), { problem: 'command-not-found', detail: /'\/nosuch\/tool' does not exist/ })
  t.match(programOf('text'), { problem: 'command-not-executable', detail: /no execute permission/ })
  t.match(programOf('/usr/bin'), { problem: 'command-not-executable', detail: /is a directory/ })
  t.match(programOf('/loop/x'), { problem: 'command-not-executable', detail: /ELOOP/ })
  t.match(programOf('/out/passwd'), { problem: 'command-not-found' }, 'no link leads out of the root')
  t.match(programOf(''), { problem: 'command-not-found' })
})

t.test('binds', async (t) => {
  const binds: Bind[] = [bindOf(join(host, 'alias'), '/opt/dir'), bindOf(join(host, 'settings'), '/data/missing'), bindOf('/nonexistent', '/srv')]
  const facts = factsOf({ binds, command: ['/opt/dir/bin/extra'] })
  t.strictSame(facts.program, { path: '/opt/dir/bin/extra' }, 'what is in a bind is found')
  t.strictSame(facts.sources, {
    [join(host, 'alias')]: { type: 'directory', path: join(host, 'tools') },
    [join(host, 'settings')]: { type: 'file', path: join(host, 'settings') },
    '/nonexistent': { type: 'missing', path: '/nonexistent' },
  })
  t.strictSame(facts.present, { '/': 'directory', '/opt/dir': 'directory', '/data/missing': 'missing', '/srv': 'directory' })
  t.match(programOf('/usr/lib/bin/extra', { binds: [bindOf(join(host, 'tools'), '/lib')] }), { path: '/usr/lib/bin/extra' }, 'a bind on a link is where the link leads')
  t.match(programOf('/data/bin/extra', { binds: [bindOf(host, '/data'), bindOf(join(host, 'tools/bin'), '/data/tools')] }), { problem: 'command-not-found' })
  t.match(programOf('/data/tools/extra', { binds: [bindOf(host, '/data'), bindOf(join(host, 'tools/bin'), '/data/tools')] }), { path: '/data/tools/extra' }, 'a bind in a bind')
  t.match(programOf('/usr/bin/tool', { binds: [bindOf(host, '/usr')] }), { problem: 'command-not-found' }, 'a bind hides what is below')
})

t.test('the root', async (t) => {
  t.match(factsOf({}).root, { exists: true, isDirectory: true, isHostRoot: false })
  t.match(factsOf({ root: '/' }).root, { isHostRoot: true })
  t.match(factsOf({ root: '/proc/self/root' }).root, { isHostRoot: true })
  t.match(factsOf({ root: join(root, 'usr/bin/tool') }), { root: { exists: true, isDirectory: false }, present: {} })
  t.match(factsOf({ root: join(base, 'nosuch') }), { root: { exists: false, isDirectory: false }, program: { problem: 'command-not-found' } })
  t.equal(factsOf({ workingDirectory: '/data/x' }).present['/data/x'], 'missing')
})

t.test('what costs is read for those only that need it', async (t) => {
  const read: string[] = []
  const watched = { ...facade(), readText: (path: string) => (read.push(path), kernel.readText(path)) }
  t.equal(readRunFacts(watched, { ...serviceRequest, root }, runFacts.features).hostRoot, null)
  t.strictSame(read, [])
  const older = { ...watched, uniqueMountId: () => { throw new SyscallError('statx', [], 38) } }
  read.length = 0
  t.equal(readRunFacts(older, { ...serviceRequest, root, engine: 'pivot' }, runFacts.features).hostRoot, 'mount')
  t.strictSame(read, ['/proc/self/mountinfo'], 'before Linux 6.8')
  const at = (mountPoint: string | null, parentId: bigint): RunFacts['hostRoot'] => {
    const details: MountDetails = { id: 7n, parentId, dev: 1n, fstype: 'ext4', oldId: 7, oldParentId: 1, major: 0, minor: 1, root: '/', mountPoint, options: [], superOptions: [], propagation: {}, source: null }
    return readRunFacts({ ...watched, uniqueMountId: () => 7n, statmountDetails: () => details }, { ...serviceRequest, root, engine: 'move' }, runFacts.features).hostRoot
  }
  t.strictSame([at('/', 1n), at('/', 7n), at(null, 1n)], ['mount', 'absolute', 'chroot'])
  const container: RunRequest = {
    ...serviceRequest, root, kind: 'container', engine: 'auto', hostname: null, idMap: null, network: 'none', volatile: 'no', init: true, terminal: false, cgroupParent: '/fulcrum',
  }
  const facts = readRunFacts(kernel, container, runFacts.features)
  t.match(facts, { root: { readOnly: false }, present: { '/usr': 'directory', '/proc': 'missing', '/etc/resolv.conf': 'missing' } })
  t.type(facts.root.idmappable, 'boolean')
  t.equal(readRunFacts(kernel, { ...container, root: '/proc' }, runFacts.features).root.idmappable, false)
})

function facade(): Pick<typeof kernel, 'getuid' | 'lstat' | 'readlink' | 'readText' | 'realpath' | 'stat' | 'statfs' | 'statmountDetails' | 'uniqueMountId'> {
  return {
    getuid: () => kernel.getuid(), lstat: (path) => kernel.lstat(path), readlink: (path) => kernel.readlink(path), readText: (path) => kernel.readText(path),
    realpath: (path) => kernel.realpath(path), stat: (path) => kernel.stat(path), statfs: (path) => kernel.statfs(path),
    statmountDetails: (id) => kernel.statmountDetails(id), uniqueMountId: (path) => kernel.uniqueMountId(path),
  }
}
