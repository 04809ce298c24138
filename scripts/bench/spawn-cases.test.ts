// The commands that are compared ask for exactly the namespaces of their set, and crun's file says the same as they do.
// That they do what they say is seen by `npm run bench -- spawn --probe`; this is about the words.
// unshare(1), bwrap(1), the OCI runtime specification's config.json
import t from 'tap'
import { PAYLOADS, ROOT, SETS, SET_NAMES, bundleFolder, crunConfig, ownCases, ownPrograms, peerCases } from './spawn-cases.ts'

const FLAGS: Readonly<Record<string, string>> = { mnt: '--mount' }

t.test('every peer asks for every namespace of the set, and for no other', async (t) => {
  for (const set of SET_NAMES) {
    const wanted: readonly string[] = SETS[set]
    const by = new Map(peerCases(set, 'true').map(({ name, words }) => [name, words]))
    for (const name of SETS.seven) {
      if (set !== 'container') t.equal(by.get('unshare')?.includes(FLAGS[name] ?? `--${name}`), wanted.includes(name), `unshare, ${set}, ${name}`)
      if (name !== 'mnt') t.equal(by.get('bwrap')?.includes(`--unshare-${name}`), wanted.includes(name), `bwrap, ${set}, ${name}`)
    }
    t.equal(by.has('systemd-nspawn'), set === 'five' || set === 'container', 'systemd-nspawn always makes five, and /dev and /sys')
    t.equal(by.get('exec only')?.join(' '), `${ROOT}/bin/true`)
    t.equal(by.get('unshare')?.includes('--mount-proc') ?? false, set !== 'container' && set !== 'one', 'a fresh /proc')
  }
})

t.test('config.json', async (t) => {
  const two: unknown = JSON.parse(crunConfig('/bench/root3', 'two', 'probe'))
  t.match(two, { root: { path: '/bench/root3' }, process: { args: [...PAYLOADS.probe] }, linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }] } })
  t.notMatch(two, { linux: { uidMappings: [] } })
  const seven: unknown = JSON.parse(crunConfig('/r', 'seven', 'true'))
  const types = ['mount', 'pid', 'ipc', 'uts', 'cgroup', 'network', 'user'].map((type) => ({ type }))
  t.match(JSON.parse(crunConfig('/r', 'container', 'true')), { linux: { namespaces: types, readonlyPaths: Array }, process: { capabilities: { bounding: Array } } })
  t.match(seven, { mounts: [{ destination: '/proc' }], linux: { namespaces: types, uidMappings: [{ containerID: 0, hostID: 0, size: 65536 }] } })
})

t.test('crun finds its bundle by set, payload and slot', async (t) => {
  const words = peerCases('five', 'probe').find(({ name }) => name === 'crun')?.words ?? []
  t.ok(words.includes(bundleFolder('five', 'probe', '%i')))
  t.equal(bundleFolder('five', 'probe', '2'), '/bench/bundles/five-probe-2')
})

t.test('ours, as a program and as processes that spawn', async (t) => {
  const words = (set: 'one' | 'five' | 'seven'): readonly string[] => ownCases(set).find(({ name }) => name === 'fulcrum run')?.words ?? []
  t.ok(words('one').includes('--service'))
  t.strictSame([words('five').includes('host'), words('five').includes('--map-users')], [true, false])
  t.strictSame([words('seven').includes('none'), words('seven').includes('0:0:65536')], [true, true])
  for (const set of SET_NAMES) {
    const servers = ownCases(set).filter(({ kind }) => kind === 'server')
    t.ok(servers.every((it) => it.words.at(-1) === set && !it.name.includes('undefined')), `${set}: the library is told which`)
  }
  t.notOk(ownCases('two').some(({ kind }) => kind === 'program'), 'no command line asks for two namespaces')
  t.ok(ownPrograms('one', 'probe')[0]?.words.includes('/proc'), 'to look around, a service needs /proc')
})
