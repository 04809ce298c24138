// Who else sees a mount: by device, and by peer group in each direction.

import t from 'tap'
import { parseMountInfo } from '../mountinfo.ts'
import { buildMountTree, recordOf } from './mount-tree.ts'
import { namespaceLines, namespacesToSaved, seenBy, seenByText } from './namespaces.ts'
import type { SeenNamespace } from './namespaces.ts'

const seen = (id: string, pid: number, own: boolean, ...lines: string[]): SeenNamespace => ({
  id, uniqueId: BigInt(pid), pid, own, command: `c\u001b${pid}`, processes: pid, keptBy: [], tree: buildMountTree(parseMountInfo(lines.join('\n')).map(recordOf), 'mountinfo'),
})
const line = (id: number, dev: number, point: string, optional = ''): string => `${id} ${id === 1 || id === 11 || id === 21 ? 99 : 1} 0:${dev} / ${point} rw ${optional}- tmpfs t rw`
const own = seen('own', 1, true, line(1, 1, '/'), line(2, 2, '/a', 'shared:5 '), line(3, 3, '/b', 'master:6 '), line(4, 4, '/only'))
const slave = seen('slave', 10, false, line(11, 1, '/'), line(12, 2, '/a', 'master:5 '))
const peer = seen('peer', 20, false, line(21, 2, '/', 'shared:5 '), line(22, 3, '/b', 'shared:6 '), line(23, 3, '/c'))
const all = { list: [own, slave, peer], unknown: 2 }

t.test('by device and by group', async (t) => {
  const who = seenBy(all)
  const by = Object.fromEntries(own.tree.nodes.map((m) => [m.mountPoint, who(m)]))
  t.strictSame(by['/'], { sameFs: ['slave'], linked: [] })
  t.strictSame(by['/a'], { sameFs: ['slave', 'peer'], linked: ['peer', 'slave'] })
  t.strictSame(by['/b'], { sameFs: ['peer'], linked: ['peer'] })
  t.strictSame(by['/only'], { sameFs: [], linked: [] })
  t.strictSame(own.tree.nodes.map((m) => seenByText(who(m))), ['1', '2, 2 linked', '1, 1 linked', ''])
})

t.test('lines and JSON', async (t) => {
  t.strictSame(namespaceLines(all), [
    'NAMESPACE  PID  PROCESSES  MOUNTS  COMMAND',
    'own        1    1          4       c\\x1b1  (this one)',
    'slave      10   10         2       c\\x1b10',
    'peer       20   20         3       c\\x1b20',
    'processes that could not be looked at: 2',
  ])
  t.match(namespacesToSaved({ tree: own.tree, boot: null }, all), {
    format: 'fulcrum-mounts', unknownProcesses: 2, namespaces: [{ id: 'own', own: true, mountCount: 4 }, {}, {}], seenBy: [{ id: 1, sameFs: ['slave'] }, { id: 2 }, { id: 3 }],
  })
})

t.test('a namespace without processes says what keeps it', async (t) => {
  const kept: SeenNamespace = {
    ...peer, id: 'kept', pid: null, processes: 0, command: '',
    keptBy: [{ pid: 7, command: 'a\u001bb', fd: 3 }, { namespace: 'own', mountPoint: '/run/ns' }, { namespace: 'own', mountPoint: null }],
  }
  t.strictSame(namespaceLines({ list: [own, kept, { ...kept, id: 'lost', keptBy: [] }], unknown: 0 }).slice(2), [
    'kept       -    0          3       kept by descriptor 3 of 7 (a\\x1bb), mount /run/ns in own, mount (no path) in own',
    'lost       -    0          3       kept by what is not found',
  ])
  t.match(namespacesToSaved({ tree: own.tree, boot: null }, { list: [own, kept], unknown: 0 }), { namespaces: [{ uniqueId: '1', keptBy: [], hiddenCount: 0 }, { pid: null, keptBy: [{ pid: 7, fd: 3 }, {}, {}] }] })
})
