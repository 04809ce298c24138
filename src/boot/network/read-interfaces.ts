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
  }
}

/** All of them, by their number. One that goes away meanwhile is left out. */
export function readInterfaces(kernel: DeviceKernel): Interface[] {
  return readdirIfThere(kernel, CLASS).flatMap((name) => readOne(kernel, name) ?? []).sort((a, b) => a.index - b.index)
}
