// The processes that a hook can leave behind, one of each kind that is hard to tell: what origin has to know of all
// of them is in docs/kernel-facts.md B. As a hook it starts them; each then is this program again, with a name to
// find it by, and waits. prctl(2), memfd_create(2), unshare(2).
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const self = "/bin/process-zoo";

static void copy(const char *to) {
  int in = open(self, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  char buffer[65536];
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;)
    if (write(out, buffer, n) != n) _exit(1);
  close(in);
  close(out);
}

// Runs `prepare` in a new process and then the program at `path` as the animal `name`.
static void animal(const char *name, const char *path, void (*prepare)(void)) {
  if (fork() != 0) return;
  setsid();
  if (prepare != NULL) prepare();
  execl(path, path, "stay", name, (char *)NULL);
  _exit(1);
}

static void own_mounts(void) { if (unshare(CLONE_NEWNS) != 0) _exit(1); }
static void own_user(void) { if (unshare(CLONE_NEWUSER) != 0) _exit(1); }
static void in_jail(void) { if (chroot("/jail") != 0 || chdir("/") != 0) _exit(1); }
static void other_user(void) { if (setgid(1000) != 0 || setuid(1000) != 0) _exit(1); }
static void deaf(void) { signal(SIGTERM, SIG_IGN); }
static void marked(void) {
  execl(self, "@zoo", "stay", "zoo-marked", (char *)NULL);
  _exit(1);
}
static void in_memory(void) {
  int in = open(self, O_RDONLY), fd = memfd_create("zoo", 0);
  char buffer[65536];
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;)
    if (write(fd, buffer, n) != n) _exit(1);
  char *argv[] = {"zoo", "stay", "zoo-memfd", NULL}, *env[] = {NULL};
  fexecve(fd, argv, env);
  _exit(1);
}
static void script(void) {
  execl("/tmp/zoo-script", "/tmp/zoo-script", (char *)NULL);
  _exit(1);
}

int main(int argc, char **argv) {
  // As an interpreter it gets "zoo-script" and the script's path instead of "stay" and a name.
  if (argc > 2) {
    const char *name = strcmp(argv[1], "stay") == 0 ? argv[2] : argv[1];
    prctl(PR_SET_NAME, name);
    for (int fd = 0; fd < 3; fd++) close(fd);
    if (strcmp(name, "zoo-parent") == 0 && fork() == 0) {
      prctl(PR_SET_NAME, "zoo-zombie");
      _exit(0);
    }
    for (;;) pause();
  }
  mkdir("/jail", 0755);
  mkdir("/jail/bin", 0755);
  copy("/jail/bin/process-zoo");
  copy("/tmp/zoo-deleted");
  copy("/run/zoo-run");
  FILE *file = fopen("/tmp/zoo-script", "w");
  fprintf(file, "#!%s zoo-script\n", self);
  fclose(file);
  chmod("/tmp/zoo-script", 0755);
  animal("zoo-plain", self, NULL);
  animal("zoo-mntns", self, own_mounts);
  animal("zoo-userns", self, own_user);
  animal("zoo-chroot", "/bin/process-zoo", in_jail);
  animal("zoo-deleted", "/tmp/zoo-deleted", NULL);
  animal("zoo-run", "/run/zoo-run", NULL);
  animal("zoo-user", self, other_user);
  animal("zoo-parent", self, NULL);
  animal("zoo-deaf", self, deaf);
  animal("", self, marked);
  animal("", self, in_memory);
  animal("", self, script);
  usleep(300000);
  unlink("/tmp/zoo-deleted");
  return 0;
}
