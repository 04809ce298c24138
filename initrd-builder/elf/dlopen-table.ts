// Libraries that well-known programs open by name, where no `.note.dlopen` tells of it.
//
// Short on purpose: only what was seen to fail in an initramfs without it. Each is taken if the sysroot
// has it. For anything else there is --include.

/** By the file's base name: what it opens, and why. */
const table: readonly { readonly names: RegExp; readonly opens: readonly string[]; readonly why: string }[] = [
  {
    // glibc opens it on pthread_cancel and pthread_exit, and aborts if it is not there.
    names: /^(cryptsetup|systemd-cryptsetup|veritysetup|integritysetup|multipathd|dmeventd|btrfs|mdmon)$/,
    opens: ['libgcc_s.so.1'],
    why: 'opened by glibc when a thread is cancelled',
  },
  {
    names: /^(kmod|systemd-udevd|udevadm)$/,
    opens: ['libzstd.so.1', 'liblzma.so.5', 'libz.so.1', 'libkmod.so.2'],
    why: 'opened for compressed kernel modules',
  },
]

export interface DlopenExtra {
  readonly soname: string
  readonly why: string
}

/** What the program of this path is known to open. */
export function dlopenExtras(path: string): DlopenExtra[] {
  const base = path.slice(path.lastIndexOf('/') + 1)
  return table.filter(row => row.names.test(base)).flatMap(row => row.opens.map(soname => ({ soname, why: row.why })))
}
