// The source of a Debian package as its authors publish it, by an apt of our own that knows of sources.
//
// Its hash is in the signed list of sources. A mirror that stands still may have lost the Debian part of it already;
// the upstream part is all that is wanted. apt-get(8), sources.list(5)

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, makeAtomically } from '../setup/cache.ts'
import { openPrivateApt } from '../setup/private-apt.ts'
import { runTool, tryTool } from '../setup/run-tool.ts'

function aptOptions(base: string, suite: string): string[] {
  const apt = openPrivateApt()
  for (const folder of ['lists/partial', 'cache/archives/partial', 'empty']) mkdirSync(join(base, folder), { recursive: true })
  const sources = join(base, `${suite}.sources`)
  writeFileSync(sources, `Types: deb-src\nURIs: ${apt.mirrors.main}\nSuites: ${suite}\nComponents: main\nSigned-By: ${apt.keyring}\n`)
  writeFileSync(join(base, 'status'), '')
  const values = {
    'Dir::Etc::sourcelist': sources, 'Dir::Etc::sourceparts': join(base, 'empty'), 'Dir::State': base, 'Dir::State::lists': join(base, 'lists'),
    'Dir::State::status': join(base, 'status'), 'Dir::Cache': join(base, 'cache'), 'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none',
    'Acquire::Check-Valid-Until': suite === 'sid' ? 'false' : 'true',
  }
  return Object.entries(values).flatMap(([key, value]) => ['-o', `${key}=${value}`])
}

/** The unpacked upstream source of `name` of a suite such as 'sid', in the cache. Throws Error when it cannot be had. */
export function ensureSource(name: string, suite: string, version: string): string {
  const tree = join(cacheDirectory('foreign'), `${name}-${version.replaceAll(/[^\w.+-]/g, '_')}`)
  if (existsSync(tree)) return tree
  const options = aptOptions(cacheDirectory('apt', 'sources'), suite)
  runTool('apt-get', [...options, '-q', 'update'])
  return makeAtomically(tree, (temporary) => {
    const download = `${temporary}.download`
    mkdirSync(download, { recursive: true })
    const { stderr } = tryTool('apt-get', [...options, 'source', '--download-only', '-q', `${name}=${version}`], { cwd: download })
    // A native package has one archive, without a part of Debian's.
    const archive = readdirSync(download).find((file) => /\.orig\.tar\.\w+$/.test(file) || /^[^_]+_[^-]+\.tar\.\w+$/.test(file))
    if (archive === undefined) throw new Error(`Cannot fetch the source of '${name}' ${version}: ${stderr.trim().split('\n').at(-1) ?? ''}`)
    mkdirSync(temporary)
    runTool('tar', ['-xf', join(download, archive), '-C', temporary, '--strip-components=1'])
    runTool('rm', ['-r', download])
  })
}
