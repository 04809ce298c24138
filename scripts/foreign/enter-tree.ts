// The place where a foreign suite runs: a Debian tree of the cache, with everything that is written in memory.
// Shell lines that stand at the beginning of each suite's script. $tree, $source and $lock are set before them, and
// $FOREIGN_WORK is an empty directory (run-logged.ts); $root is the place then, with the suite in
// /suite and QEMU's lock at /run/qemu.lock, and all of it is gone at the end.

/**
 * What both suites call `max`, without what QEMU is slow at when it emulates: copies by single bytes, which Linux takes
 * to be fast, and page tables of five levels. A kernel comes to its init in 7 s instead of 15.
 */
export const CPU = 'max,erms=off,fsrm=off,fsrs=off,fzrm=off,la57=off'

export const ENTER_TREE = `
work=$FOREIGN_WORK
mount -t tmpfs -o size=12g work "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sys "$root/sys"
for at in tmp run; do mount -t tmpfs $at "$root/$at"; done
mount -t tmpfs -o mode=755 dev "$root/dev"
for node in null zero full random urandom; do touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/suite"
cp -a "$source/." "$root/suite/"
touch "$lock" "$root/run/qemu.lock"
mount --bind "$lock" "$root/run/qemu.lock"
`
