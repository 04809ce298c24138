// Lines with the words of layer-words.ts, what they mean, and how many problems each has: for parameters.test.ts.
//
// Apart from it so that each kind of words has its cases in a file of its own.

import type { LayerWords } from './layer-words.ts'

const HASH = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF'
const LIVE: LayerWords['live'] = { directory: 'LiveOS', image: 'squashfs.img', toRam: false, isoFile: null }
const verity = (data: string | null, hash: string | null, options: readonly string[]): LayerWords['verity']['root'] =>
  ({ rootHash: HASH.toLowerCase(), data, hash, options })

export const layerCases: readonly (readonly [line: string, expected: Partial<LayerWords>, problems: number])[] = [
  [`roothash=${HASH} systemd.verity_root_data=/dev/vda systemd.verity_root_hash=LABEL=h systemd.verity_root_options=panic-on-corruption,hash-offset=4096`,
    { verity: { root: verity('/dev/vda', 'LABEL=h', ['panic-on-corruption', 'hash-offset=4096']), '/usr': null } }, 0],
  [`usrhash=${HASH} systemd.verity_usr_data=/dev/vda systemd.verity_usr_hash=/dev/vdb systemd.verity_usr_options=x-a`,
    { verity: { root: null, '/usr': verity('/dev/vda', '/dev/vdb', ['x-a']) } }, 0],
  // Taken back: at the rescue prompt, say.
  [`usrhash=${HASH} systemd.verity_usr_data=/dev/vda systemd.verity_usr_data= systemd.verity_usr_hash=`, { verity: { root: null, '/usr': verity(null, null, []) } }, 0],
  [`usrhash=${HASH}`, { verity: { root: null, '/usr': verity(null, null, []) } }, 0],
  [`roothash=${HASH} systemd.verity=no`, {}, 0],
  ['overlay=tmpfs', { overlay: { kind: 'tmpfs', options: '' } }, 0],
  ['overlay=none', { overlay: { kind: 'none' } }, 0],
  ['rd.overlay=0', { overlay: { kind: 'none' } }, 0],
  ['rd.overlay', { overlay: { kind: 'tmpfs', options: '' } }, 0],
  ['rd.overlayfs=1', { overlay: { kind: 'tmpfs', options: '' } }, 0],
  ['overlayroot=tmpfs:swap=1,recurse=0', { overlay: { kind: 'tmpfs', options: '' } }, 0],
  ['overlayroot=device:dev=/dev/vdb1,timeout=20,recurse=0', { overlay: { kind: 'device', spec: '/dev/vdb1', path: '/overlay' } }, 0],
  ['overlayroot=device:timeout=5,dev=LABEL=rw', { overlay: { kind: 'device', spec: 'LABEL=rw', path: '/overlay' } }, 0],
  ['overlayroot=device:timeout=5', { overlay: { kind: 'tmpfs', options: '' } }, 1],
  ['overlayroot=crypt:dev=/dev/vdb1', { overlay: { kind: 'tmpfs', options: '' } }, 1],
  ['overlayroot=disabled', { overlay: { kind: 'none' } }, 0],
  ['overlay=tmpfs:size=20%,nr_inodes=10k', { overlay: { kind: 'tmpfs', options: 'size=20%,nr_inodes=10k' } }, 0],
  ['overlay=tmpfs:mode=0777', { overlay: { kind: 'tmpfs', options: '' } }, 1],
  ['overlay=UUID=a-b', { overlay: { kind: 'device', spec: 'UUID=a-b', path: '/overlay' } }, 0],
  ['rd.overlay=LABEL=x:var/upper', { overlay: { kind: 'device', spec: 'LABEL=x', path: '/var/upper' } }, 0],
  ['overlay=/dev/mapper/x:/a', { overlay: { kind: 'device', spec: '/dev/mapper/x', path: '/a' } }, 0],
  ['overlay=/dev/vdb:/../a', { overlay: { kind: 'tmpfs', options: '' } }, 1],
  ['overlay=tmpsf', { overlay: { kind: 'tmpfs', options: '' } }, 1],
  ['rd.overlay.readonly rd.live.overlay.reset=1', { overlayReadOnly: true, overlayReset: true }, 0],
  ['rd.overlay.reset=often', {}, 1],
  ['rd.live.dir=a rd.live.squashimg=b.img rd.live.ram=1 iso-scan/filename=/x.iso', { live: { directory: 'a', image: 'b.img', toRam: true, isoFile: '/x.iso' } }, 0],
  ['rd.live.ram=perhaps', { live: LIVE }, 1],
  ['resume=LABEL="my swap"', { resume: { spec: 'LABEL=my swap', offsetPages: 0, waitForEver: false } }, 0],
  ['resume=UUID=1-2 resume_offset=34816 resumewait', { resume: { spec: 'UUID=1-2', offsetPages: 34_816, waitForEver: true } }, 0],
  ['resume=/dev/vdb resume_offset=0x10', { resume: { spec: '/dev/vdb', offsetPages: 0, waitForEver: false } }, 1],
  ['resume=foo resumewait', {}, 1],
  ['resume=swap:/dev/vdb', {}, 1],
  ['resume=none', { noResume: true }, 0],
  ['resume=8:2', { resume: { spec: '8:2', offsetPages: 0, waitForEver: false } }, 0],
  ['roothash=ZZ', { verity: { root: { rootHash: 'zz', data: null, hash: null, options: [] }, '/usr': null } }, 1],
  ['resume=/dev/vdb noresume', { resume: { spec: '/dev/vdb', offsetPages: 0, waitForEver: false }, noResume: true }, 0],
  ['hibernate=noresume', { noResume: true }, 0],
  ['hibernate=no', { noResume: true }, 0],
  ['resume=/dev/vdb hibernate=compress', { resume: { spec: '/dev/vdb', offsetPages: 0, waitForEver: false } }, 0],
]
