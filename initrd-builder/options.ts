// What can be asked of a build, in one type, however it was asked: by flags, fulcrum.toml or the library.
//
// Everything is as the user said it; defaults that depend on the system are found by build-image.ts.

import type { Keep } from '../src/facts/switch-types.ts'
import type { CompressorName, ModuleCompressorName } from './compressor-names.ts'

/** A file or directory to put into the image. */
export interface IncludeOption {
  /** On the running system, or in the sysroot if it begins with `sysroot:`. */
  readonly source: string
  /** In the image; default: the same path. */
  readonly destination?: string
}

/** A hook written for dracut. */
export interface HookOption {
  readonly point: string
  /** Two digits: hooks of a point run in this order. */
  readonly priority: string
  /** A file of this system. */
  readonly source: string
}

/** Everything but `output` has a default. */
export interface BuildOptions {
  /** The image file to write. */
  readonly output: string
  /** Version whose modules go in; default: the running one, or the only one of another sysroot. */
  readonly kernel?: string
  /** Where tools and libraries come from; default `/`. */
  readonly sysroot?: string
  /** Where kernel modules, firmware and the kernel's configuration come from; default: the sysroot. */
  readonly kernelSysroot?: string
  /** Modules for any machine or for the running one; default: `host` if the sysroot is `/` and /sys tells. */
  readonly mode?: 'generic' | 'host'
  readonly features?: readonly string[]
  /** Whether an image for this machine only gets the features that its root needs; default true. */
  readonly auto?: boolean
  /** Default: the best that the kernel's configuration allows. */
  readonly compress?: CompressorName
  /** Kernel modules each by itself; default: `zstd`, but `none` in an image for one machine, which loads most of what it has. */
  readonly compressModules?: ModuleCompressorName
  readonly include?: readonly IncludeOption[]
  /** Hooks written for dracut; they bring the feature 'dracut-hooks'. */
  readonly hooks?: readonly HookOption[]
  /** Directories of modules written for dracut, each with a module-setup.sh. */
  readonly dracutModules?: readonly string[]
  /** Files that are overwritten before the hand-over: read by root only, and in no other copy. */
  readonly secrets?: readonly IncludeOption[]
  /** How the initramfs is kept where the kernel command line does not say; `slim` puts its compressed copy in. */
  readonly keep?: Keep
  /** Further kernel modules, names or aliases. */
  readonly addModules?: readonly string[]
  /** Modules to leave out even if others need them. */
  readonly omitModules?: readonly string[]
  /** Modules to put in and to load at start. */
  readonly load?: readonly string[]
  /** Processor microcode in an early segment if the sysroot has it; default true. */
  readonly microcode?: boolean
  /** The packed fulcrum executable; default: the running one. */
  readonly binary?: string
  /** The addon koffi.node; default: beside the binary. */
  readonly addon?: string
}
