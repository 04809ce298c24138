// Process, file and signal constants of the kernel's ABI, verbatim.
//
// Sources: include/uapi/asm-generic/{fcntl,signal-defs,resource,ioctls}.h, include/uapi/linux/reboot.h,
// <sys/wait.h>, <poll.h>, prctl(2), reboot(2).

export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_NOCTTY = 0o400
export const O_TRUNC = 0o1000
export const O_APPEND = 0o2000
export const O_NONBLOCK = 0o4000
export const O_DIRECTORY = 0o200000
export const O_NOFOLLOW = 0o400000
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000

/** flock(2). */
export const LOCK_EX = 2
export const LOCK_NB = 4

export const F_GETFD = 1
export const F_SETFD = 2
export const F_GETFL = 3
export const F_SETFL = 4
/** Who gets the signal of O_ASYNC, and which: fcntl(2). */
export const F_SETOWN = 8
export const F_SETSIG = 10
export const O_ASYNC = 0o20000
export const FD_CLOEXEC = 1

/** close_range(2) flag, since Linux 5.11. */
export const CLOSE_RANGE_CLOEXEC = 4

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000

export const SIGHUP = 1
export const SIGINT = 2
export const SIGTRAP = 5
export const SIGKILL = 9
export const SIGUSR1 = 10
export const SIGPIPE = 13
export const SIGTERM = 15
export const SIGCHLD = 17
export const SIGCONT = 18
export const SIGSTOP = 19
export const SIGXFSZ = 25
export const SIG_BLOCK = 0
export const SIG_UNBLOCK = 1
export const SIG_SETMASK = 2

export const RLIMIT_NOFILE = 7
/** The soft limit of RLIMIT_NOFILE that the kernel gives its init: INR_OPEN_CUR, include/uapi/linux/fs.h. */
export const INIT_NOFILE_SOFT = 1024n

/** waitid(2) and wait4(2). */
export const P_ALL = 0
export const WNOHANG = 1
export const WEXITED = 4
export const WNOWAIT = 0x01000000
/** Also children that no SIGCHLD is sent for, and tracees. */
export const WALL = 0x40000000

export const POLLIN = 1
export const POLLPRI = 2
export const POLLERR = 8
export const POLLHUP = 16

/** prctl(2), <linux/prctl.h>. */
export const PR_SET_PDEATHSIG = 1
export const PR_GET_DUMPABLE = 3
export const PR_SET_DUMPABLE = 4
export const PR_SET_NAME = 15
export const PR_CAPBSET_DROP = 24
export const PR_SET_NO_NEW_PRIVS = 38
export const PR_CAP_AMBIENT = 47
export const PR_CAP_AMBIENT_CLEAR_ALL = 4

/** reboot(2) commands, <linux/reboot.h>. */
export const RB_AUTOBOOT = 0x01234567
export const RB_HALT_SYSTEM = 0xcdef0123
export const RB_POWER_OFF = 0x4321fedc
export const RB_KEXEC = 0x45584543
export const RB_ENABLE_CAD = 0x89abcdef
export const RB_DISABLE_CAD = 0

/** clone(2) flags, <linux/sched.h>. */
export const CLONE_VM = 0x100
export const CLONE_FS = 0x200
export const CLONE_FILES = 0x400
export const CLONE_SIGHAND = 0x800
/** since Linux 5.2 */
export const CLONE_PIDFD = 0x1000
export const CLONE_VFORK = 0x4000
export const CLONE_PARENT = 0x8000
export const CLONE_NEWNS = 0x20000
export const CLONE_PARENT_SETTID = 0x100000
export const CLONE_CHILD_CLEARTID = 0x200000
export const CLONE_NEWCGROUP = 0x02000000
export const CLONE_NEWUTS = 0x04000000
export const CLONE_NEWIPC = 0x08000000
export const CLONE_NEWUSER = 0x10000000
export const CLONE_NEWPID = 0x20000000
export const CLONE_NEWNET = 0x40000000
/** clone3(2) only: signals that have a handler are at their default in the child; since Linux 5.5. As a number, larger than 32 bits. */
export const CLONE_CLEAR_SIGHAND = 0x100000000
/** clone3(2) only; since Linux 5.7. */
export const CLONE_INTO_CGROUP = 0x200000000n
/** clone3(2) only: a mount namespace with nothing in it; since Linux 7.1. As a number, larger than 32 bits. */
export const CLONE_EMPTY_MNTNS = 0x2000000000

/** finit_module(2) flags; the last one since Linux 5.17. */
export const MODULE_INIT_COMPRESSED_FILE = 4

/** netlink(7): uevents of the kernel. */
export const AF_NETLINK = 16
export const SOCK_DGRAM = 2
export const SOCK_CLOEXEC = O_CLOEXEC
export const NETLINK_ROUTE = 0
export const NETLINK_KOBJECT_UEVENT = 15

/** ioctl(2) on terminals and block devices. */
export const TIOCSCTTY = 0x540e
/** Bytes that a terminal has not sent yet, into an int. */
export const TIOCOUTQ = 0x5411
export const BLKGETSIZE64 = 0x80081272
/** Write-protects a block device, from an int. <linux/fs.h> */
export const BLKROSET = 0x125d
/** Sets the readahead of a block device, the argument itself being 512-byte sectors. <linux/fs.h> */
export const BLKRASET = 0x1262

/** Flag of field 9 of proc_pid_stat(5): a kernel thread. include/linux/sched.h. */
export const PF_KTHREAD = 0x00200000

/** Ticks per second of the times in proc_pid_stat(5), whatever CONFIG_HZ is. */
export const USER_HZ = 100

/** netlink(7): the protocol between iscsid and the kernel. */
export const NETLINK_ISCSI = 8

/** memfd_create(2), since Linux 3.17. */
export const MFD_CLOEXEC = 1
export const MFD_ALLOW_SEALING = 2
/** since Linux 6.3, EINVAL before: the file may be executed, whatever sysctl vm.memfd_noexec is by default. */
export const MFD_EXEC = 0x10
/** fcntl(2), <linux/fcntl.h>. */
export const F_ADD_SEALS = 1033
export const F_SEAL_SEAL = 1
export const F_SEAL_SHRINK = 2
export const F_SEAL_GROW = 4
export const F_SEAL_WRITE = 8

/** sched_setattr(2), uapi/linux/sched.h: children begin with nice 0, and without this flag. */
export const SCHED_OTHER = 0
export const SCHED_FLAG_RESET_ON_FORK = 1
/** uapi/linux/sched/types.h: struct sched_attr, version 0 */
export const SCHED_ATTR_BYTES = 48
