// The interfaces that the firmware booted from by iSCSI: its table (iBFT) as the kernel shows it in sysfs.
//
// What it says is what ip= would: one interface by its MAC address, with DHCP or an address. ip= wins.
// Documentation/ABI/testing/sysfs-ibft, drivers/firmware/iscsi_ibft.c; Microsoft's iBFT 1.02 (flags, origin).

import { readTextIfThere, readdirIfThere } from '../devices/device-kernel.ts'
import type { DeviceKernel } from '../devices/device-kernel.ts'
import { defaultPrefix, isAddress, parseMac, prefixOf } from './ip-address.ts'
import { DHCP_ANYWHERE } from './parse-ip.ts'
import type { InterfaceRequest } from './parse-ip.ts'
import type { LinkRequest } from './parse-links.ts'
import type { NetworkWords } from '../words/network-words.ts'

const TABLE = '/sys/firmware/ibft'
/** Bits of 'flags'. */
const VALID = 1
const SELECTED = 2
/** 'origin': the address is of DHCP. */
const BY_DHCP = '3'

interface Entry {
  readonly request: InterfaceRequest
  /** The VLAN that it is on; null: on none. */
  readonly vlan: LinkRequest | null
  /** The firmware has booted by it. */
  readonly isSelected: boolean
}

function readEntry(kernel: DeviceKernel, at: string): Entry | null {
  const directory = `${TABLE}/${at}`
  const text = (file: string): string | null => readTextIfThere(kernel, `${directory}/${file}`)?.trim() ?? null
  const address = (file: string): string | null => {
    const value = text(file)
    return value !== null && isAddress(value) && !/^(0\.0\.0\.0|::)$/.test(value) ? value : null
  }
  const flags = Number(text('flags') ?? VALID)
  const mac = parseMac(text('mac') ?? '')
  if ((flags & VALID) === 0 || mac === null) return null
  const own = address('ip-addr')
  const isStatic = own !== null && text('origin') !== BY_DHCP && address('dhcp') === null
  const family = own?.includes(':') === true ? 6 : 4
  const prefix = prefixOf(text('prefix-len') ?? text('subnet-mask') ?? '', family)
  const id = Number(text('vlan') ?? 0)
  const vlan: LinkRequest | null = id > 0 ? { kind: 'vlan', name: `ibft${at.replace(/\D+/, '')}.${id}`, ports: [mac], id } : null
  return {
    vlan, isSelected: (flags & SELECTED) !== 0,
    request: {
      ...DHCP_ANYWHERE, device: vlan?.name ?? mac,
      ...(isStatic ? {
        method: 'off', address: { address: own, prefix: prefix ?? (family === 6 ? 64 : defaultPrefix(own)) }, gateway: address('gateway'),
        dns: [address('primary-dns'), address('secondary-dns')].filter((one) => one !== null),
      } : {}),
    },
  }
}

/** Those that the firmware has booted by, or all that it knows; empty without a table. */
function firmwareEntries(kernel: DeviceKernel): Entry[] {
  const names = readdirIfThere(kernel, TABLE).filter((name) => /^ethernet\d+$/.test(name)).sort()
  const entries = names.map((name) => readEntry(kernel, name)).filter((entry) => entry !== null)
  const selected = entries.filter(({ isSelected }) => isSelected)
  return selected.length > 0 ? selected : entries
}

/** What they ask for. */
export function firmwareInterfaces(kernel: DeviceKernel): InterfaceRequest[] {
  return firmwareEntries(kernel).map(({ request }) => request)
}

/** The links to be made: those of the command line, and a VLAN of the table where its interfaces are wanted. */
export function wantedLinks(kernel: DeviceKernel, { interfaces, links, iscsi }: Pick<NetworkWords, 'interfaces' | 'links' | 'iscsi'>): readonly LinkRequest[] {
  const told = interfaces.length === 0 && iscsi.firmware ? firmwareEntries(kernel).flatMap(({ vlan }) => vlan ?? []) : []
  return [...links, ...told.filter(({ name }) => !links.some((link) => link.name === name))]
}

/** What is to be brought up: what ip= says, else the firmware's table where its targets are asked for, else whatever DHCP answers. */
export function wantedInterfaces(kernel: DeviceKernel, { interfaces, iscsi }: Pick<NetworkWords, 'interfaces' | 'iscsi'>): readonly InterfaceRequest[] {
  if (interfaces.length > 0) return interfaces
  const told = iscsi.firmware ? firmwareInterfaces(kernel) : []
  return told.length > 0 ? told : [DHCP_ANYWHERE]
}
