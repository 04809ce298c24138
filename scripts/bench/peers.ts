// Who is measured beside us, in the order of the table: from a switch of roots and nothing else to whole frameworks.
// Each is made from Debian packages, when its turn comes; what Debian does not have is a row that says so.
// A peer that fails does not stop the others (boot.ts).

import type { Kernel } from '../setup/kernel.ts'
import { debianList, debianMost } from './debian-images.ts'
import { dracutImages } from './dracut-images.ts'
import { hostOnlyImages } from './host-only-images.ts'
import { busyboxImage } from './images.ts'
import type { BenchImage, Candidate } from './images.ts'
import { klibcImage, tinyInitramfs, utilLinuxImage } from './small-peers.ts'

function notInDebian(name: string, more: string): Candidate {
  return { name, get: () => { throw new Error(`Cannot measure '${name}': no Debian release has it${more}`) } }
}

/** The floor: what a person would write by hand. */
export const floorPeer = (kernel: Kernel): Candidate => ({ name: 'busybox switch_root', get: () => busyboxImage(kernel) })

/** All peers. */
export function peers(kernel: Kernel): Candidate[] {
  const dracut = (ending: string) => (): BenchImage => {
    const image = dracutImages(kernel).find(({ name }) => name === ending)
    if (image === undefined) throw new Error(`Cannot measure '${ending}': dracut made no such image`)
    return image
  }
  return [
    { name: 'tiny-initramfs', get: () => tinyInitramfs(kernel) },
    { name: 'klibc run-init', get: () => klibcImage(kernel) },
    floorPeer(kernel),
    { name: 'busybox + util-linux switch_root', get: () => utilLinuxImage(kernel) },
    notInDebian('booster', ''),
    notInDebian('mkinitcpio', '; its exitrd is measured by the shutdown bench'),
    { name: 'initramfs-tools list', get: () => debianList(kernel) },
    { name: 'initramfs-tools most', get: () => debianMost(kernel) },
    { name: 'dracut generic', get: dracut('dracut generic') },
    { name: 'dracut generic systemd', get: dracut('dracut generic systemd') },
    ...hostOnlyImages(kernel),
  ]
}
