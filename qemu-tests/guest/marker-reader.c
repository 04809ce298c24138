// Opens and reads one small file over and over, from a mount namespace of its own if asked, and counts what it saw.
// The file has "below" or a number that only grows: what a reader may never see is "below", an error, or a step back.
// usage: marker-reader host|peer|slave|pivot PATH; prints "ready", runs until SIGTERM, prints its counts. pivot_root(2).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t ended;
static void end(int number) { (void)number; ended = 1; }

static void check(int result, const char *what) {
  if (result == 0) return;
  fprintf(stderr, "marker-reader: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void enter(const char *mode) {
  if (strcmp(mode, "host") == 0) return;
  check(unshare(CLONE_NEWNS), "unshare");
  if (strcmp(mode, "peer") == 0) return;
  check(mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL), "slave");
  if (strcmp(mode, "slave") == 0) return;
  char root[] = "/tmp/marker-reader-XXXXXX";
  if (mkdtemp(root) == NULL) check(-1, "mkdtemp");
  check(mount("/", root, NULL, MS_BIND | MS_REC, NULL), "bind");
  check(chdir(root), "chdir");
  check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount");
  check(chdir("/"), "chdir");
  rmdir(root);
}

int main(int argc, char **argv) {
  if (argc != 3) return 100;
  unsigned long reads = 0, errors = 0, below = 0, back = 0, seen = 0;
  int newest = 0, last_error = 0;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // What swaps is to get its turn on a small machine.
  if (nice(5) == -1) errno = 0;
  struct sigaction action = { .sa_handler = end };
  sigaction(SIGTERM, &action, NULL);
  enter(argv[1]);
  printf("ready\n");
  fflush(stdout);
  while (!ended) {
    char text[32] = "";
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    reads++;
    if (count <= 0) {
      errors++;
      last_error = errno;
    } else if (text[0] == 'b') {
      below++;
    } else {
      int version = atoi(text);
      if (version < newest) back++;
      if (version > newest) seen++, newest = version;
    }
  }
  printf("%s reads %lu errors %lu below %lu back %lu versions %lu newest %d%s%s\n", argv[1], reads, errors, below, back, seen, newest,
         errors == 0 ? "" : " last error ", errors == 0 ? "" : strerror(last_error));
  return 0;
}
