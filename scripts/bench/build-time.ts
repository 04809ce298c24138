// `npm run bench -- build`: what it costs to make an image, beside dracut and mkinitramfs, for the same kernel.
// By CPU time of everything that runs until the command has ended, round by round, so that another load on this machine
// meets all alike; the clock is printed too. Peers run in Debian trees of their own, from a warm page cache, and write
// to memory as ours does. A cold build of ours has no cache, one for a new kernel has that of another kernel; peers have
// no such thing.
// getrusage(2), dracut(8), mkinitramfs(8)

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ensureDebianRoot } from '../setup/debian-root.ts'
import { ensureDracutTree } from '../setup/dracut-tree.ts'
import { ensureKernel } from '../setup/kernel.ts'
import type { Kernel } from '../setup/kernel.ts'
import type { BuildResults } from './build-results.ts'
import { ensureFulcrum, progress, runsOf, seriesOf } from './common.ts'
import { FINISH_OPTIONS, finish } from './finish.ts'
import { scaleTool, toolLines } from './scale-tool.ts'
import type { ToolLine } from './scale-tool.ts'

export const BUILD_USAGE = `  build [--kernel SERIES] [--runs N] [--only PATTERN] [--no-peers]
      CPU time of making an image, ours without and with a cache, beside peers.`

/** One way to make an image, and what it is compared with. */
interface Builder {
  readonly name: string
  /** Runs once; throws when it fails. */
  readonly run: () => ToolLine
}

// $1 is the tool, $2 a folder with nothing in it, $3 and $4 the kernel that the cache has been used for before and its
// sysroot, '' for no cache; the rest our command.
const OURS = `set -e
mount -t tmpfs -o size=1g out "$2"
export FULCRUM_CACHE="$2/cache"
tool=$1; before=$3; sysroot=$4; shift 4
[ -z "$before" ] || "$@" --kernel "$before" --kernel-sysroot "$sysroot" > /dev/null
exec "$tool" time build 1 "$@"`

// $1 is the tool, $2 a folder with nothing in it, $3 the peer's tree, $4 the modules, $5 the release, the rest its command in its root.
const PEER = `set -e
tool=$1; work=$2; lower=$3; modules=$4; release=$5; shift 5
mount -t tmpfs -o size=4g work "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" overlay "$root"
mkdir -p "$root/usr/lib/modules/$release" "$root/boot"
mount --bind "$modules" "$root/usr/lib/modules/$release"
[ ! -e "$modules/../../../boot/config-$release" ] || cp "$modules/../../../boot/config-$release" "$root/boot/"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
for name in tmp var/tmp run; do mount -t tmpfs tmp "$root/$name"; done
mount --bind /dev "$root/dev"
cp "$tool" "$root/run/tool"
if [ -d "$root/etc/initramfs-tools" ]; then cp -a "$root/etc/initramfs-tools" "$root/tmp/list"; sed -i s/^MODULES=.*/MODULES=list/ "$root/tmp/list/initramfs.conf"; printf 'virtio_pci\\nvirtio_blk\\next4\\n' > "$root/tmp/list/modules"; fi
exec chroot "$root" /run/tool time build 1 "$@"`

function runScript(script: string, words: readonly string[], folder: string): ToolLine {
  fs.mkdirSync(folder, { recursive: true })
  try {
    const { stdout, stderr, error } = spawnSync('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', ...words], { encoding: 'utf8', maxBuffer: 64 << 20 })
    if (error !== undefined) throw error
    const line = toolLines(stdout).find(({ kind }) => kind === 'case')
    if (line === undefined || line.failed > 0) throw new Error(`Cannot measure '${words.slice(3).join(' ')}': ${(stderr + stdout).slice(-2000)}`)
    return line
  } finally {
    fs.rmdirSync(folder)
  }
}

function builders(kernel: Kernel, other: Kernel, fulcrum: string, folder: string, withPeers: boolean): Builder[] {
  const tool = scaleTool()
  const ours = (name: string, before: Kernel | null, options: readonly string[]): Builder => ({
    name: `fulcrum ${name}, ${before === null ? 'cold' : before === kernel ? 'warm' : 'new kernel'}`,
    run: () => runScript(OURS, [tool, folder, before?.release ?? '', before?.sysroot ?? '', fulcrum, 'build', '--output', path.join(folder, 'image'), '--kernel', kernel.release, '--kernel-sysroot', kernel.sysroot, '--no-microcode', ...options], folder),
  })
  const own = [['host-only', ['--host-only']], ['generic', ['--generic']], ['generic zstd', ['--generic', '--compress', 'zstd']]] as const
  const list = own.flatMap(([name, options]) => [kernel, other, null].map((before) => ours(name, before, options)))
  if (!withPeers) return list
  const modules = path.join(kernel.sysroot, 'lib/modules', kernel.release)
  const peer = (name: string, tree: string, words: readonly string[]): Builder => ({
    name, run: () => runScript(PEER, [tool, folder, tree, modules, kernel.release, ...words], folder),
  })
  const dracut = ensureDracutTree('trixie')
  const debian = ensureDebianRoot().tree
  const dracutWords = ['/usr/bin/dracut', '--force', '--kver', kernel.release, '--no-early-microcode', '--zstd']
  return [
    ...list,
    peer('dracut host-only', dracut, [...dracutWords, '--hostonly', '/tmp/image']),
    peer('dracut generic', dracut, [...dracutWords, '--no-hostonly', '/tmp/image']),
    peer('mkinitramfs list', debian, ['/usr/sbin/mkinitramfs', '-d', '/tmp/list', '-o', '/tmp/image', kernel.release]),
    peer('mkinitramfs most', debian, ['/usr/sbin/mkinitramfs', '-o', '/tmp/image', kernel.release]),
  ]
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export interface BuildWish {
  /** A series. */
  readonly kernel: string
  readonly runs: number
  readonly only: string
  readonly peers: boolean
}

/** Measures every builder in each round, every other round from the last to the first. Needs root. */
export function measureBuild(wish: BuildWish): BuildResults {
  const kernel = ensureKernel(seriesOf(wish.kernel))
  const other = ensureKernel(kernel.release.startsWith('6.1.') ? '6.12' : '6.1')
  const folder = `/dev/shm/fulcrum-bench-build-${process.pid}`
  const pattern = new RegExp(wish.only)
  const before = os.loadavg()[0] ?? 0
  const all = builders(kernel, other, ensureFulcrum(), folder, wish.peers).filter(({ name }) => pattern.test(name))
  const lines = new Map<string, ToolLine[]>(all.map(({ name }) => [name, []]))
  for (let round = 0; round < wish.runs; round++) {
    for (const { name, run } of round % 2 === 0 ? all : all.toReversed()) {
      progress(`build: round ${round + 1} of ${wish.runs}: ${name}`)
      lines.get(name)?.push(run())
    }
  }
  progress('')
  const rows = all.map(({ name }) => {
    const own = lines.get(name) ?? []
    return { name, cpuS: median(own.map((it) => it.cpuUs / 1e6)), clockS: median(own.map((it) => it.ns / 1e9)), maxRssMiB: Math.max(...own.map((it) => it.maxRssKiB)) / 1024 }
  })
  const processors = os.cpus()
  return { format: 1, date: new Date().toISOString().slice(0, 10), machine: `${processors.length} of ${processors[0]?.model ?? 'an unknown processor'}`,
    kernel: kernel.release, runs: wish.runs, load: [before, os.loadavg()[0] ?? 0], rows }
}

/** Measures and prints. `args` are those behind the word `build`. Needs root. */
export function benchBuild(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      kernel: { type: 'string', default: '6.12' },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      'no-peers': { type: 'boolean', default: false },
      ...FINISH_OPTIONS,
    },
  })
  finish({ build: measureBuild({ kernel: values.kernel, runs: runsOf(values.runs), only: values.only, peers: !values['no-peers'] }) }, values)
}
