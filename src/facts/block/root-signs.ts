// What tells that a file system is a root, and what it is called.
//
// Facts for the guided choice of the rescue console: which types to look into, with which options, so that
// nothing on them is changed, and what of os-release(5) a person knows the system by.
// Sources: ext4(5), xfs(5), btrfs(5); os-release(5).

/** Mount options that keep a read-only mount from replaying a log; the types that are looked into. */
export const LOOK_OPTIONS: Readonly<Record<string, string | null>> = {
  ext2: null,
  ext3: 'noload',
  ext4: 'noload',
  // A copy of a file system has the same UUID, which XFS refuses otherwise.
  xfs: 'norecovery,nouuid',
  btrfs: 'rescue=nologreplay',
  f2fs: 'norecovery',
  squashfs: null,
  erofs: null,
}

/** Any of these makes a directory a root; paths inside it. */
export const ROOT_SIGNS: readonly string[] = ['/sbin/init', '/usr/lib/systemd/systemd', '/lib/systemd/systemd', '/etc/os-release', '/usr/lib/os-release']

export const OS_RELEASE_PATHS: readonly string[] = ['/etc/os-release', '/usr/lib/os-release']

/** Subvolumes of btrfs that distributions put the root in, besides the default one: openSUSE has that, these are Debian's, Fedora's, Arch's. */
export const ROOT_SUBVOLUMES: readonly string[] = ['@', '@rootfs', 'root']

/** PRETTY_NAME, or NAME, without control characters; null when there is none. */
export function systemName(osRelease: string): string | null {
  for (const key of ['PRETTY_NAME', 'NAME']) {
    const value = new RegExp(`^${key}=(["']?)(.*)\\1\\s*$`, 'm').exec(osRelease)?.[2]
    if (value !== undefined && value !== '') return value.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '?').slice(0, 80)
  }
  return null
}
