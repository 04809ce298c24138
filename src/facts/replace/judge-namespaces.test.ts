// Who has flipped, who is behind and why, on made-up namespaces.
//
// The real ones are in src/replace/replace.ns.test.ts.  docs/replace.md

import t from 'tap'
import { parseMountInfo } from '../mountinfo.ts'
import { buildMountTree, recordOf } from '../mounts/mount-tree.ts'
import type { SeenNamespace } from '../mounts/namespaces.ts'
import { judgeNamespaces } from './judge-namespaces.ts'
import { parseRecord, recordName, recordText } from './record.ts'

function seen(id: number, mountinfo: string): SeenNamespace {
  return { id: `mnt:[${id}]`, uniqueId: null, keptBy: [], pid: id, command: `c${id}`, processes: 1, own: id === 1, tree: buildMountTree(parseMountInfo(mountinfo).map(recordOf), 'mountinfo') }
}
const root = (id: number, propagation: string): string => `${id} 1 8:1 / / rw ${propagation}- ext4 a rw\n`
const on = (id: number, parent: number, dev: string, at = '/usr'): string => `${id} ${parent} ${dev} / ${at} rw - ext4 x rw\n`
const [OLD, NEW] = ['8:2', '8:3']
const thing = (minor: number): { major: number; minor: number; root: string } => ({ major: 8, minor, root: '/' })

function verdict(propagation: string, before: string, after: string, keepsOld = false): string | undefined {
  const own = [seen(1, root(20, 'shared:1 ') + on(21, 20, OLD)), seen(1, root(20, 'shared:1 ') + on(30, 20, NEW))] as const
  const both = [seen(2, root(40, propagation) + before), seen(2, root(40, propagation) + after)] as const
  const judged = judgeNamespaces({
    keepsOld, target: '/usr', old: thing(2), new: thing(3), before: { list: [own[0], both[0]], unknown: 0 }, after: { list: [own[1], both[1]], unknown: 0 },
  })
  t.equal(judged[0]?.verdict, 'flipped')
  return judged[1]?.verdict
}

t.test('verdicts', async (t) => {
  const slave = 'master:1 '
  t.equal(verdict(slave, on(41, 40, OLD), on(42, 40, NEW)), 'flipped')
  t.equal(verdict('', on(41, 40, OLD), on(41, 40, OLD)), 'private')
  t.equal(verdict(slave, on(41, 40, OLD), on(41, 40, OLD)), 'behind')
  t.equal(verdict(slave, on(41, 40, OLD), on(42, 40, NEW) + on(41, 42, OLD), true), 'pending')
  t.equal(verdict(slave, on(41, 40, OLD), on(42, 40, NEW) + on(41, 42, OLD)), 'covered', 'a bind of its own')
  t.equal(verdict(slave, on(41, 40, OLD) + on(43, 41, '0:9'), on(42, 40, NEW) + on(43, 42, '0:9')), 'covered')
  t.equal(verdict(slave, on(41, 40, OLD, '/other'), on(42, 40, NEW, '/other')), 'flipped', 'wherever it lies')
  t.equal(verdict(slave, '', ''), undefined, 'one that has not the old one is not judged')
})

t.test('records', async (t) => {
  const record = { target: '/usr/a%b', state: 'pending', source: 's', oldDev: '8:2', newDev: '8:3', kept: null, layers: false, peer: '/p' } as const
  t.same(parseRecord(recordText(record)), record)
  t.equal(recordName('/usr/a%b'), 'usr%2Fa%25b')
  t.equal(recordName('/'), '%2F')
  for (const text of ['', '{}', 'null', '[]', '{"format": "fulcrum-replace", "version": 2}', recordText(record).replace('pending', 'lost')]) t.equal(parseRecord(text), null, text)
})
