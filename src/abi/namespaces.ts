// Namespaces as links in /proc/PID/ns name them.
//
// Source: include/linux/proc_ns.h; namespaces(7).

/** The pid namespace that the kernel itself makes: PROC_PID_INIT_INO, 0xEFFFFFFC. */
export const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'
