// What the root file system stands on, layer by layer, and what each layer needs a process for.
//
// Read from the kernel: mountinfo for the file system, sysfs for the devices below it. Layers: partition, dm, md,
// loop, NBD, ublk, iSCSI, FUSE, overlay, the members of btrfs. Whose processes these are is dependencies.ts.
// proc_pid_mountinfo(5), sysfs(5), Documentation/ABI/testing/sysfs-block, sysfs-block-device.

import { NETLINK_ISCSI, S_IFBLK, S_IFMT } from '../abi/process.ts'
import { makeDev, mountContaining, rootMount, splitDev, topMountAt } from '../facts/mountinfo.ts'
import type { Mount } from '../facts/mountinfo.ts'
import { attempt } from '../kernel/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'

/** One thing that the root cannot do without, if a process does it. Device numbers as st_rdev, files as 'DEV:INO'. */
export type Need =
  | { readonly kind: 'block-device'; readonly name: string; readonly rdev: bigint }
  | { readonly kind: 'nbd'; readonly name: string; readonly pid: number }
  | { readonly kind: 'char-device'; readonly name: string; readonly rdev: bigint }
  | { readonly kind: 'fuse'; readonly connection: number }
  | { readonly kind: 'md'; readonly name: string; readonly files: ReadonlySet<string> }
  | { readonly kind: 'device-mapper'; readonly name: string; readonly isMultipath: boolean }
  | { readonly kind: 'iscsi'; readonly name: string; readonly sockets: ReadonlySet<bigint> }

export interface RootStack {
  readonly needs: readonly Need[]
  /** Layers that could not be followed: a hidden mount, a missing sysfs. Names of programs are hints then. */
  readonly unresolved: readonly string[]
}

type Doors = Pick<Kernel, 'readText' | 'readdir' | 'realpath' | 'stat' | 'exists'>

function parseDev(text: string | null): bigint | null {
  const found = /^(\d+):(\d+)/.exec(text ?? '')
  return found === null ? null : makeDev(Number(found[1]), Number(found[2]))
}

/** inode numbers of the netlink sockets of a protocol, from /proc/net/netlink. */
export function netlinkSockets(text: string, protocol: number): Set<bigint> {
  const rows = text.split('\n').slice(1).map((line) => line.trim().split(/\s+/))
  return new Set(rows.filter((row) => row[1] === String(protocol)).map((row) => BigInt(row.at(-1) ?? 0)))
}

/** Directories of an overlay, from its options. */
function overlayLayers(mount: Mount): string[] {
  return mount.superOptions.flatMap((option) => {
    const found = /^(lowerdir|upperdir|datadir\+?|lowerdir\+)=(.*)$/s.exec(option)
    return found === null ? [] : (found[2] ?? '').split(/(?<!\\):+/).filter((path) => path.startsWith('/'))
  })
}

class Walk {
  readonly needs: Need[] = []
  readonly unresolved: string[] = []
  readonly #seen = new Set<string>()
  readonly #kernel: Doors
  readonly #mounts: readonly Mount[]

  constructor(kernel: Doors, mounts: readonly Mount[]) {
    this.#kernel = kernel
    this.#mounts = mounts
  }

  #text(path: string): string | null {
    return attempt(() => this.#kernel.readText(path).trim())
  }

  #isNew(key: string): boolean {
    if (this.#seen.has(key)) return false
    this.#seen.add(key)
    return true
  }

  mount(mount: Mount): void {
    if (!this.#isNew(`mount ${mount.dev}`)) return
    if (/^fuse(blk)?(\.|$)/.test(mount.fstype)) {
      // The connection's number is the superblock's device in the kernel's own encoding: MAJOR << 20 | MINOR.
      this.needs.push({ kind: 'fuse', connection: mount.major * 0x100000 + mount.minor })
    }
    if (mount.fstype === 'overlay') {
      for (const path of overlayLayers(mount)) this.#file(path, `overlay layer '${path}'`)
    }
    if (mount.major !== 0) this.device(mount.dev)
    else if (mount.source.startsWith('/')) this.#source(mount)
  }

  /** The source of a file system with an anonymous device: btrfs and its members, or a FUSE file system on a device. */
  #source(mount: Mount): void {
    const found = attempt(() => this.#kernel.stat(mount.source))
    if (found === null || (found.mode & S_IFMT) !== S_IFBLK) {
      if (mount.fstype === 'btrfs') this.unresolved.push(`device '${mount.source}'`)
      return
    }
    this.device(found.rdev)
    if (mount.fstype !== 'btrfs') return
    for (const uuid of attempt(() => this.#kernel.readdir('/sys/fs/btrfs')) ?? []) {
      const members = attempt(() => this.#kernel.readdir(`/sys/fs/btrfs/${uuid}/devices`)) ?? []
      const devices = members.map((name) => parseDev(this.#text(`/sys/class/block/${name}/dev`))).filter((dev) => dev !== null)
      if (devices.includes(found.rdev)) for (const dev of devices) this.device(dev)
    }
  }

  /** A file or directory that a layer above is made of. */
  #file(path: string, what: string): void {
    const below = this.#kernel.exists(path) ? mountContaining(this.#mounts, path) : undefined
    if (below === undefined) this.unresolved.push(what)
    else this.mount(below)
  }

  device(dev: bigint): void {
    if (!this.#isNew(`device ${dev}`)) return
    const { major, minor } = splitDev(dev)
    const at = attempt(() => this.#kernel.realpath(`/sys/dev/block/${major}:${minor}`))
    if (at === null) {
      this.unresolved.push(`block device ${major}:${minor}`)
      return
    }
    const name = at.slice(at.lastIndexOf('/') + 1)
    this.needs.push({ kind: 'block-device', name, rdev: dev })
    if (this.#kernel.exists(`${at}/partition`)) {
      const whole = parseDev(this.#text(`${at.slice(0, at.lastIndexOf('/'))}/dev`))
      if (whole !== null) this.device(whole)
      return
    }
    this.#layer(at, name)
    for (const slave of attempt(() => this.#kernel.readdir(`${at}/slaves`)) ?? []) {
      const below = parseDev(this.#text(`${at}/slaves/${slave}/dev`))
      if (below === null) this.unresolved.push(`device '${slave}' below '${name}'`)
      else this.device(below)
    }
  }

  #layer(at: string, name: string): void {
    const nbd = this.#text(`${at}/pid`)
    if (name.startsWith('nbd') && nbd !== null) this.needs.push({ kind: 'nbd', name, pid: Number(nbd) })
    const ublk = /^ublkb(\d+)$/.exec(name)
    const ublkDev = ublk === null ? null : parseDev(this.#text(`/sys/class/ublk-char/ublkc${ublk[1]}/dev`))
    if (ublkDev !== null) this.needs.push({ kind: 'char-device', name: `ublkc${ublk?.[1]}`, rdev: ublkDev })
    if (this.#text(`${at}/md/metadata_version`)?.startsWith('external:') === true) this.#externalMd(at, name)
    const mapper = this.#text(`${at}/dm/uuid`)
    if (mapper !== null) this.needs.push({ kind: 'device-mapper', name, isMultipath: mapper.startsWith('mpath-') })
    const backing = this.#text(`${at}/loop/backing_file`)
    if (backing !== null) this.#file(backing, `backing file '${backing}' of '${name}'`)
    if (/\/session\d+\//.test(at)) {
      const sockets = netlinkSockets(this.#text('/proc/net/netlink') ?? '', NETLINK_ISCSI)
      this.needs.push({ kind: 'iscsi', name, sockets })
    }
  }

  /** mdmon holds files of sysfs open, of the array and of the container that its metadata_version names: '-md127/0' or '/md127/0'. */
  #externalMd(at: string, name: string): void {
    const container = /^external:[/-](md[^/]*)\//.exec(this.#text(`${at}/md/metadata_version`) ?? '')?.[1]
    const arrays = [`${at}/md`, ...(container === undefined ? [] : [`/sys/class/block/${container}/md`])]
    const files = new Set<string>()
    for (const directory of arrays) this.#collect(directory, files)
    this.needs.push({ kind: 'md', name, files })
  }

  #collect(directory: string, files: Set<string>): void {
    for (const entry of attempt(() => this.#kernel.readdir(directory)) ?? []) {
      const path = `${directory}/${entry}`
      const stat = attempt(() => this.#kernel.stat(path))
      if (stat === null) continue
      files.add(`${stat.dev}:${stat.ino}`)
      if (/^(dev-|rd\d)/.test(entry)) {
        for (const file of ['state', 'slot', 'recovery_start', 'bad_blocks', 'unacknowledged_bad_blocks', 'ppl_sector', 'ppl_size']) {
          const member = attempt(() => this.#kernel.stat(`${path}/${file}`))
          if (member !== null) files.add(`${member.dev}:${member.ino}`)
        }
      }
    }
  }
}

/** What some of the mounts stand on. `mounts` are all there are: files that layers are made of are looked up there. */
export function readMountStack(kernel: Doors, mounts: readonly Mount[], targets: readonly Mount[]): RootStack {
  const walk = new Walk(kernel, mounts)
  for (const mount of targets) walk.mount(mount)
  return { needs: walk.needs, unresolved: walk.unresolved }
}

/** What the root mounted at `directory` ('/' or where it is before the switch) and its /usr stand on. */
export function readRootStack(kernel: Doors, mounts: readonly Mount[], directory: string): RootStack {
  const top = directory === '/' ? rootMount(mounts) : topMountAt(mounts, directory)
  const usr = topMountAt(mounts, `${directory === '/' ? '' : directory}/usr`)
  return readMountStack(kernel, mounts, [top, usr].filter((mount) => mount !== undefined))
}
