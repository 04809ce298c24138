// The roots of a conformance scenario, see conformance.h: an initramfs with the usual mounts on it, and a new root.
// Everything lives in the mount namespace of the caller and is gone with it. pivot_root(2), open_tree(2).
#define _GNU_SOURCE
#include "conformance.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define TREE_CLONE 1

void die(const char *what) {
  fprintf(stderr, "stage: %s: %s\n", what, strerror(errno));
  _exit(125);
}

static void must(int result, const char *what) { if (result < 0) die(what); }

static void directory(const char *path, mode_t mode) {
  if (mkdir(path, mode) != 0 && errno != EEXIST) die(path);
}

static void file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  must(fd, path);
  if (write(fd, text, strlen(text)) < 0) die(path);
  close(fd);
}

static void copy(const char *from, const char *to) {
  struct stat status;
  int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  if (in < 0 || out < 0 || fstat(in, &status) != 0) die(from);
  for (off_t at = 0; at < status.st_size;) if (sendfile(out, in, &at, (size_t)(status.st_size - at)) <= 0) die(to);
  fchmod(out, 0755);
  close(in);
  close(out);
}

static void mounted(const char *type, const char *name, const char *at, const char *data) {
  directory(at, 0755);
  if (mount(name, at, type, 0, data) != 0) die(at);
}

static int below(const char *path) {
  int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, TREE_CLONE | O_CLOEXEC);
  must(fd, "open_tree");
  int opened = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(opened, "open");
  close(fd);
  return opened;
}

static void device(const char *path, unsigned major, unsigned minor) {
  if (mknod(path, S_IFCHR | 0666, makedev(major, minor)) != 0) die(path);
}

static void fillNew(void) {
  static const char *const directories[] = {"bin", "dev", "etc", "proc", "run", "sbin", "sys", "tmp"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
    char path[64];
    snprintf(path, sizeof path, "newroot/%s", directories[i]);
    directory(path, 0755);
  }
  // For those that open a console before anything of /dev is there: a null device under its name.
  device("newroot/dev/console", 1, 3);
  file("newroot/etc/newroot", "new\n");
  copy("kit/conformance-init", "newroot/sbin/init");
}

void makeRoots(const struct stage *stage, int *old, int *fresh, int *keep) {
  char path[512];
  must(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC), "unshare");
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
  must(sethostname(stage->id, strlen(stage->id)), "sethostname");
  if (strcmp(stage->rootType, "disk") == 0) {
    snprintf(path, sizeof path, "%s/%s", stage->scratch, stage->id);
    directory(stage->scratch, 0755);
    directory(path, 0755);
    must(mount(path, path, NULL, MS_BIND, NULL), "bind");
  } else {
    snprintf(path, sizeof path, "/mnt");
    must(mount("oldroot", path, stage->rootType, 0, "mode=755"), "old root");
  }
  must(chdir(path), "chdir");
  static const char *const directories[] = {"bin", "etc", "keep", "kit", "marker", "marker/a", "marker/a/b", "newroot", "proc"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) directory(directories[i], 0755);
  file("init", "an init\n");
  file("etc/initrd-release", "ID=conformance\n");
  file("marker/a/b/file", "old\n");
  file("marker/other", "old\n");
  file("keep/hidden", "below a mount\n");
  *old = below(".");
  must(mount(stage->kit, "kit", NULL, MS_BIND, NULL), "kit");
  must(mount(NULL, "kit", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "kit read-only");
  static const char *const links[] = {"lib", "lib64", "usr"};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    snprintf(path, sizeof path, "/kit/%s/%s", stage->program, links[i]);
    if (symlink(path, links[i]) != 0) die(links[i]);
  }
  mounted("tmpfs", "keep", "keep", "mode=755");
  file("keep/seen", "on a mount\n");
  *keep = below("keep");
  mounted("sysfs", "sysfs", "sys", NULL);
  mounted("tmpfs", "dev", "dev", "mode=755");
  device("dev/null", 1, 3);
  device("dev/zero", 1, 5);
  device("dev/kmsg", 1, 11);
  device("dev/tty", 5, 0);
  if (stage->console != NULL) {
    // A terminal of its own, as a container has it: what is said there can be read, and nobody else is disturbed.
    file("dev/console", "");
    must(mount(stage->console, "dev/console", NULL, MS_BIND, NULL), "console");
  }
  mounted("devpts", "devpts", "dev/pts", "mode=620,ptmxmode=666");
  mounted("tmpfs", "run", "run", "mode=755");
  mounted("tmpfs", "sub", "run/sub", "mode=755");
  file("run/sub/file", "carried\n");
  must(mount("newroot", "newroot", "tmpfs", 0, "mode=755"), "new root");
  fillNew();
  *fresh = below("newroot");
  must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount");
  must(chdir("/"), "chdir");
  must(unshare(CLONE_NEWPID), "unshare");
}

int finishRoots(const struct stage *stage) {
  if (!stage->noProc && mount("proc", "/proc", "proc", 0, NULL) != 0) return -1;
  if (stage->setup != NULL) {
    pid_t child = fork();
    if (child == 0) {
      setenv("PATH", "/kit/bin", 1);
      execl("/kit/bin/busybox", "sh", "-e", "-c", stage->setup, (char *)NULL);
      _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return -1;
  }
  if (stage->shared && mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) != 0) return -1;
  return 0;
}
