// Namespaces as links in /proc/PID/ns name them, and what the kernel says of a descriptor on one.
//
// Source: include/linux/proc_ns.h; namespaces(7).

/** The pid namespace that the kernel itself makes: PROC_PID_INIT_INO, 0xEFFFFFFC. */
export const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'

/** ioctl(2) on a mount namespace, <linux/nsfs.h>: _IOR(0xb7, 5, __u64), its id, never reused; since Linux 6.11. */
export const NS_GET_MNTNS_ID = 0x8008b705
/** _IOR(0xb7, 11, struct mnt_ns_info): a descriptor on the next one by id; since Linux 6.12. */
export const NS_MNT_GET_NEXT = 0x8010b70b
/** _IOR(0xb7, 12, struct mnt_ns_info): and on the one before. */
export const NS_MNT_GET_PREV = 0x8010b70c
