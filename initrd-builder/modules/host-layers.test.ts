// The features that a machine's root and command line ask for.
//
// Pure; what feeds it reads /proc and /sys.

import t from 'tap'
import { parseCommandLine } from '../../src/facts/cmdline.ts'
import { findFeature } from '../features.ts'
import { layerFeatures } from './host-layers.ts'
import type { LayerHost } from './host-layers.ts'

const plain: LayerHost = { commandLine: parseCommandLine('root=UUID=1 ro quiet'), rootType: 'ext4', mapperUuids: [], deviceNames: ['vda1', 'vda'], swaps: [] }
const of = (changes: Partial<LayerHost>): string[] => layerFeatures({ ...plain, ...changes })
const line = (text: string): Partial<LayerHost> => ({ commandLine: parseCommandLine(text) })

t.test('features of layers', async (t) => {
  t.strictSame(of({}), [])
  t.strictSame(of({ swaps: ['/dev/zram0'] }), [])
  t.strictSame(of({ swaps: ['/dev/vda2'] }), ['resume'])
  t.strictSame(of(line('resume=UUID=2')), ['resume'])
  t.strictSame(of(line('usrhash=ab')), ['verity'])
  t.strictSame(of({ mapperUuids: ['LVM-x', 'CRYPT-VERITY-0-root'] }), ['verity'])
  t.strictSame(of({ mapperUuids: ['CRYPT-LUKS2-0-root'] }), [])
  t.strictSame(of({ ...line('root=live:LABEL=x'), rootType: 'overlay', deviceNames: ['loop1', 'loop0', 'sr0'] }), ['overlay', 'live'])
  t.strictSame(of(line('overlayroot=tmpfs')), ['overlay'])
  for (const name of ['verity', 'overlay', 'live', 'resume']) t.ok(findFeature(name), name)
})
