// LUKS disks, made on the host without device mapper: cryptsetup writes the header into a file, with a volume key that is
// known, and what is behind it is enciphered here, sector by sector. The way back is how a disk is judged after a guest
// has written to it. AES-XTS with the number of the sector, as dm-crypt's aes-xts-plain64.
// Man pages: cryptsetup-luksFormat(8), Documentation/admin-guide/device-mapper/dm-crypt.rst.
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../../scripts/setup/cache.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { ownPath } from './own-files.ts'

export interface LuksSpec {
  /** The image that is inside. */
  readonly content: string
  readonly version: 1 | 2
  readonly uuid: string
  readonly label?: string
  /** Each opens it: what is typed, or what a key file has. */
  readonly keys: readonly string[]
}

export interface LuksDisk {
  readonly path: string
  readonly uuid: string
}

/** Where the data begins, in 512-byte sectors. */
const DATA_SECTORS = 8192
const SECTOR = 512
const CHUNK_SECTORS = 2048

/** The same for every disk of a test: it protects nothing. */
const VOLUME_KEY = createHash('sha512').update('fulcrum test disks').digest()

/** Enciphers or deciphers the sectors of `data` in place; `first` is the number of the first one. */
function crypt(data: Buffer, first: number, make: typeof createCipheriv | typeof createDecipheriv): void {
  for (let at = 0; at < data.length; at += SECTOR) {
    const iv = Buffer.alloc(16)
    iv.writeBigUInt64LE(BigInt(first + at / SECTOR))
    const cipher = make('aes-256-xts', VOLUME_KEY, iv)
    cipher.update(data.subarray(at, at + SECTOR)).copy(data, at)
  }
}

/** Copies `sectors` from one file to another, through the cipher. */
function copyThrough(make: typeof createCipheriv | typeof createDecipheriv, from: { path: string; sector: number }, to: { path: string; sector: number }, sectors: number): void {
  const source = openSync(from.path, 'r')
  const target = openSync(to.path, 'r+')
  try {
    for (let done = 0; done < sectors; done += CHUNK_SECTORS) {
      const data = Buffer.alloc(Math.min(CHUNK_SECTORS, sectors - done) * SECTOR)
      readSync(source, data, 0, data.length, (from.sector + done) * SECTOR)
      crypt(data, done, make)
      writeSync(target, data, 0, data.length, (to.sector + done) * SECTOR)
    }
  } finally {
    closeSync(source)
    closeSync(target)
  }
}

function format(spec: LuksSpec, image: string): void {
  const [first = '', ...others] = spec.keys
  const volumeKey = ownPath('scratch', `${basename(image)}.volume`, '.key')
  const keyFile = (text: string, name: string): string => {
    const path = ownPath('scratch', `${basename(image)}.${name}`, '.key')
    writeFileSync(path, text)
    return path
  }
  const quick = ['--pbkdf-force-iterations', '1000', '--hash', 'sha256']
  const kdf = spec.version === 2 ? ['--pbkdf', 'pbkdf2', ...quick] : quick
  const label = spec.label === undefined ? [] : ['--label', spec.label]
  writeFileSync(volumeKey, VOLUME_KEY)
  const firstFile = keyFile(first, 'first')
  const made = [volumeKey, firstFile]
  try {
    runTool('cryptsetup', [
      'luksFormat', '--batch-mode', '--type', `luks${spec.version}`, '--cipher', 'aes-xts-plain64', '--key-size', '512', '--volume-key-file', volumeKey,
      ...(spec.version === 2 ? ['--sector-size', `${SECTOR}`] : []), ...kdf, '--offset', `${DATA_SECTORS}`, '--uuid', spec.uuid, ...label, image, firstFile,
    ])
    for (const key of others) {
      const path = keyFile(key, 'more')
      made.push(path)
      runTool('cryptsetup', ['luksAddKey', '--batch-mode', ...kdf, '--key-file', firstFile, image, path])
    }
  } finally {
    for (const path of made) rmSync(path, { force: true })
  }
}

/** The disk, made if the cache has none. */
export function luksDisk(spec: LuksSpec): LuksDisk {
  const key = createHash('sha256').update(JSON.stringify([1, { ...spec, content: basename(spec.content) }])).digest('hex').slice(0, 24)
  const path = join(cacheDirectory('disks'), `luks${spec.version}-${key}.img`)
  if (existsSync(path)) {
    utimesSync(path, new Date(), new Date())
    return { path, uuid: spec.uuid }
  }
  makeAtomically(path, (temporary) => {
    const sectors = Math.ceil(statSync(spec.content).size / SECTOR)
    writeFileSync(temporary, '')
    truncateSync(temporary, (DATA_SECTORS + sectors) * SECTOR)
    format(spec, temporary)
    copyThrough(createCipheriv, { path: spec.content, sector: 0 }, { path: temporary, sector: DATA_SECTORS }, sectors)
  })
  return { path, uuid: spec.uuid }
}

/** What is wrong with what is inside of a disk that a guest has used, by a check that works on an image. */
export function insideLuks(path: string, check: (image: string) => readonly string[]): readonly string[] {
  const image = ownPath('scratch', `${basename(path)}.inside`, '.img')
  try {
    const sectors = statSync(path).size / SECTOR - DATA_SECTORS
    writeFileSync(image, '')
    truncateSync(image, sectors * SECTOR)
    copyThrough(createDecipheriv, { path, sector: DATA_SECTORS }, { path: image, sector: 0 }, sectors)
    return check(image)
  } finally {
    rmSync(image, { force: true })
  }
}
