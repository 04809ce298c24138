// All probers in the order in which they are asked.
//
// Containers come first: a device that belongs to a RAID or is encrypted may still carry the
// remains of a file system, and a mirror's halves look exactly like one.

import type { SuperblockProber } from '../superblock.ts'
import { bcachefsProber } from './bcachefs.ts'
import { btrfsProber } from './btrfs.ts'
import { erofsProber } from './erofs.ts'
import { exfatProber } from './exfat.ts'
import { extProber } from './ext.ts'
import { f2fsProber } from './f2fs.ts'
import { fatProber } from './fat.ts'
import { firmwareRaidProber } from './firmware-raid.ts'
import { iso9660Prober } from './iso9660.ts'
import { luksProber } from './luks.ts'
import { lvmProber } from './lvm.ts'
import { mdRaidProber } from './md-raid.ts'
import { ntfsProber } from './ntfs.ts'
import { squashfsProber } from './squashfs.ts'
import { swapProber } from './swap.ts'
import { verityProber } from './verity.ts'
import { xfsProber } from './xfs.ts'

export const superblockProbers: readonly SuperblockProber[] = [
  mdRaidProber,
  firmwareRaidProber,
  lvmProber,
  luksProber,
  swapProber,
  verityProber,
  xfsProber,
  squashfsProber,
  extProber,
  btrfsProber,
  erofsProber,
  f2fsProber,
  bcachefsProber,
  ntfsProber,
  exfatProber,
  iso9660Prober,
  fatProber,
]
