// Reads the network interfaces from sysfs.
//
// Ethernet and what looks like it (type 1); the loopback and tunnels are nothing a root is behind.
// Source: Documentation/ABI/testing/sysfs-class-net, include/uapi/linux/if_arp.h.

import { isErrno } from '../../kernel/errors.ts'
import { readTextIfThere, readdirIfThere } from '../devices/device-kernel.ts'
import type { DeviceKernel } from '../devices/device-kernel.ts'
import { pciAddress } from './interface-names.ts'
import type { Interface } from './interface-names.ts'

const ARPHRD_ETHER = '1'
const CLASS = '/sys/class/net'
const SLOTS = '/sys/bus/pci/slots'

/** The scope of an address without limits, in /proc/net/if_inet6. */
export const SCOPE_GLOBAL = '00'
export const SCOPE_LINK = '20'
const SCOPE_SITE = '40' // fec0::/10: deprecated, and still advertised by QEMU's user network
const IFA_F_TENTATIVE = 0x40

function devicePath(kernel: DeviceKernel, name: string): string | null {
  try {
    return kernel.realpath(`${CLASS}/${name}/device`)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EINVAL')) return null
    throw error
  }
}

/** The slot that a device or a bridge above it is in, by its PCI address without the function. */
function slotOf(kernel: DeviceKernel, path: string): string | null {
  const address = pciAddress(path)?.text.replace(/\.\d$/, '')
  return readdirIfThere(kernel, SLOTS).find((slot) => readTextIfThere(kernel, `${SLOTS}/${slot}/address`) === address) ?? null
}

function readOne(kernel: DeviceKernel, name: string): Interface | null {
  const text = (file: string): string | null => readTextIfThere(kernel, `${CLASS}/${name}/${file}`)
  if (text('type') !== ARPHRD_ETHER) return null
  const [index, mac, carrier] = [Number(text('ifindex')), text('address') ?? '', text('carrier')]
  const path = devicePath(kernel, name)
  const pciFolder = path === null ? null : path.replace(/\/virtio\d+$/, '')
  const onboard = pciFolder === null ? null : (readTextIfThere(kernel, `${pciFolder}/acpi_index`) ?? readTextIfThere(kernel, `${pciFolder}/index`))
  return {
    name, index, mac, hasCarrier: carrier === null || carrier === '' ? null : carrier === '1', devicePath: path,
    onboard, slot: path === null ? null : slotOf(kernel, path), port: text('dev_port'),
    master: kernel.exists(`${CLASS}/${name}/master`) ? Number(text('master/ifindex')) : null,
  }
}

/** All of them, by their number. One that goes away meanwhile is left out. */
export function readInterfaces(kernel: DeviceKernel): Interface[] {
  return readdirIfThere(kernel, CLASS).flatMap((name) => readOne(kernel, name) ?? []).sort((a, b) => a.index - b.index)
}

/** The IPv6 addresses of an interface that can be used. /proc/net/if_inet6: 'ADDRESS INDEX PREFIX SCOPE FLAGS NAME', all hexadecimal. */
export function readAddresses6(kernel: DeviceKernel, index: number, scope: string): string[] {
  return (readTextIfThere(kernel, '/proc/net/if_inet6') ?? '').split('\n').flatMap((line) => {
    const [hex = '', at = '', , has, flags = ''] = line.trim().split(/\s+/)
    if (parseInt(at, 16) !== index || !(has === scope || (scope === SCOPE_GLOBAL && has === SCOPE_SITE)) || (parseInt(flags, 16) & IFA_F_TENTATIVE) !== 0) return []
    return [hex.replace(/(.{4})(?=.)/g, '$1:')]
  })
}
