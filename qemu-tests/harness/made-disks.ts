// Disks that only a kernel with device mapper, md or the like can make: a script in a maker guest fills them.
// Made once and kept in the cache, under a hash of everything that determines them; one guest makes many disks. The
// programs are those of Debian's storage tools, so that nothing of this machine gets in.
// Man pages: lvm(8), mdadm(8), cryptsetup(8), veritysetup(8), mkfs.btrfs(8).
import { createHash } from 'node:crypto'
import { existsSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirectory, withCacheLockHeld } from '../../scripts/setup/cache.ts'
import { ensureStorageTools } from '../../scripts/setup/debian-tree.ts'
import { ensureKernel } from '../../scripts/setup/kernel.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'
import { runTool } from '../../scripts/setup/run-tool.ts'
import { ownPath } from './own-files.ts'
import type { Disk } from './qemu-arguments.ts'
import { runGuest } from './run-guest.ts'
import { BASE_APPEND } from './scenario.ts'
import { testImage } from './test-image.ts'

/** What to make, and how. */
export interface MadeDisksSpec<Name extends string> {
  /** Names the files of the cache. */
  readonly name: string
  /** Empty disks that the script fills, in order: the first is /dev/vda. A name is an identifier: the script has it as a variable, `$NAME` is the device. */
  readonly disks: readonly { readonly name: Name; readonly sizeMiB: number }[]
  /** Images to copy from, read-only, behind the disks: `$source0` is the first. Their names must change with their contents (diskImage's do). */
  readonly sources?: readonly string[]
  /** Base names of programs of the storage tools, with their libraries. busybox and its commands are always there. */
  readonly programs: readonly string[]
  /** More files of the storage tools, absolute paths: links are followed, folders are taken whole. */
  readonly files?: readonly string[]
  /** Kernel modules, loaded in this order before the script runs. */
  readonly modules: readonly string[]
  /** Lines for busybox's sh, run with -ex: the first that fails fails all. Nothing of what it starts may run on. */
  readonly script: string
  /** Default: 6.12 of the tests, whichever kernels then use the disks. */
  readonly kernel?: Kernel
  /** Default 512. */
  readonly memoryMiB?: number
  /** Default: that of guests. */
  readonly timeoutMs?: number
}

export interface MadeDisks<Name extends string> {
  /** The image of a disk: of the cache, so attach it as a snapshot, or `writable` (which copies it). */
  readonly path: (name: Name) => string
  /** All of them, in order. */
  readonly paths: readonly string[]
}

const DONE = 'fulcrum-maker: done'
const BEGIN = 'fulcrum-maker: begin'
/** What tools that expect udev need to be told. */
const ENVIRONMENT = 'export PATH=/sbin:/bin HOME=/ DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1'

function device(index: number): string {
  return `/dev/vd${String.fromCharCode('a'.charCodeAt(0) + index)}`
}

/** The hook: waits for the disks, runs the script, says how it ended, powers off. */
function hookText({ disks, sources = [], script }: MadeDisksSpec<string>): string {
  const names = [...disks.map(({ name }) => name), ...sources.map((_, index) => `source${index}`)]
  const variables = names.map((name, index) => `${name}=${device(index)}`)
  return `#!/bin/busybox sh
exec > /dev/console 2>&1
${ENVIRONMENT}
cat > /run/maker.sh << 'END_OF_MAKER'
${variables.join('\n')}
${script}
END_OF_MAKER
for disk in ${names.map((_, index) => device(index)).join(' ')}; do until [ -b $disk ]; do sleep 0.1; done; done
echo "${BEGIN}"
sh -ex /run/maker.sh && status=0 || status=$?
sync
echo "fulcrum-maker: status $status"
[ $status = 0 ] && echo "${DONE}"
sleep 0.5
poweroff -f
`
}

/** Path of a program in the tools' tree. */
function toolPath(tools: string, name: string): string {
  const path = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].map((folder) => join(folder, name)).find((candidate) => existsSync(join(tools, candidate)))
  if (path === undefined) throw new Error(`Cannot find '${name}' in '${tools}': add its package to STORAGE_TOOLS of scripts/setup/debian-tree.ts`)
  return path
}

async function make(spec: MadeDisksSpec<string>, kernel: Kernel, tools: string, hook: string, paths: readonly string[]): Promise<void> {
  const hookFile = ownPath('scratch', `make-${spec.name}-hook`, '.sh')
  writeFileSync(hookFile, hook, { mode: 0o755 })
  const empty = spec.disks.map(({ name, sizeMiB }) => {
    const path = ownPath('scratch', `make-${spec.name}-${name}`, '.img')
    writeFileSync(path, '')
    truncateSync(path, sizeMiB << 20)
    return path
  })
  try {
    const disks = [
      ...empty.map((path): Disk => ({ path, bus: 'virtio', writable: true })),
      ...(spec.sources ?? []).map((path): Disk => ({ path, bus: 'virtio', readOnly: true })),
    ]
    const initrd = await testImage(kernel, {
      sysroot: tools, features: ['shell'], addModules: spec.modules, load: ['virtio_pci', 'virtio_blk', ...spec.modules],
      include: [
        ...spec.programs.map((name) => ({ source: `sysroot:${toolPath(tools, name)}`, destination: `/sbin/${name}` })),
        ...(spec.files ?? []).map((path) => ({ source: `sysroot:${path}` })),
        { source: hookFile, destination: '/etc/fulcrum/hooks/pre-mount/50-make' },
      ],
    })
    const result = await runGuest({
      name: `make-${spec.name}`,
      machine: { kernel: kernel.vmlinuz, initrd, append: BASE_APPEND, memoryMiB: spec.memoryMiB ?? 512, disks },
      ...(spec.timeoutMs === undefined ? {} : { timeoutMs: spec.timeoutMs }),
      expectation: { report: 'none', end: 'poweroff', consoleHas: [new RegExp(`^${DONE}`, 'm')] },
      afterwards: (written) => {
        for (const [index, path] of paths.entries()) runTool('cp', ['--sparse=always', written[index] ?? '', `${path}.new`])
        return []
      },
    })
    if (result.complaints.length > 0) {
      const said = result.observation.console.split(BEGIN).at(-1)?.trim().split(/\r?\n/).slice(-40).join('\n  ') ?? ''
      throw new Error(`Cannot make the disks of '${spec.name}': ${result.complaints.join('; ')}; see '${result.artifacts ?? ''}'; the console ends with\n  ${said}`)
    }
    for (const path of paths) renameSync(`${path}.new`, path)
  } finally {
    for (const path of [hookFile, ...empty, ...paths.map((one) => `${one}.new`)]) rmSync(path, { force: true })
  }
}

/** The disks, made if the cache has none of this script, tools, kernel and sources. Rejects with the script's output if it fails. */
export async function madeDisks<const Name extends string>(spec: MadeDisksSpec<Name>): Promise<MadeDisks<Name>> {
  const kernel = spec.kernel ?? ensureKernel('6.12')
  const tools = ensureStorageTools()
  const hook = hookText(spec)
  const key = [1, hook, spec.disks, (spec.sources ?? []).map((path) => basename(path)), spec.programs, spec.files ?? [], spec.modules, basename(tools), kernel.release]
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16)
  const pathOf = (name: string): string => join(cacheDirectory('disks'), `made-${spec.name}-${hash}-${name}.img`)
  const paths = spec.disks.map(({ name }) => pathOf(name))
  const areThere = (): boolean => paths.every((path) => existsSync(path))
  if (!areThere()) {
    await withCacheLockHeld(`made-disks-${spec.name}-${hash}`, async () => {
      if (!areThere()) await make(spec, kernel, tools, hook, paths)
    })
  }
  for (const path of paths) utimesSync(path, new Date(), new Date())
  return { path: pathOf, paths }
}
