// Builds QEMU's argument list from typed options. Pure, so that what a test boots can be read, compared and
// printed as a reproduction script without starting anything.
// The machine is deliberately plain and always the same: q35, software emulation (a present but broken KVM must
// not change results), one CPU, no network unless asked for, no defaults. Man page: qemu-system-x86_64(1).

/** How a disk is attached; each is another driver in the guest. */
export type Bus = 'virtio' | 'nvme' | 'scsi' | 'sata'

export interface Disk {
  readonly path: string
  readonly bus: Bus
  /** Attached read-only (the guest sees a write-protected disk). Writes to others go to a throw-away overlay. */
  readonly readOnly?: boolean
  /** Writes go to the file itself, which runGuest makes a throw-away copy of first (GuestSpec.afterwards sees it). */
  readonly writable?: boolean
  readonly serial?: string
}

/** A folder of the host seen by the guest under a tag. */
export type Share =
  | { readonly kind: '9p'; readonly tag: string; readonly path: string; readonly readOnly?: boolean }
  | { readonly kind: 'virtiofs'; readonly tag: string; readonly socket: string }

/** Where the other end of a guest's line is. `socket` connects to a listening Unix socket. */
export type Channel =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdio' }

export interface Machine {
  readonly kernel: string
  /** Boot the kernel as the distribution packed it, decompressor and all; runGuest unpacks it otherwise (unpacked-kernel.ts). */
  readonly bzImage?: boolean
  readonly initrd?: string
  /** Kernel command line, passed as it is. */
  readonly append: string
  readonly memoryMiB: number
  readonly disks?: readonly Disk[]
  /** Controllers to have although no disk is on them yet: for one that is plugged in while the guest runs. */
  readonly controllers?: readonly ('scsi' | 'sata')[]
  readonly shares?: readonly Share[]
  /** A network card (virtio): the guest is 10.0.2.15/24 there, 127.0.0.1 of the host 10.0.2.2. 'ipv6': fec0::/64 is advertised too. */
  readonly network?: boolean | 'ipv6'
  /** File that the guest finds as fw_cfg opt/org.fulcrum/script. */
  readonly script?: string
  /** One instruction is one virtual nanosecond: for measuring, not for tests. */
  readonly icount?: boolean
}

export interface Channels {
  /** ttyS0. */
  readonly console: Channel
  /** virtio port org.fulcrum.tap. */
  readonly tap: Channel
  /** QEMU's own control channel. */
  readonly qmp?: Channel
  /** ttyS1. */
  readonly secondSerial?: Channel
}

/**
 * QEMU 7.2 crashes about one early boot in ten next to a cmpxchg16b. The others only cost time under emulation, a fifth
 * in all: a fifth level of page tables, stac and clac around each copy, and strings that are moved by bytes.
 */
const TEST_CPU = 'max,cx16=off,la57=off,smap=off,erms=off'

/** Commas separate options inside one argument; a literal one is doubled. */
function value(text: string): string {
  return text.replaceAll(',', ',,')
}

function chardev(id: string, channel: Channel): string[] {
  switch (channel.kind) {
    case 'socket': return ['-chardev', `socket,id=${id},path=${value(channel.path)}`]
    case 'file': return ['-chardev', `file,id=${id},path=${value(channel.path)}`]
    case 'stdio': return ['-chardev', `stdio,id=${id},signal=off`]
  }
}

function diskArguments(disk: Disk, index: number): string[] {
  const id = `disk${index}`
  const access = disk.readOnly === true ? ',readonly=on' : disk.writable === true ? '' : ',snapshot=on'
  const drive = `file=${value(disk.path)},if=none,id=${id},format=raw${access}`
  const serial = `,serial=${value(disk.serial ?? `fulcrum${index}`)}`
  const device = {
    virtio: `virtio-blk-pci,drive=${id}${serial}`,
    nvme: `nvme,drive=${id}${serial}`,
    scsi: `scsi-hd,drive=${id},bus=scsi.0${serial}`,
    sata: `ide-hd,drive=${id},bus=ahci.${index}${serial}`,
  }[disk.bus]
  return ['-drive', drive, '-device', device]
}

function shareArguments(share: Share, index: number): string[] {
  const id = `share${index}`
  if (share.kind === 'virtiofs') {
    return ['-chardev', `socket,id=${id},path=${value(share.socket)}`,
      '-device', `vhost-user-fs-pci,chardev=${id},tag=${value(share.tag)}`]
  }
  const readOnly = share.readOnly === true ? ',readonly=on' : ''
  return ['-fsdev', `local,id=${id},path=${value(share.path)},security_model=none${readOnly}`,
    '-device', `virtio-9p-pci,fsdev=${id},mount_tag=${value(share.tag)}`]
}

/** The arguments after the program's name. */
export function qemuArguments(machine: Machine, channels: Channels): string[] {
  const disks = machine.disks ?? []
  const shares = machine.shares ?? []
  const uses = (bus: 'scsi' | 'sata'): boolean =>
    disks.some((disk) => disk.bus === bus) || machine.controllers?.includes(bus) === true
  const memory = `${machine.memoryMiB}M`
  // vhost-user devices read the guest's memory, which must therefore be shared.
  const sharedMemory = shares.some((share) => share.kind === 'virtiofs')
    ? ['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`, '-numa', 'node,memdev=memory'] : []
  return [
    '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none', '-nic', 'none', '-no-reboot',
    '-M', 'q35,sata=off', '-accel', 'tcg', '-smp', '1', '-m', memory, ...sharedMemory,
    '-cpu', TEST_CPU,
    ...(machine.icount === true ? ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm', '-seed', '1'] : []),
    '-kernel', machine.kernel,
    ...(machine.initrd === undefined ? [] : ['-initrd', machine.initrd]),
    '-append', machine.append,
    ...(machine.script === undefined ? [] : ['-fw_cfg', `name=opt/org.fulcrum/script,file=${value(machine.script)}`]),
    ...chardev('console', channels.console), '-serial', 'chardev:console',
    ...(channels.secondSerial === undefined ? []
      : [...chardev('second', channels.secondSerial), '-serial', 'chardev:second']),
    ...(channels.qmp === undefined ? [] : [...chardev('qmp', channels.qmp), '-mon', 'chardev=qmp,mode=control']),
    '-device', 'virtio-serial-pci,max_ports=2',
    ...chardev('tap', channels.tap), '-device', 'virtserialport,chardev=tap,name=org.fulcrum.tap',
    ...(uses('scsi') ? ['-device', 'virtio-scsi-pci,id=scsi'] : []),
    ...(uses('sata') ? ['-device', 'ich9-ahci,id=ahci'] : []),
    // Not restrict=on: with it the guest would not reach the host's servers either.
    ...(machine.network !== undefined && machine.network !== false ? ['-netdev', `user,id=net0${machine.network === 'ipv6' ? '' : ',ipv6=off'}`, '-device', 'virtio-net-pci,netdev=net0,romfile='] : []),
    ...disks.flatMap(diskArguments),
    ...shares.flatMap(shareArguments),
  ]
}

/** One argument for a POSIX shell. */
export function shellQuote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll(`'`, `'\\''`)}'`
}
