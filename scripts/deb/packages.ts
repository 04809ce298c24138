// What the Debian packages of fulcrum are: which components each has, and its control file.
//
// The hook of initramfs-tools is in every image as soon as it is installed, so it is a package of its own, as is the
// module of dracut: installing the program must not change how a machine boots. Pure.  deb-control(5), deb(7).

import { components } from '../../src/install/layout.ts'
import type { Component } from '../../src/install/layout.ts'

export interface PackageKind {
  readonly name: string
  /** What of `fulcrum install` it has. */
  readonly components: readonly Component[]
  /** 'all' for one without programs. */
  readonly isForAll: boolean
  /** Besides the libraries. */
  readonly depends: readonly string[]
  readonly suggests: readonly string[]
  /** What dpkg is asked to run afterwards, by deb-triggers(5). */
  readonly triggers: readonly string[]
  readonly summary: string
  readonly description: string
}

/** By name, so that a component that this version has not is no error. */
const OWN: Readonly<Record<string, Omit<PackageKind, 'components'>>> = {
  'initramfs-tools': {
    name: 'fulcrum-initramfs', isForAll: true, depends: ['initramfs-tools-core | initramfs-tools'], suggests: ['squashfs-tools'], triggers: ['update-initramfs'],
    summary: 'initramfs that stays for the shutdown - integration with initramfs-tools',
    description: "Debian's own initramfs hands over to the real root through fulcrum. It stays in memory, and the system returns to it when it shuts down, so that file systems, LUKS, LVM, arrays and network disks below the root are let go of.",
  },
  dracut: {
    name: 'fulcrum-dracut', isForAll: true, depends: ['dracut-core | dracut'], suggests: ['squashfs-tools'], triggers: ['update-initramfs'],
    summary: 'initramfs that stays for the shutdown - integration with dracut',
    description: 'An initramfs of dracut hands over to the real root through fulcrum. What is needed to come back stays in memory, so that nothing has to be unpacked when the system shuts down.',
  },
}

const MAIN: Omit<PackageKind, 'components'> = {
  name: 'fulcrum', isForAll: false, depends: [], suggests: ['fulcrum-initramfs | fulcrum-dracut', 'squashfs-tools'], triggers: [],
  summary: 'initramfs, switch_root and the way back in one program',
  description: 'Fulcrum builds initramfs images and is the init in them, stands in for switch_root, run-init and pivot_root, returns to the initramfs when the system shuts down, and shows mounts, processes and devices of early boot.',
}

/** The packages: the program with all that changes no boot, and one for each generator whose images change at once. */
export function packageKinds(): PackageKind[] {
  const separate = components.filter((it) => OWN[it] !== undefined)
  const own = separate.flatMap((it): PackageKind[] => {
    const kind = OWN[it]
    return kind === undefined ? [] : [{ ...kind, components: [it] }]
  })
  return [{ ...MAIN, components: components.filter((it) => !separate.includes(it)) }, ...own]
}

/** Sonames to packages of Debian. */
const LIBRARIES: Readonly<Record<string, string>> = {
  'libc.so.6': 'libc6', 'libm.so.6': 'libc6', 'libdl.so.2': 'libc6', 'libpthread.so.0': 'libc6', 'librt.so.1': 'libc6', 'ld-linux-x86-64.so.2': 'libc6',
  'libstdc++.so.6': 'libstdc++6', 'libgcc_s.so.1': 'libgcc-s1',
}

/** The dependencies by the sonames that the programs need, libc6 with the version whose symbols they use. Throws Error for one that is not known. */
export function libraryDepends(sonames: readonly string[], libcVersion: string): string[] {
  const packages = new Set(sonames.map((name) => {
    const found = LIBRARIES[name]
    if (found === undefined) throw new Error(`Cannot tell which Debian package has '${name}': add it to scripts/deb/packages.ts`)
    return found
  }))
  return [...packages].sort().map((name) => (name === 'libc6' ? `libc6 (>= ${libcVersion})` : name))
}

/** The newest of the GLIBC_2.x versions that a program names. */
export function newestGlibc(text: string): string {
  const minors = [...text.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
  return `2.${Math.max(17, ...minors)}`
}

/** Folded at 75 columns and indented, as the long part of Description has it. */
function fold(text: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + word.length > 74) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.map((line) => ` ${line}`).join('\n')
}

export interface ControlFields {
  readonly version: string
  readonly architecture: string
  readonly maintainer: string
  readonly installedKiB: number
  readonly libraries: readonly string[]
}

/** The text of DEBIAN/control. */
export function controlText(kind: PackageKind, fields: ControlFields): string {
  const depends = [...(kind.name === MAIN.name ? [] : [`${MAIN.name} (>= ${fields.version})`]), ...fields.libraries, ...kind.depends]
  return [
    `Package: ${kind.name}`, `Version: ${fields.version}`, `Architecture: ${kind.isForAll ? 'all' : fields.architecture}`, `Maintainer: ${fields.maintainer}`,
    `Installed-Size: ${fields.installedKiB}`, ...(depends.length > 0 ? [`Depends: ${depends.join(', ')}`] : []),
    ...(kind.suggests.length > 0 ? [`Suggests: ${kind.suggests.join(', ')}`] : []), 'Section: admin', 'Priority: optional',
    `Description: ${kind.summary}`, fold(kind.description), '',
  ].join('\n')
}
