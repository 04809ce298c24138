// File systems whose files somebody else knows: a server, the other machines of a cluster, a FUSE daemon.
//
// One table for all who have to be careful with them: looking up a path on one, or asking for a file's attributes, waits
// for an answer that may never come. proc_filesystems(5); fs/*/, fuse(4).

interface FarFilesystem {
  /** What was written lies with somebody else, at the latest after an unmount: no device has to be made clean. */
  readonly data: boolean
  /** stat(2) of an open file, or of one that a link of /proc leads to, asks again. */
  readonly asks: boolean
}

const both: FarFilesystem = { data: true, asks: true }
// virtiofs is served by the hypervisor, which ends with this machine.
const dataOnly: FarFilesystem = { data: true, asks: false }

const far: Readonly<Record<string, FarFilesystem>> = {
  nfs: both, nfs4: both, cifs: both, smb3: both, ceph: both, '9p': both, afs: both, orangefs: both,
  gfs2: both, ocfs2: both,
  virtiofs: dataOnly, lustre: dataOnly, glusterfs: dataOnly,
  coda: { data: false, asks: true },
}

/** A FUSE server is a process of this machine: it is ended like one, and may be slow. */
export function isFuse(fstype: string): boolean {
  return /^fuse(blk)?(\.|$)/.test(fstype)
}

/** True where the data is with a server: written back by an unmount, and read-only does not need to come first. FUSE is not meant. */
export function isOnServer(fstype: string): boolean {
  return far[fstype]?.data === true
}

/** True for a file system that may block whoever asks it for a file's attributes, FUSE included. */
export function mayHang(fstype: string): boolean {
  return isFuse(fstype) || far[fstype]?.asks === true
}
