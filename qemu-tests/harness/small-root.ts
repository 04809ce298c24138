// The small root that most scenarios switch to: our reporting init, busybox, and the directories that a real
// root has. As data, so that a scenario can take away or add what it is about.
// 6.1 has virtio_console as a module, which the init loads itself: nothing that is tested depends on it.
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { guestProgram } from './guest-programs.ts'
import type { Tree, TreeEntry } from './tree.ts'
import { KERNEL_SERIES, ensureKernel } from '../../scripts/setup/kernel.ts'
import type { Kernel } from '../../scripts/setup/kernel.ts'

const APPLETS = ['sh', 'cat', 'ls', 'mkdir', 'mount', 'umount', 'readlink', 'stat', 'grep', 'sed', 'awk', 'sleep', 'ps', 'test',
  'echo', 'printf', 'dmesg', 'find', 'head', 'tail', 'cut', 'tr', 'wc', 'kill', 'pidof', 'uname', 'touch', 'rm', 'df', 'sync']

/** The host's static busybox. */
export function busybox(): string {
  const path = ['/bin/busybox', '/usr/bin/busybox'].find((candidate) => existsSync(candidate))
  if (path === undefined) throw new Error(`Cannot find busybox: install Debian package 'busybox-static'`)
  return path
}

/** virtio_console and what it needs, for a kernel that has it uncompressed and as a module; else nothing. */
function portModules(kernel: Kernel): Tree {
  const folder = join(kernel.sysroot, 'lib/modules', kernel.release)
  const dependencies = new Map<string, string[]>()
  for (const line of readFileSync(join(folder, 'modules.dep'), 'utf8').split('\n')) {
    const [path, rest] = line.split(':')
    if (path !== undefined && rest !== undefined) dependencies.set(path, rest.split(' ').filter((word) => word !== ''))
  }
  const wanted = ['virtio_pci.ko', 'virtio_console.ko']
  const order: string[] = []
  for (const [path, needs] of dependencies) {
    if (!wanted.includes(basename(path))) continue
    for (const module of [...needs].reverse().concat(path)) if (!order.includes(module)) order.push(module)
  }
  if (order.length === 0) return {}
  // virtio_console alone finds no device: the transport comes first.
  order.sort((a, b) => Number(/virtio_console/.test(a)) - Number(/virtio_console/.test(b)))
  const tree: Record<string, TreeEntry> = {}
  const target = `guest/modules/${kernel.release}`
  for (const path of order) tree[`${target}/${basename(path)}`] = { type: 'file', source: join(folder, path) }
  tree[`${target}/order`] = { type: 'text', text: `${order.map((path) => basename(path)).join('\n')}\n` }
  return tree
}

/** The tree of the small root. Spread it and override entries to make a variant. */
export function smallRoot(): Tree {
  const tree: Record<string, TreeEntry> = {
    'sbin/init': { type: 'file', source: guestProgram('guest-init'), mode: 0o755 },
    'bin/busybox': { type: 'file', source: busybox(), mode: 0o755 },
    'etc/os-release': { type: 'text', text: 'ID=fulcrum-test\nPRETTY_NAME="Fulcrum test root"\n' },
    'etc/fstab': { type: 'text', text: '# nothing but the root\n' },
    'usr/share/marker': { type: 'text', text: 'real root\n' },
    tmp: { type: 'directory', mode: 0o1777 },
  }
  for (const applet of APPLETS) tree[`bin/${applet}`] = { type: 'link', target: 'busybox' }
  for (const name of ['dev', 'proc', 'sys', 'run', 'mnt', 'root', 'var']) tree[name] = { type: 'directory' }
  for (const series of KERNEL_SERIES) Object.assign(tree, portModules(ensureKernel(series)))
  return tree
}

