// An apt of our own: own sources, lists, state and package files in the cache, nothing changed on the system.
// The tests boot kernels and roots of several Debian releases, which the machine's own apt does not know of.
// Signatures are checked with the machine's archive keyring; should that be too old for a newer suite, the
// newest debian-archive-keyring is fetched through the suites it does verify.
// Man pages: apt.conf(5), sources.list(5), apt-get(8).
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findMirrors } from './apt-sources.ts'
import type { Mirrors } from './apt-sources.ts'
import { cacheDirectory } from './cache.ts'
import { debianArchitecture } from './packages.ts'
import { runTool, tryTool } from './run-tool.ts'

const SYSTEM_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Every suite that the project fetches from. One set, so that one update of the lists serves all of set-up. */
export const DEBIAN_SUITES: readonly string[] = [
  'bookworm', 'bookworm-security', 'trixie', 'trixie-security', 'trixie-backports', 'sid',
]

export interface PrivateApt {
  readonly mirrors: Mirrors
  /** Absolute path of the keyring that verifies the suites. */
  readonly keyring: string
  /** Runs `apt-cache ARGS…` and returns its output. */
  readonly cache: (...args: string[]) => string
  /** Downloads `NAME=VERSION` (verified) and returns the path of the .deb. */
  readonly download: (nameAndVersion: string) => string
}

/** The mirrors of this machine. @throws if its sources name no Debian mirror */
export function systemMirrors(etcApt = '/etc/apt'): Mirrors {
  const parts = join(etcApt, 'sources.list.d')
  const names = existsSync(parts) ? readdirSync(parts).filter((name) => /\.(list|sources)$/.test(name)).sort() : []
  const paths = [join(etcApt, 'sources.list'), ...names.map((name) => join(parts, name))]
  const files = paths.filter((path) => existsSync(path)).map((name) => ({ name, text: readFileSync(name, 'utf8') }))
  const mirrors = findMirrors(files)
  if (mirrors === undefined) throw new Error(`Cannot find a Debian mirror: no source in '${etcApt}' names one`)
  return mirrors
}

function sourcesText(mirrors: Mirrors, suites: readonly string[], keyring: string, architecture: string): string {
  const stanza = (uri: string, names: readonly string[]): string =>
    ['Types: deb', `URIs: ${uri}`, `Suites: ${names.join(' ')}`, 'Components: main',
      `Architectures: ${architecture}`, `Signed-By: ${keyring}`, ''].join('\n')
  const isSecurity = (suite: string): boolean => suite.endsWith('-security')
  const main = suites.filter((suite) => !isSecurity(suite))
  const security = suites.filter(isSecurity)
  const stanzas = [stanza(mirrors.main, main)]
  if (mirrors.security !== undefined && security.length > 0) stanzas.push(stanza(mirrors.security, security))
  return stanzas.join('\n')
}

function aptOptions(base: string): string[] {
  const option = (key: string, value: string): string[] => ['-o', `${key}=${value}`]
  return [
    ...option('Dir::Etc::sourcelist', join(base, 'sources', 'fulcrum.sources')),
    ...option('Dir::Etc::sourceparts', join(base, 'empty')),
    ...option('Dir::Etc::preferences', join(base, 'empty', 'none')),
    ...option('Dir::Etc::preferencesparts', join(base, 'empty')),
    ...option('Dir::State', join(base, 'state')),
    ...option('Dir::State::lists', join(base, 'state', 'lists')),
    ...option('Dir::State::status', join(base, 'state', 'status')),
    ...option('Dir::Cache', join(base, 'cache')),
    // The cache is often below /root, which apt's own user cannot enter.
    ...option('APT::Sandbox::User', 'root'),
    ...option('Acquire::Languages', 'none'),
    ...option('Acquire::Retries', '3'),
  ]
}

function newerKeyring(base: string, download: (name: string) => string): string {
  const folder = join(base, 'keyring')
  runTool('dpkg-deb', ['-x', download('debian-archive-keyring'), folder])
  const share = join(folder, 'usr/share/keyrings')
  const name = readdirSync(share).find((entry) => /^debian-archive-keyring\.(gpg|pgp)$/.test(entry))
  if (name === undefined) throw new Error(`Cannot find the archive keyring in package 'debian-archive-keyring'`)
  return join(share, name)
}

/** The keyring of lists that were read, whole, less than half an hour ago for the same suites. */
function freshKeyring(stamp: string, suites: readonly string[]): string | undefined {
  if (!existsSync(stamp) || Date.now() - statSync(stamp).mtimeMs > 30 * 60_000) return undefined
  const data: unknown = JSON.parse(readFileSync(stamp, 'utf8'))
  if (typeof data !== 'object' || data === null || !('keyring' in data) || !('suites' in data)) return undefined
  if (typeof data.keyring !== 'string' || JSON.stringify(data.suites) !== JSON.stringify(suites)) return undefined
  return existsSync(data.keyring) ? data.keyring : undefined
}

/**
 * Opens (and updates) an apt for `suites`, such as `['trixie', 'trixie-security']`. Goes on with the suites that
 * could be read when some could not: a release that has gone from the mirror need not stop the others.
 * @param name folder in the cache; one per set of suites
 */
export function openPrivateApt(name = 'debian', suites: readonly string[] = DEBIAN_SUITES): PrivateApt {
  const mirrors = systemMirrors()
  const architecture = debianArchitecture()
  const base = cacheDirectory('apt', name)
  for (const folder of ['sources', 'empty', 'state/lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(base, folder), { recursive: true })
  }
  writeFileSync(join(base, 'state', 'status'), '')
  const options = aptOptions(base)
  const cache = (...args: string[]): string => runTool('apt-cache', [...options, ...args])
  const download = (nameAndVersion: string): string => {
    // A folder of its own, so that the one .deb in it is the one just fetched: file names escape versions.
    const folder = join(base, 'packages', nameAndVersion.split('=')[0] ?? nameAndVersion)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    runTool('apt-get', [...options, 'download', nameAndVersion], { cwd: folder })
    const file = readdirSync(folder).find((entry) => entry.endsWith('.deb'))
    if (file === undefined) throw new Error(`Cannot download package '${nameAndVersion}'`)
    return join(folder, file)
  }
  const update = (keyring: string): { status: number; text: string } => {
    writeFileSync(join(base, 'sources', 'fulcrum.sources'), sourcesText(mirrors, suites, keyring, architecture))
    const { status, stdout, stderr } = tryTool('apt-get', [...options, '-q', 'update'])
    return { status, text: stdout + stderr }
  }
  const stamp = join(base, 'updated.json')
  const fresh = freshKeyring(stamp, suites)
  if (fresh !== undefined) return { mirrors, keyring: fresh, cache, download }
  process.stderr.write(`Reading package lists of ${suites.join(', ')}\n`)
  let keyring = SYSTEM_KEYRING
  let result = update(keyring)
  if (/NO_PUBKEY|Missing key/.test(result.text)) {
    keyring = newerKeyring(base, download)
    result = update(keyring)
  }
  const complaints = result.text.split('\n').filter((line) => /^[EW]: /.test(line))
  for (const line of complaints) process.stderr.write(`${line}, ignoring\n`)
  if (complaints.length === 0) writeFileSync(stamp, JSON.stringify({ keyring, suites }))
  return { mirrors, keyring, cache, download }
}
