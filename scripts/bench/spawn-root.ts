// The root in which `npm run bench -- spawn` measures, the same on this machine and in the guest: the peers from Debian's
// packages with their libraries, and /bench with our programs, the driver and the small roots that are run.
// The newest Debian that can be read, unpacked without being installed: nothing of it is started but the peers.
// mmdebstrap(1), ldconfig(8)

import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { bundleMain } from '../../bundle/bundle-main.ts'
import { prepareNode } from '../../bundle/prepare-node.ts'
import { koffiAddon, pinnedNode } from '../../bundle/project.ts'
import { guestProgram } from '../../qemu-tests/harness/guest-programs.ts'
import { busybox } from '../../qemu-tests/harness/small-root.ts'
import type { Tree, TreeEntry } from '../../qemu-tests/harness/tree.ts'
import { cacheDirectory, makeAtomically, withCacheLock } from '../setup/cache.ts'
import { openPrivateApt } from '../setup/private-apt.ts'
import { runTool, tryTool } from '../setup/run-tool.ts'
import { BENCH, PAYLOADS, SET_NAMES, SLOTS, bundleFolder, crunConfig } from './spawn-cases.ts'
import type { Payload } from './spawn-cases.ts'

/** The peers; libssl is loaded by systemd-nspawn if it is there, libstdc++ is for Node. */
const PACKAGES = ['util-linux', 'bubblewrap', 'crun', 'systemd-container', 'libssl3t64', 'libstdc++6']
const PEERS = ['util-linux', 'bubblewrap', 'crun', 'systemd-container']

/** The newest first. sid has a date in its lists behind which apt refuses them, unless this machine's apt is told otherwise. */
const SUITES = ['sid', 'trixie']

export interface PeersRoot {
  readonly tree: string
  /** Changes when the tree does. */
  readonly key: string
  /** 'crun 1.28-1', … */
  readonly versions: readonly string[]
}

function unpack(tree: string): void {
  const apt = openPrivateApt()
  const tar = `${tree}.tar`
  const list = `${tree}.list`
  const checksDate = tryTool('apt-config', ['dump', 'Acquire::Check-Valid-Until']).stdout
  const options = /"(false|0|no)"/.test(checksDate) ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : []
  try {
    const failures: string[] = []
    for (const suite of SUITES) {
      fs.writeFileSync(list, `deb [signed-by=${apt.keyring}] ${apt.mirrors.main} ${suite} main\n`)
      const { status, stderr } = tryTool('mmdebstrap', ['--mode=root', '--variant=extract', ...options, `--include=${PACKAGES.join(',')}`, suite, tar, list])
      if (status === 0) break
      failures.push(`${suite}: ${stderr.trim().split('\n').slice(-3).join('; ')}`)
    }
    if (!fs.existsSync(tar)) throw new Error(`Cannot fetch the peers: ${failures.join('\n')}`)
    fs.mkdirSync(tree, { recursive: true })
    runTool('tar', ['-xpf', tar, '-C', tree, '--numeric-owner'])
  } finally {
    fs.rmSync(tar, { force: true })
    fs.rmSync(list, { force: true })
  }
  for (const name of ['proc', 'sys', 'dev', 'run', 'tmp', 'mnt', 'fill', BENCH]) fs.mkdirSync(path.join(tree, name), { recursive: true })
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) if (!fs.existsSync(path.join(tree, name))) fs.symlinkSync(`usr/${name}`, path.join(tree, name))
  // systemd-nspawn binds the host's os-release and asks for a machine id.
  fs.writeFileSync(path.join(tree, 'usr/lib/os-release'), 'ID=bench\n')
  fs.writeFileSync(path.join(tree, 'etc/machine-id'), '0f0c0f0c0f0c4f0c8f0c0f0c0f0c0f0c\n')
  runTool('ldconfig', ['-r', tree])
}

/** The peers' root, fetched if the cache has none (6 s); thrown away by hand for newer ones. Needs root. */
export function ensurePeersRoot(): PeersRoot {
  const tree = path.join(cacheDirectory('bench'), 'spawn-peers-2')
  withCacheLock('spawn-peers', () => {
    if (!fs.existsSync(tree)) makeAtomically(tree, unpack)
  })
  const versions = PEERS.map((name) => {
    const changes = gunzipSync(fs.readFileSync(path.join(tree, 'usr/share/doc', name, 'changelog.Debian.gz'))).toString('utf8')
    return `${name} ${/\((.*?)\)/.exec(changes)?.[1] ?? '?'}`
  })
  return { tree, key: versions.join(','), versions }
}

/** busybox and the directories that everybody mounts something on or looks for. */
function smallRoot(folder: string): Tree {
  const tree: Record<string, TreeEntry> = {
    [`${folder}/bin/busybox`]: { type: 'file', source: busybox(), mode: 0o755 },
    [`${folder}/usr/lib/os-release`]: { type: 'text', text: 'ID=small\n' },
  }
  for (const applet of ['true', 'sh', 'readlink', 'wc', 'mount', 'umount', 'pivot_root', 'mkdir']) tree[`${folder}/bin/${applet}`] = { type: 'link', target: 'busybox' }
  for (const name of ['proc', 'dev', 'sys', 'tmp', 'run', 'root', 'etc', 'var']) tree[`${folder}/${name}`] = { type: 'directory' }
  return tree
}

/** The static driver, compiled. */
function driver(): string {
  const program = path.join(cacheDirectory('bench'), 'spawn-driver')
  runTool('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', program, path.join(import.meta.dirname, 'spawn-driver.c')])
  return program
}

function payloads(): Payload[] {
  return Object.keys(PAYLOADS).filter((name) => name === 'true' || name === 'probe')
}

/**
 * What lies below /bench, as paths without the leading slash.
 * @param fulcrum our executable, or null for the peers alone
 */
export async function benchTree(fulcrum: string | null): Promise<Tree> {
  const at = BENCH.slice(1)
  const tree: Record<string, TreeEntry> = {
    [`${at}/driver`]: { type: 'file', source: driver(), mode: 0o755 },
    [`${at}/guest-init`]: { type: 'file', source: guestProgram('guest-init'), mode: 0o755 },
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    Object.assign(tree, smallRoot(`${at}/root${slot}`))
    for (const set of SET_NAMES) {
      for (const payload of payloads()) {
        const text = crunConfig(`${BENCH}/root${slot}`, set, payload)
        tree[`${bundleFolder(set, payload, `${slot}`).slice(1)}/config.json`] = { type: 'text', text }
      }
    }
  }
  if (fulcrum === null) return tree
  const library = path.join(cacheDirectory('bench'), 'spawn-library.cjs')
  fs.writeFileSync(library, await bundleMain(path.join(import.meta.dirname, 'spawn-library.ts')))
  return {
    ...tree,
    [`${at}/fulcrum`]: { type: 'file', source: fulcrum, mode: 0o755 },
    [`${at}/node`]: { type: 'file', source: prepareNode(pinnedNode).strippedNode, mode: 0o755 },
    // Beside Node is where the bundle looks for it (bundle/koffi-shim.ts).
    [`${at}/koffi.node`]: { type: 'file', source: koffiAddon, mode: 0o755 },
    [`${at}/library.cjs`]: { type: 'file', source: library },
  }
}
